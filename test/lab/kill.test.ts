import assert from "node:assert/strict";
import { setTimeout as pass } from "node:timers/promises";
import { pick, seededRandom } from "../../base/random.ts";
import { Stage } from "./stage.ts";

const seed = Number(process.env["STARLING_LAB_SEED"] ?? Date.now() % 1_000_000);
const kills = Number(process.env["STARLING_LAB_KILLS"] ?? 8);

describe("agents that are killed at any instant, while endpoints come and go", () => {
  it("keep every promise, and cost no packet between endpoints", async () => {
    process.stdout.write(`      STARLING_LAB_SEED=${seed} STARLING_LAB_KILLS=${kills}\n`);
    const random = seededRandom(seed);
    await using stage = await Stage.open({ hosts: ["a", "b", "c"], seed });
    const { churn, cluster, inspector } = stage;
    churn.start();
    for (let kill = 0; kill < kills; kill += 1) {
      // The instant is the fault: nothing is awaited here.
      await pass(100 + random.below(700));
      const agent = pick(random, cluster.agents);
      if (agent === undefined) continue;
      await agent.kill();
      await agent.restart();
      await inspector.witness.follow(agent);
      await churn.learn(agent);
    }
    await churn.stop();
    assert.ok(churn.done > kills * 3, `${churn.done} changes only`);
    assert.deepEqual([...churn.refusals], []);
    await inspector.allHolds();
    assert.equal(await stage.pingsLost(), 0);
  });
});
