/** The underlay breaks in every way it can, while both sides go on working. */
import assert from "node:assert/strict";
import { becomes, sees } from "./cluster.ts";
import type { Lab } from "./lab.ts";
import { Stage } from "./stage.ts";

type Shape = {
  readonly what: string;
  readonly make: (lab: Lab) => Promise<void>;
  readonly mend: (lab: Lab) => Promise<void>;
  /** Who takes whom for unreachable. */
  readonly deaf: readonly (readonly [string, string])[];
};

const heal = (lab: Lab) => lab.heal();

const shapes: readonly Shape[] = [
  {
    what: "in two halves, by a firewall",
    make: (lab) =>
      lab.partition([
        [lab.host("a"), lab.host("b")],
        [lab.host("c"), lab.host("d")],
      ]),
    mend: heal,
    deaf: [
      ["a", "c"],
      ["d", "b"],
    ],
  },
  {
    what: "by a cable that is pulled",
    make: (lab) => lab.host("d").cut(),
    mend: (lab) => lab.host("d").mend(),
    deaf: [
      ["a", "d"],
      ["d", "a"],
    ],
  },
  {
    what: "in one direction, between two hosts",
    make: (lab) => lab.block(lab.host("c"), lab.host("d")),
    mend: heal,
    deaf: [],
  },
  {
    what: "in one direction, from one host to all others",
    make: async (lab) => {
      for (const to of ["a", "b", "c"]) await lab.block(lab.host("d"), lab.host(to));
    },
    mend: heal,
    deaf: [
      ["a", "d"],
      ["d", "a"],
    ],
  },
];

describe("an underlay", () => {
  let stage: Stage;
  before(async () => {
    stage = await Stage.open({ hosts: ["a", "b", "c", "d"] });
  });
  after(() => stage[Symbol.asyncDispose]());

  for (const { what, make, mend, deaf } of shapes) {
    it(`broken ${what}: no side stops working, and all agree when it is mended`, async () => {
      const { lab, cluster, churn, inspector } = stage;
      await make(lab);
      churn.start();
      for (const [at, name] of deaf) {
        await becomes(cluster.agent(at), { name, state: "unreachable" });
      }
      await stage.pinged(200);
      await churn.stop();
      await mend(lab);
      await inspector.allHolds(30_000);
      for (const agent of cluster.agents) await sees(agent, 4, 30_000);
      assert.deepEqual([...churn.refusals], []);
      assert.equal(await stage.pingsLost(), 0);
    });
  }

  it("that loses three frames in ten brings every change to every kernel all the same", async () => {
    const { lab, churn, inspector } = stage;
    await lab.drop(30);
    churn.start();
    await stage.pinged(150);
    await churn.stop();
    assert.deepEqual([...churn.refusals], []);
    // Nothing is mended before the judgement.
    await inspector.allHolds(45_000);
    await lab.heal();
    assert.ok((await stage.pingsLost()) > 0);
  });
});
