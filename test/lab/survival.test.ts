import assert from "node:assert/strict";
import { becomes, type Cluster, formCluster, sees } from "./cluster.ts";
import type { Endpoint } from "./endpoint.ts";
import { kernelState, tunnelsOf } from "./kernel.ts";
import { Lab } from "./lab.ts";

type Stage = { readonly cluster: Cluster; readonly x: Endpoint; readonly y: Endpoint };

/** Two hosts, one network, an endpoint on each. */
async function setStage(lab: Lab, options = {}): Promise<Stage> {
  const cluster = await formCluster(lab, options);
  await cluster.network("web", "10.32.0.0/16");
  const x = await cluster.endpoint("a", { network: "web", name: "x" });
  const y = await cluster.endpoint("b", { network: "web", name: "y" });
  return { cluster, x, y };
}

describe("traffic", () => {
  it("loses nothing when an agent is killed, while it is away, and when it comes back", async () => {
    await using lab = await Lab.open({ hosts: ["a", "b"] });
    const { cluster, x, y } = await setStage(lab);
    const [a, b] = [cluster.agent("a"), cluster.agent("b")];
    const before = await kernelState(lab.host("b"));
    await using ping = x.startPing(y, 10);
    await ping.answered(20);

    await b.kill();
    await becomes(a, { name: "b", state: "unreachable" });
    await ping.answered(50);
    assert.deepEqual(await kernelState(lab.host("b")), before);

    await b.restart();
    await becomes(a, { name: "b", state: "alive" });
    await ping.answered(50);
    const { sent, received } = await ping.stop();
    assert.ok(sent > 120);
    assert.equal(sent - received, 0);
    assert.deepEqual(await kernelState(lab.host("b")), before);
    assert.equal((await b.api.status()).kernel.repairs, 0);
  });

  it("loses nothing over an orderly restart of every agent at once", async () => {
    await using lab = await Lab.open({ hosts: ["a", "b"] });
    const { cluster, x, y } = await setStage(lab);
    await using ping = x.startPing(y, 10);
    await ping.answered(20);
    await Promise.all(cluster.agents.map((agent) => agent.restart()));
    await Promise.all(cluster.agents.map((agent) => sees(agent, 2)));
    await ping.answered(50);
    const { sent, received } = await ping.stop();
    assert.equal(sent - received, 0);
  });
});

describe("an agent that restarts", () => {
  it("has every network and endpoint it had, and goes on from there", async () => {
    await using lab = await Lab.open({ hosts: ["a", "b"] });
    const { cluster } = await setStage(lab);
    const b = cluster.agent("b");
    const before = (await b.api.endpoints()).map(({ id, mac, addresses }) => ({
      id,
      mac,
      addresses,
    }));
    await b.kill();
    await cluster.endpoint("a", { network: "web", name: "meanwhile" });
    await b.restart();
    await b.eventually("the endpoint made meanwhile", async (api) =>
      (await api.endpoints()).some(({ name, state }) => name === "meanwhile" && state === "up"),
    );
    const after = (await b.api.endpoints())
      .filter(({ name }) => name !== "meanwhile")
      .map(({ id, mac, addresses }) => ({ id, mac, addresses }));
    assert.deepEqual(after, before);
    const more = await cluster.endpoint("b", { network: "web", name: "more" });
    const addresses = (await b.api.endpoints()).flatMap((endpoint) => endpoint.addresses);
    assert.equal(new Set(addresses).size, 4);
    assert.ok(more.address !== "");
  });
});

