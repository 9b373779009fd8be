/**
 * Five hundred containers' endpoints on three hosts, that come and go for as long as one likes.
 * The calls are those that dockerd makes of the plugin for each container, in its order and for its
 * own network; the containers themselves are left out, since starting five hundred takes a machine
 * minutes, but for one real one on each host in every cycle:
 *
 *   RequestAddress, CreateEndpoint, Join ... all seen by all ... Leave, DeleteEndpoint, ReleaseAddress
 *
 * After each cycle every kernel must hold what it held before the first, line by line.
 */
import assert from "node:assert/strict";
import { DockerCluster } from "../test/docker/cluster.ts";
import { image } from "../test/docker/image.ts";
import { attachAll, type Caller, detachAll, openCaller } from "../test/docker/plugin-calls.ts";
import { takeCensus } from "../test/lab/census.ts";
import { printTrends, probeEnv, type Sample, sampleOf, trendsOf } from "./growth.ts";
import { quantiles } from "./quantiles.ts";
import { printQuantiles, printTargets, writeResults } from "./report.ts";

export type DockerSoakOptions = { readonly minutes: number; readonly endpoints: number };

type Shares = readonly { readonly used: number; readonly isSelf?: boolean }[];

const names = ["a", "b", "c"];
/** Compiling and first growth are over by then. */
const warmShare = 0.2;
const patienceMs = 60_000;

export async function benchDockerSoak({ minutes, endpoints }: DockerSoakOptions): Promise<void> {
  await using cluster = await DockerCluster.open(names, { env: probeEnv });
  const callers: Caller[] = [];
  for (const at of cluster.hosts) callers.push(await openCaller(at));
  const before = await censuses(cluster);
  const start = performance.now();
  const samples: Sample[] = [];
  const [attachMs, detachMs]: [number[], number[]] = [[], []];
  let cycles = 0;
  while (performance.now() - start < minutes * 60_000) {
    const share = Math.ceil(endpoints / callers.length);
    const attached = await timed(attachMs, () => each(callers, (one) => attachAll(one, share)));
    await allShow(cluster, callers.length * (share + 1));
    for (const { engine } of cluster.hosts) {
      await engine.docker("run", "--rm", "--network", "web", image, "true");
    }
    await timed(detachMs, async () => {
      await each(callers, (one, at) => detachAll(one, attached[at] ?? []));
    });
    await allShow(cluster, callers.length);
    await settled(cluster, before);
    cycles += 1;
    const atMs = performance.now() - start;
    for (const { agent } of cluster.hosts) samples.push(await sampleOf(agent, atMs));
    process.stdout.write(`${Math.round(atMs / 1_000)} s: cycle ${cycles}: nothing is left\n`);
  }
  const used = await usedAddresses(cluster);
  report({ minutes, endpoints, cycles, used, attachMs, detachMs, samples });
}

function each<R>(
  callers: readonly Caller[],
  act: (caller: Caller, at: number) => Promise<R>,
): Promise<R[]> {
  return Promise.all(callers.map(act));
}

async function timed<R>(ms: number[], act: () => Promise<R>): Promise<R> {
  const start = performance.now();
  const value = await act();
  ms.push(performance.now() - start);
  return value;
}

async function allShow({ hosts }: DockerCluster, count: number): Promise<void> {
  for (const { agent } of hosts) {
    const claim = async (): Promise<boolean> => (await agent.api.endpoints()).length === count;
    await agent.eventually(`${count} endpoints`, claim, patienceMs);
  }
}

async function censuses({ hosts }: DockerCluster): Promise<readonly (readonly string[])[]> {
  return Promise.all(hosts.map(async ({ host }) => (await takeCensus(host)).ours));
}

/** Links, addresses, forwarding and neighbour entries and rules are as they were. */
async function settled(
  cluster: DockerCluster,
  before: readonly (readonly string[])[],
): Promise<void> {
  for (const [at, { host, agent }] of cluster.hosts.entries()) {
    const wanted = (before[at] ?? []).join("\n");
    let held = "";
    const claim = async (): Promise<boolean> => {
      held = (await takeCensus(host)).ours.join("\n");
      return held === wanted;
    };
    await agent.eventually("the kernel holds what it held", claim, patienceMs).catch(() => {
      assert.equal(held, wanted, `${host.name}'s kernel`);
    });
  }
}

/** What all hosts together count as used. */
async function usedAddresses({ hosts }: DockerCluster): Promise<number> {
  let used = 0;
  for (const { agent } of hosts) {
    const subnets = await agent.json<readonly { readonly shares: Shares }[]>("ipam");
    used = Math.max(used, ...subnets.map(({ shares }) => sum(shares.map((one) => one.used))));
  }
  return used;
}

function report(run: {
  readonly minutes: number;
  readonly endpoints: number;
  readonly cycles: number;
  readonly used: number;
  readonly attachMs: readonly number[];
  readonly detachMs: readonly number[];
  readonly samples: readonly Sample[];
}): void {
  const { minutes, endpoints, cycles, used, attachMs, detachMs, samples } = run;
  const warm = samples.filter(({ atMs }) => atMs >= warmShare * minutes * 60_000);
  const rows = trendsOf(warm, names);
  printTrends(rows, `${minutes} min, ${cycles} cycles of ${endpoints} endpoints`);
  printQuantiles("ms, all endpoints", {
    attached: quantiles(attachMs),
    detached: quantiles(detachMs),
  });
  const grown = rows.map(({ rss }) => rss.last - rss.first);
  const most = { kind: "at most" } as const;
  printTargets([
    { what: "addresses in use beyond the base", measured: used - 3, limit: 0, unit: "", ...most },
    {
      what: "RSS of an agent, last less first",
      measured: Math.max(...grown),
      limit: 10,
      unit: "MiB",
      ...most,
    },
  ]);
  writeResults("docker-soak", run);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
