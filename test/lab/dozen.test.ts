import assert from "node:assert/strict";
import { becomes, Cluster, sees } from "./cluster.ts";
import { Lab } from "./lab.ts";

const names = [..."abcdefghijkl"];

/** A cluster of all, started one after the other: a dozen at once would wait for the processor. */
async function formCluster(lab: Lab): Promise<Cluster> {
  const [first, ...others] = lab.hosts;
  assert.ok(first);
  const agents = [await first.startAgent().ready()];
  const token = await agents[0]?.token();
  for (const host of others) {
    const seed = { join: [first.address], ...(token === undefined ? {} : { token }) };
    agents.push(await host.startAgent(seed).ready());
  }
  await Promise.all(agents.map((agent) => sees(agent, agents.length)));
  return new Cluster(agents);
}

describe("a dozen hosts, each linked with its neighbours only", () => {
  it("see each other, one that is killed, one that hangs, and both come back", async () => {
    await using lab = await Lab.open({ hosts: names });
    const cluster = await formCluster(lab);
    const [b, c] = [cluster.agent("b"), cluster.agent("c")];
    const rest = (...not: unknown[]) => cluster.agents.filter((agent) => !not.includes(agent));
    const all = (state: "alive" | "unreachable", name: string, of: typeof cluster.agents) =>
      Promise.all(of.map((agent) => becomes(agent, { name, state }, 5_000)));

    await b.kill();
    const killed = performance.now();
    await all("unreachable", "b", rest(b));
    console.log("kill", performance.now() - killed);
    assert.ok(performance.now() - killed < 3_000);

    const hung = performance.now();
    c.pause();
    await all("unreachable", "c", rest(b, c));
    console.log("hung", performance.now() - hung);
    assert.ok(performance.now() - hung < 5_000);

    c.resume();
    await b.restart();
    await Promise.all(cluster.agents.map((agent) => sees(agent, names.length)));
  });

  it("wait for kernels of hosts they have no link with", async () => {
    await using lab = await Lab.open({ hosts: names });
    const cluster = await formCluster(lab);
    await cluster.network("web", "10.32.0.0/16");
    const x = await cluster.endpoint("a", { network: "web", name: "x" });
    for (const host of names.slice(1)) {
      const flags = ["--network", "web", "--name", `y${host}`];
      void flags;
      const y = await cluster.endpoint(host, { network: "web", name: `y${host}` });
      assert.equal((await x.ping(y)).received, 3);
    }
    assert.equal((await cluster.roots()).size, 1);
  });
});
