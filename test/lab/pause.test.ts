import assert from "node:assert/strict";
import { setTimeout as pass } from "node:timers/promises";
import { becomes, sees } from "./cluster.ts";
import { Stage } from "./stage.ts";

/** As long as a host that swaps, or is moved alive, may stand still. */
const pauseMs = 30_000;

describe("an agent that is stopped for half a minute and goes on", () => {
  it("has cost nobody a packet or a wait, and soon knows all it slept through", async () => {
    await using stage = await Stage.open({ hosts: ["a", "b", "c"], perSecond: 10 });
    const { cluster, churn, inspector } = stage;
    const [a, c] = [cluster.agent("a"), cluster.agent("c")];
    const others = cluster.agents.filter((agent) => agent !== c);
    c.pause();
    await becomes(a, { name: "c", state: "unreachable" });
    churn.start(others);
    await pass(pauseMs);
    await churn.stop();
    const slowest = Math.max(...churn.tookMs);
    assert.ok(slowest < 1_000, `a change took ${Math.round(slowest)} ms`);
    c.resume();
    await inspector.allHolds(30_000);
    for (const agent of cluster.agents) await sees(agent, 3, 30_000);
    assert.deepEqual([...churn.refusals], []);
    assert.equal(await stage.pingsLost(), 0);
  });
});