describe("the kernel", () => {
  it("is put right within five seconds of a foreign edit, and the repair is counted", async () => {
    await using lab = await Lab.open({ hosts: ["a", "b"] });
    const { cluster, x, y } = await setStage(lab);
    const host = lab.host("a");
    const [tunnel] = await tunnelsOf(host);
    const [entry] = tunnel?.entries ?? [];
    assert.ok(tunnel !== undefined && entry !== undefined);
    const { repairs } = (await cluster.agent("a").api.status()).kernel;
    const monitor = await host.monitor("fdb");
    await host.run(["bridge", "fdb", "del", entry.mac, "dev", tunnel.device, "dst", entry.vtep]);
    const pattern = `${entry.mac} dev ${tunnel.device} dst ${entry.vtep} self`;
    const removed = await monitor.until(new RegExp(`^Deleted ${pattern}`), { withinMs: 1_000 });
    const back = await monitor.until(new RegExp(`^${pattern}`), { withinMs: 5_000 });
    assert.ok(back.at - removed.at < 5_000);
    await cluster.agent("a").eventually("the repair is counted", async (api) => {
      return (await api.status()).kernel.repairs > repairs;
    });
    assert.equal((await x.ping(y)).received, 3);
  });

  it("is left as it is by an agent that is told to stop", async () => {
    await using lab = await Lab.open({ hosts: ["a", "b"] });
    const { cluster, x, y } = await setStage(lab);
    const before = await kernelState(lab.host("b"));
    assert.equal((await cluster.agent("b").stop()).code, 0);
    assert.deepEqual(await kernelState(lab.host("b")), before);
    assert.equal((await x.ping(y)).received, 3);
  });

  it("is emptied of all of ours, and of nothing else, by an agent that is told to purge", async () => {
    await using lab = await Lab.open({ hosts: ["a", "b"] });
    await lab.host("b").run(["ip", "link", "add", "name", "sl-mine", "type", "bridge"]);
    const before = await kernelState(lab.host("b"));
    const { cluster, y } = await setStage(lab, { purgeOnExit: true });
    assert.notDeepEqual(await kernelState(lab.host("b")), before);
    assert.equal((await cluster.agent("b").stop()).code, 0);
    assert.deepEqual(await kernelState(lab.host("b")), before);
    await assert.rejects(y.run(["ip", "link", "show", "dev", "eth0"]));
  });
});

describe("a host", () => {
  it("that goes silent is unreachable for the others within three seconds, its endpoints stay", async () => {
    await using lab = await Lab.open({ hosts: ["a", "b"] });
    const { cluster } = await setStage(lab);
    const a = cluster.agent("a");
    const entries = (await tunnelsOf(lab.host("a")))[0]?.entries;
    const cutAt = performance.now();
    await lab.host("b").cut();
    await becomes(a, { name: "b", state: "unreachable" });
    assert.ok(performance.now() - cutAt < 3_000);
    assert.deepEqual((await tunnelsOf(lab.host("a")))[0]?.entries, entries);
    await lab.host("b").mend();
    await becomes(a, { name: "b", state: "alive" });
  });

  it("that is paused and goes on catches up with what it slept through", async () => {
    await using lab = await Lab.open({ hosts: ["a", "b"] });
    const { cluster } = await setStage(lab);
    const [a, b] = [cluster.agent("a"), cluster.agent("b")];
    b.pause();
    await becomes(a, { name: "b", state: "unreachable" });
    const late = await cluster.endpoint("a", { network: "web", name: "late" });
    b.resume();
    await b.eventually("what was made meanwhile", async (api) =>
      (await api.endpoints()).some(({ id }) => id === late.view.id),
    );
    await becomes(a, { name: "b", state: "alive" });
  });

  it("on the far side of a split goes on working, and both sides agree after it", async () => {
    await using lab = await Lab.open({ hosts: ["a", "b", "c"] });
    const cluster = await formCluster(lab);
    await cluster.network("web", "10.32.0.0/16");
    const [a, b, c] = [lab.host("a"), lab.host("b"), lab.host("c")];
    await lab.partition([[a, b], [c]]);
    await becomes(cluster.agent("a"), { name: "c", state: "unreachable" });
    await becomes(cluster.agent("c"), { name: "a", state: "unreachable" });
    const here = await cluster.endpoint("a", { network: "web", name: "here" });
    const there = await cluster.endpoint("c", { network: "web", name: "there" });
    assert.notEqual(here.address, there.address);
    await lab.heal();
    for (const agent of cluster.agents) {
      await agent.eventually("both endpoints", async (api) => (await api.endpoints()).length === 2);
    }
    assert.equal((await here.ping(there, { count: 20, intervalMs: 100 })).received > 0, true);
  });
});
