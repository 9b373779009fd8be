/** What is done to a product's agents, and what is measured while it is done. */
import { cpus } from "node:os";
import { setTimeout as pass } from "node:timers/promises";
import type { Lab } from "../test/lab/lab.ts";
import { Process } from "../test/lab/process.ts";
import type { Contender, Runner } from "./contender.ts";
import { median, quantiles } from "./quantiles.ts";
import { type Usage, usageOf } from "./usage.ts";

/** How much of each is done. */
export type Effort = {
  /** Updates made one by one, and in the burst. */
  readonly updates: number;
  readonly burst: number;
  /** Agents killed, and paused, one by one. */
  readonly kills: number;
  readonly idleSeconds: number;
  readonly splitSeconds: number;
  /** Under full load, looking for members wrongly called dead. */
  readonly minutes: number;
};

/** A figure for each measure's name; Infinity: not within our patience. */
export type Figures = Readonly<Record<string, number>>;

type Stage = { readonly contender: Contender; readonly lab: Lab; readonly effort: Effort };

/** Past it something is lost, not late. */
const patienceMs = 60_000;
const stormPatienceMs = 180_000;
/** Who makes single updates, and how many are made before any is timed: code is compiled once. */
const makers = 5;
const warmUp = 50;
/** Until what a phase leaves behind has passed. */
const settleMs = 4_000;

/** All phases, in the order in which the later disturb none of the earlier. */
export async function* phases(stage: Stage): AsyncGenerator<Figures> {
  yield await storms(stage);
  await pass(settleMs);
  const idle = await idling(stage);
  yield idle;
  yield await singleUpdates(stage, idle["idle sent"] ?? 0);
  yield await deaths(stage);
  yield await pauses(stage);
  yield await split(stage);
  yield await underLoad(stage);
  yield await burst(stage);
}

async function storms({ contender }: Stage): Promise<Figures> {
  const warm = await stormed(contender, await contender.storm(true));
  if (contender.product === "serf") return { "join storm": warm, "start storm": warm };
  await pass(settleMs);
  return {
    "join storm": warm,
    "start storm": await stormed(contender, await contender.storm(false)),
  };
}

async function stormed(contender: Contender, from: number): Promise<number> {
  return (await allSeeAll(contender, stormPatienceMs)) - from;
}

/** When the last runner sees everybody alive. */
async function allSeeAll({ runners }: Contender, withinMs = patienceMs): Promise<number> {
  return latest(
    runners.map(({ sightings }) =>
      sightings.until((seen) => seen.count("alive") === runners.length, withinMs),
    ),
  );
}

async function idling({ contender, effort }: Stage): Promise<Figures> {
  const before = await usages(contender.runners);
  await pass(effort.idleSeconds * 1_000);
  const after = await usages(contender.runners);
  const rows = after.map(({ at, usage }, index) => {
    const earlier = before[index];
    if (earlier === undefined) throw new Error("an agent was not measured");
    const seconds = (at - earlier.at) / 1_000;
    return {
      cpu: (usage.cpuMs - earlier.usage.cpuMs) / (seconds * 10),
      sent: (usage.sentBytes - earlier.usage.sentBytes) / seconds,
      packets: (usage.sentPackets - earlier.usage.sentPackets) / seconds,
    };
  });
  return {
    "idle CPU": median(rows.map(({ cpu }) => cpu)),
    "idle CPU, worst": Math.max(...rows.map(({ cpu }) => cpu)),
    "idle sent": median(rows.map(({ sent }) => sent)),
    "idle packets": median(rows.map(({ packets }) => packets)),
    RSS: median(after.map(({ usage }) => usage.agentMiB)),
    "RSS, worst": Math.max(...after.map(({ usage }) => usage.agentMiB)),
  };
}

type Reading = { readonly at: number; readonly usage: Usage };

async function usages(runners: readonly Runner[]): Promise<readonly Reading[]> {
  const readings: Reading[] = [];
  for (const runner of runners) {
    readings.push({ usage: await usageOf(runner), at: performance.now() });
  }
  return readings;
}

async function singleUpdates(stage: Stage, idleSent: number): Promise<Figures> {
  const { contender, effort } = stage;
  const delays: number[] = [];
  const last: number[] = [];
  for (let at = 0; at < warmUp; at += 1) await delaysOf(contender, maker(contender, at), `w${at}`);
  await pass(settleMs);
  const before = await usages(contender.runners);
  for (let at = 0; at < effort.updates; at += 1) {
    const seen = await delaysOf(contender, maker(contender, at), `u${at}`);
    delays.push(...seen);
    last.push(Math.max(...seen));
    // Not in step with anybody's timer.
    await pass(20 + ((at * 37) % 100));
  }
  const after = await usages(contender.runners);
  const costs = after.map(({ at, usage }, index) => {
    const earlier = before[index];
    if (earlier === undefined) throw new Error("an agent was not measured");
    const sent = usage.sentBytes - earlier.usage.sentBytes;
    return (sent - (idleSent * (at - earlier.at)) / 1_000) / effort.updates;
  });
  const { p50, p99, max } = quantiles(delays);
  return {
    "update p50": p50,
    "update p99": p99,
    "update max": max,
    "update to the last p50": quantiles(last).p50,
    "update to the last p99": quantiles(last).p99,
    "bytes per update": costs.reduce((sum, cost) => sum + cost, 0) / costs.length,
  };
}

/** A few runners in turn, far from each other in the list. */
function maker({ runners }: Contender, at: number): Runner {
  const step = Math.max(1, Math.floor(runners.length / makers));
  const runner = runners[((at % makers) * step) % runners.length];
  if (runner === undefined) throw new Error("nobody is there to make updates");
  return runner;
}

