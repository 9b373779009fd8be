import assert from "node:assert/strict";
import type { SubnetView } from "../../agent/view.ts";
import type { Agent } from "./agent.ts";
import { becomes, formCluster, sees } from "./cluster.ts";
import { kernelState, tunnelsOf } from "./kernel.ts";
import { Lab } from "./lab.ts";

async function ownersOn(agent: Agent): Promise<string[]> {
  const [subnet] = await agent.json<readonly SubnetView[]>("ipam", "web");
  return (subnet?.shares ?? []).map(({ host }) => host.name).toSorted();
}

describe("a host that goes", () => {
  it("by leaving hands over what it has, takes its interfaces along, and can come back", async () => {
    await using lab = await Lab.open({ hosts: ["a", "b", "c"] });
    const cluster = await formCluster(lab);
    const [a, b, c] = ["a", "b", "c"].map((name) => cluster.agent(name)) as [Agent, Agent, Agent];
    await cluster.network("web", "10.32.0.0/24");
    const stays = await cluster.endpoint("b", { network: "web", name: "stays" });
    await cluster.endpoint("a", { network: "web", name: "goes" });
    assert.deepEqual(await ownersOn(b), ["a", "b", "c"]);

    assert.match((await a.tryCli("leave")).stderr, /this host is the only admin/);
    await a.cli("admin", "add", "b");
    assert.match(await a.cli("leave"), /this host has left the cluster/);
    const exit = await a.exited;
    assert.equal(exit.code, 0, "the agent ends by itself");
    assert.deepEqual(await tunnelsOf(lab.host("a")), []);
    for (const agent of [b, c]) {
      await becomes(agent, { name: "a", state: "left" });
      assert.deepEqual(await ownersOn(agent), ["b", "c"]);
      assert.deepEqual(
        (await agent.api.endpoints()).map(({ name }) => name),
        ["stays"],
      );
    }

    await a.restart();
    await sees(b, 3);
    const back = await cluster.endpoint("a", { network: "web", name: "back" });
    const { received } = await back.ping(stays, { count: 3 });
    assert.equal(received, 3);
  });

  it("for ever is forgotten: kernels drop it, others get its addresses, and it stays out", async () => {
    await using lab = await Lab.open({ hosts: ["a", "b", "c"] });
    const cluster = await formCluster(lab);
    const [a, b, c] = ["a", "b", "c"].map((name) => cluster.agent(name)) as [Agent, Agent, Agent];
    await cluster.network("web", "10.32.0.0/24");
    await cluster.endpoint("a", { network: "web", name: "x" });
    await cluster.endpoint("c", { network: "web", name: "y" });
    const before = await kernelState(lab.host("a"));

    const refused = await b.tryCli("forget", "c");
    assert.match(refused.stderr, /host c is alive, not unreachable/);
    await c.kill();
    await becomes(b, { name: "c", state: "unreachable" });
    const told = await b.cli("forget", "c", "--wait");
    assert.match(told, /host c is forgotten; its endpoint has left the map/);
    assert.match(told, /Forgetting says that c is off/);
    assert.notDeepEqual(await kernelState(lab.host("a")), before, "a's kernel has let go of it");
    await a.eventually("c's addresses passed on", async () => {
      const owners = await ownersOn(a);
      return owners.length > 0 && !owners.includes("c");
    });
    await becomes(a, { name: "c", state: "retired" });

    await c.restart();
    await c.eventually("the word that it was forgotten", async (api) =>
      (await api.status()).warnings.some((text) => /forgotten by b; .*\(y\)/.test(text)),
    );
    const late = await c.tryCli("network", "create", "late", "--subnet", "10.33.0.0/24");
    assert.match(late.stderr, /this host was retired/);
    await c.eventually(
      "its own tunnels gone",
      async () => (await tunnelsOf(lab.host("c"))).length === 0,
    );
  });
});
