import assert from "node:assert/strict";
import { availableParallelism } from "node:os";
import { setTimeout as pass } from "node:timers/promises";
import type { Api } from "./api.ts";
import { becomes, Cluster, sees } from "./cluster.ts";
import { Lab } from "./lab.ts";

type Waited = { readonly wait: { readonly programmed: readonly unknown[] } };

/** For thirty pings and their retries. */
const busyMs = Number(process.env["STARLING_BUSY_MS"] ?? 30_000);
/** The budget is 3 s, which `npm run bench -- gossip` measures; here others may be at work too. */
const healMs = 30_000;
const splitMs = 60_000;
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

describe("a dozen hosts, each linked with its neighbours only", function () {
  this.timeout(240_000 + 4 * Number(process.env["STARLING_BUSY_MS"] ?? 0));

  it("see each other, one that is killed, one that hangs, and both come back", async () => {
    await using lab = await Lab.open({ hosts: names });
    const cluster = await formCluster(lab);
    const [b, c] = [cluster.agent("b"), cluster.agent("c")];
    const rest = (...not: unknown[]) => cluster.agents.filter((agent) => !not.includes(agent));
    const gone = (name: string, of: typeof cluster.agents, withinMs: number) =>
      Promise.all(of.map((agent) => becomes(agent, { name, state: "unreachable" }, withinMs)));

    // Twelve agents and twelve who ask them share two processors: the budgets are 1 s and 3 s.
    await b.kill();
    await gone("b", rest(b), 3_000);
    c.pause();
    await gone("c", rest(b, c), 5_000);

    c.resume();
    await b.restart();
    await Promise.all(cluster.agents.map((agent) => sees(agent, names.length)));
  });

  it("wait for the kernels of hosts they have no link with, and agree on the map", async () => {
    await using lab = await Lab.open({ hosts: names });
    const cluster = await formCluster(lab);
    const flags = ["--subnet", "10.32.0.0/16", "--wait"];
    const made = await cluster.agent("a").json<Waited>("network", "create", "web", ...flags);
    assert.equal(made.wait.programmed.length, names.length);
    const x = await cluster.endpoint("a", { network: "web", name: "x" });
    for (const host of ["e", "h", "l"]) {
      const y = await cluster.endpoint(host, { network: "web", name: `y${host}` });
      assert.equal((await x.ping(y)).received, 3);
    }
    await cluster.agent("a").eventually("one map", async () => (await cluster.roots()).size === 1);
  });

  it("agree again, on who is there and on what each half made, after a split of a minute", async () => {
    await using lab = await Lab.open({ hosts: names });
    const cluster = await formCluster(lab);
    const halves = [cluster.agents.slice(0, 6), cluster.agents.slice(6)] as const;
    await lab.partition(halves.map((half) => half.map(({ host }) => host)));
    await pass(splitMs);
    for (const [at, half] of halves.entries()) {
      await Promise.all(half.map((agent) => sees(agent, half.length)));
      await half[0]?.cli("network", "create", `n${at}`, "--subnet", `10.3${at}.0.0/16`, "--wait");
    }
    await lab.heal();
    const healed = performance.now();
    await Promise.all(cluster.agents.map((agent) => sees(agent, names.length, healMs)));
    const both = async (api: Api) => (await api.networks()).length === 2;
    for (const agent of cluster.agents)
      await agent.eventually("both networks", both, healMs - (performance.now() - healed));
    assert.equal((await cluster.roots()).size, 1);
  });

  it("call nobody unreachable while every processor is busy with other things", async () => {
    await using lab = await Lab.open({ hosts: names });
    const cluster = await formCluster(lab);
    const watches = await Promise.all(cluster.agents.map(({ api }) => api.watch()));
    const burn = `const end = performance.now() + ${busyMs}; while (performance.now() < end);`;
    const burners = Array.from({ length: 2 * availableParallelism() }, () =>
      lab.host("a").run([process.execPath, "-e", burn], { withinMs: 4 * busyMs }),
    );
    await Promise.all(burners);
    const dead = watches.flatMap(({ events }) =>
      events.all.filter((line) => line.includes('"unreachable"')),
    );
    for (const watch of watches) watch[Symbol.dispose]();
    assert.deepEqual(dead, []);
  });
});
