/**
 * Six hosts at work for as long as one likes, with a fault every twenty seconds: whether anything
 * grows, and whether every kernel is what the map implies at each quiet point.
 *
 *   churn ........ fault .... mended ........ churn ends, all invariants hold, sample    (20 s)
 */
import { setTimeout as pass } from "node:timers/promises";
import { pick, type Random, seededRandom } from "../base/random.ts";
import type { Agent } from "../test/lab/agent.ts";
import { Stage } from "../test/lab/stage.ts";
import { printTrends, probeEnv, type Sample, sampleOf, trendsOf } from "./growth.ts";
import { quantiles } from "./quantiles.ts";
import { printQuantiles, printTargets, writeResults } from "./report.ts";

export type SoakOptions = { readonly minutes: number; readonly seed: number };

type Fault = {
  readonly what: string;
  /** Whether pings between a and b must all be answered meanwhile. */
  readonly isSilent: boolean;
  readonly apply: (stage: Stage, random: Random) => Promise<void>;
};

const hosts = ["a", "b", "c", "d", "e", "f"];
const periodMs = 20_000;
const faultMs = 5_000;
/** Compiling, first contacts and first growth are over by then. */
const warmShare = 0.2;
/** What a run measures itself by is never killed: growth is seen over the whole of it. */
const steady = ["a", "b"];

export async function benchSoak({ minutes, seed }: SoakOptions): Promise<void> {
  await using stage = await Stage.open({
    ...{ hosts, seed, agent: { env: probeEnv }, perSecond: 5, slotsPerHost: 8 },
  });
  const random = seededRandom(seed);
  const start = performance.now();
  const samples: Sample[] = [];
  const quietMs: number[] = [];
  const pingsLost: Record<string, number> = {};
  for (let cycle = 0; performance.now() - start < minutes * 60_000; cycle += 1) {
    const fault = faults[cycle % faults.length];
    if (fault === undefined) break;
    const lost = await runCycle(stage, fault, random);
    if (fault.isSilent) pingsLost[fault.what] = (pingsLost[fault.what] ?? 0) + lost;
    const quietAt = performance.now();
    await stage.inspector.allHolds(30_000);
    quietMs.push(performance.now() - quietAt);
    const atMs = performance.now() - start;
    for (const name of steady) samples.push(await sampleOf(stage.cluster.agent(name), atMs));
    process.stdout.write(`${Math.round(atMs / 1_000)} s: ${fault.what}: all holds\n`);
  }
  report({ minutes, seed, stage, samples, quietMs, pingsLost });
}

/** Returns how many pings were lost. */
async function runCycle(stage: Stage, fault: Fault, random: Random): Promise<number> {
  const endsAt = performance.now() + periodMs;
  await stage.pingsLost();
  stage.churn.start();
  await pass(faultMs);
  await fault.apply(stage, random);
  await pass(Math.max(0, endsAt - performance.now()));
  await stage.churn.stop();
  return stage.pingsLost();
}

/** One of those that may be killed and cut off. */
function victim(stage: Stage, random: Random): Agent {
  const agents = stage.cluster.agents.filter(({ host }) => !steady.includes(host.name));
  const agent = pick(random, agents);
  if (agent === undefined) throw new Error("nobody to harm");
  return agent;
}

/** An edit of the victim's kernel. */
function edits(what: string, command: (device: string) => string): Fault {
  const apply = async (stage: Stage, random: Random) => {
    const agent = victim(stage, random);
    const [network] = await agent.api.networks();
    const words = command(`slx-${network?.vni}`).split(" ");
    // A host that has no endpoint just now has no such device.
    await agent.host.run(words).catch(() => "");
  };
  return { what, isSilent: true, apply };
}

const faults: readonly Fault[] = [
  {
    what: "an agent is killed",
    isSilent: true,
    apply: async (stage, random) => {
      const agent = victim(stage, random);
      await agent.kill();
      await pass(random.below(faultMs));
      await agent.restart();
      await stage.inspector.witness.follow(agent);
      await stage.churn.learn(agent);
    },
  },
  edits("a ruleset is flushed", () => "nft flush ruleset"),
  {
    what: "an agent is stopped and goes on",
    isSilent: true,
    apply: async (stage, random) => {
      const agent = victim(stage, random);
      agent.pause();
      await pass(faultMs);
      agent.resume();
    },
  },
  {
    what: "the underlay is split",
    isSilent: false,
    apply: async ({ lab }) => {
      await lab.partition([lab.hosts.slice(0, 3), lab.hosts.slice(3)]);
      await pass(faultMs);
      await lab.heal();
    },
  },
  edits("a forwarding table is emptied", (device) => `bridge fdb flush dev ${device}`),
  {
    what: "a cable is pulled",
    isSilent: true,
    apply: async (stage, random) => {
      const { host } = victim(stage, random);
      await host.cut();
      await pass(faultMs);
      await host.mend();
    },
  },
  {
    what: "three frames in ten are lost",
    isSilent: false,
    apply: async ({ lab }) => {
      await lab.drop(30);
      await pass(faultMs);
      await lab.heal();
    },
  },
  edits("a tunnel is deleted", (device) => `ip link del ${device}`),
];

function report(run: {
  readonly minutes: number;
  readonly seed: number;
  readonly stage: Stage;
  readonly samples: readonly Sample[];
  readonly quietMs: readonly number[];
  readonly pingsLost: Readonly<Record<string, number>>;
}): void {
  const { minutes, seed, samples, quietMs, pingsLost } = run;
  const { done, refusals } = run.stage.churn;
  const warm = samples.filter(({ atMs }) => atMs >= warmShare * minutes * 60_000);
  const rows = trendsOf(warm, steady);
  printTrends(rows, `${minutes} min, seed ${seed}`);
  printQuantiles("ms", { "a change, acknowledged": quantiles(run.stage.churn.tookMs) });
  const lost = Object.values(pingsLost).reduce((sum, count) => sum + count, 0);
  process.stdout.write(
    `${quietMs.length} faults, ${done} changes, refused: ${JSON.stringify([...refusals])}\n`,
  );
  const most = { kind: "at most" } as const;
  printTargets([
    {
      what: "quiet until all holds, worst",
      measured: Math.max(...quietMs),
      limit: 30_000,
      unit: "ms",
      ...most,
    },
    { what: "pings lost by a fault elsewhere", measured: lost, limit: 0, unit: "", ...most },
    {
      what: "heap growth, worst",
      measured: Math.max(...rows.map(({ heap }) => heap.slope)),
      limit: 1,
      unit: "MiB/h",
      ...most,
    },
  ]);
  writeResults("soak", {
    minutes,
    seed,
    done,
    refusals: [...refusals],
    quietMs,
    pingsLost,
    samples,
  });
}
