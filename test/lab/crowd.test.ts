import assert from "node:assert/strict";
import { becomes, sees } from "./cluster.ts";
import { Inspector } from "./invariants.ts";
import { Lab } from "./lab.ts";

const hosts = Array.from({ length: 25 }, (_, at) => `h${at + 1}`);
/** Starting so many programs is this machine's work, not the cluster's. */
const startMs = 120_000;

describe("twenty-five agents", () => {
  it("join at once, hear of one change, and of one death, and agree on all of it", async function () {
    this.timeout(280_000);
    await using lab = await Lab.open({ hosts });
    const [first, ...others] = lab.hosts;
    assert.ok(first !== undefined);
    const founder = await first.startAgent().ready();
    const token = await founder.token();
    const join = { join: [first.address], token };
    const joining = others.map((host) => host.startAgent(join));
    const joined = await Promise.all(joining.map((agent) => agent.ready(startMs)));
    const agents = [founder, ...joined];
    // One after the other: all at once would ask more than the agents themselves say.
    for (const agent of agents) await sees(agent, hosts.length, startMs);
    await using inspector = await Inspector.open(agents);
    const create = ["network", "create", "web", "--subnet", "10.32.0.0/16", "--wait"];
    await founder.cli(...create);
    const ends = [agents[0], agents[7], agents[24]].filter((agent) => agent !== undefined);
    for (const agent of ends) {
      const endpoint = await agent.host.endpoint(agent, { network: "web", name: agent.host.name });
      inspector.ledger.added(endpoint.view);
      assert.deepEqual(endpoint.wait?.missing, []);
    }
    await inspector.allHolds(30_000);

    const dead = agents[12];
    await dead?.kill();
    const rest = agents.filter((agent) => agent !== dead);
    const name = "h13";
    for (const agent of rest) await becomes(agent, { name, state: "unreachable" }, 20_000);
    await inspector.allHolds(30_000);
  });
});