/** From the call until each other runner has told of the update. */
async function delaysOf(contender: Contender, from: Runner, name: string): Promise<number[]> {
  const others = contender.runners.filter((runner) => runner !== from);
  const at = performance.now();
  const seen = others.map(({ sightings }) =>
    sightings.until((each) => each.updateAt(name) !== undefined, patienceMs),
  );
  await contender.update(from, [name]);
  return (await Promise.all(seen)).map((when) => when - at);
}

async function burst({ contender, effort }: Stage): Promise<Figures> {
  const [from, ...others] = contender.runners;
  if (from === undefined) throw new Error("nobody is there to make updates");
  const names = Array.from({ length: effort.burst }, (_, at) => `b${at}`);
  const hasAll = (updates: number) => updates + effort.burst;
  const at = performance.now();
  const seen = others.map(({ sightings }) => {
    const target = hasAll(sightings.updates);
    return sightings.until((each) => each.updates >= target, patienceMs);
  });
  await contender.update(from, names);
  const submitted = performance.now() - at;
  const done = (await latest(seen)) - at;
  const missing = others.map(
    ({ sightings }) => names.filter((name) => sightings.updateAt(name) === undefined).length,
  );
  const arrivals = others.flatMap(({ sightings }) =>
    names.map((name) => sightings.updateAt(name)).filter((when) => when !== undefined),
  );
  return {
    "burst submitted": submitted,
    burst: done,
    "burst, last that came": Math.max(...arrivals) - at,
    "burst lost":
      (100 * missing.reduce((sum, each) => sum + each, 0)) / (others.length * names.length),
  };
}

async function deaths(stage: Stage): Promise<Figures> {
  const { contender, effort } = stage;
  const [first, all]: [number[], number[]] = [[], []];
  for (let at = 0; at < effort.kills; at += 1) {
    const victim = victimOf(contender, at);
    const known = knownUnreachable(contender, victim);
    const from = performance.now();
    await contender.kill(victim);
    const times = (await known).map((when) => when - from);
    first.push(Math.min(...times));
    all.push(Math.max(...times));
    await contender.restart(victim);
    await allSeeAll(contender);
    await pass(settleMs);
  }
  return {
    "kill, first": median(first),
    "kill, all": median(all),
    "kill, worst": Math.max(...all),
  };
}

async function pauses({ contender, effort }: Stage): Promise<Figures> {
  const [all, back]: [number[], number[]] = [[], []];
  for (let at = 0; at < effort.kills; at += 1) {
    const victim = victimOf(contender, at + 1);
    const known = knownUnreachable(contender, victim);
    const from = performance.now();
    contender.pause(victim);
    all.push(Math.max(...(await known)) - from);
    const resumed = performance.now();
    contender.resume(victim);
    back.push((await allSeeAll(contender)) - resumed);
    await pass(settleMs);
  }
  return { "pause, all": median(all), "pause, worst": Math.max(...all), woken: median(back) };
}

/** Never the seed; from the far end of the list. */
function victimOf({ runners }: Contender, at: number): Runner {
  const victim = runners[runners.length - 1 - (at % (runners.length - 1))];
  if (victim === undefined) throw new Error("nobody is there to be a victim");
  return victim;
}

function knownUnreachable({ runners }: Contender, victim: Runner): Promise<number[]> {
  const { name } = victim.host;
  const others = runners.filter((runner) => runner !== victim);
  return Promise.all(
    others.map(({ sightings }) =>
      sightings.until((seen) => seen.lookOf(name) === "unreachable", patienceMs),
    ),
  );
}

async function split({ contender, lab, effort }: Stage): Promise<Figures> {
  if (effort.splitSeconds === 0) return {};
  const { runners } = contender;
  const middle = Math.ceil(runners.length / 2);
  const halves = [runners.slice(0, middle), runners.slice(middle)];
  await lab.partition(halves.map((half) => half.map(({ host }) => host)));
  await pass(effort.splitSeconds * 500);
  for (const [at, [first]] of halves.entries()) {
    if (first !== undefined) await contender.update(first, [`split${at}`]);
  }
  await pass(effort.splitSeconds * 500);
  const at = performance.now();
  await lab.heal();
  const updated = latest(
    runners.map(({ sightings }, index) =>
      sightings.until(
        (seen) => seen.updateAt(`split${index < middle ? 1 : 0}`) !== undefined,
        2 * patienceMs,
      ),
    ),
  );
  const healed = (await allSeeAll(contender, 2 * patienceMs)) - at;
  return { "heal, all alive": healed, "heal, all updates": (await updated) - at };
}

/** Twice as many busy loops as cores: nobody gets a core when it asks for one. */
async function underLoad({ contender, effort }: Stage): Promise<Figures> {
  if (effort.minutes === 0) return {};
  await pass(settleMs);
  const before = contender.runners.map(({ sightings }) => sightings.doubts.length);
  const loops = cpus().flatMap(() => [busy(), busy()]);
  await pass(effort.minutes * 60_000);
  await Promise.all(loops.map((loop) => loop[Symbol.asyncDispose]()));
  const doubts = contender.runners.flatMap(({ sightings }, at) =>
    sightings.doubts.slice(before[at]),
  );
  await allSeeAll(contender);
  const count = (look: string) => doubts.filter((doubt) => doubt.look === look).length;
  return { "wrongly suspected": count("suspect"), "wrongly dead": count("unreachable") };
}

function busy(): Process {
  return new Process(["sh", "-c", "while :; do :; done"]);
}

async function latest(times: readonly Promise<number>[]): Promise<number> {
  return Math.max(...(await Promise.all(times)));
}
