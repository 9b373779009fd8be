/**
 * One run from its seed: a cluster forms and lives through its faults, while every rule is checked
 * after every step; then the faults stop, and in bounded time it has to become what was promised.
 */
import { pick } from "../../base/random.ts";
import { chaosStep } from "./chaos.ts";
import { checkAgreement, checkAlways } from "./checks.ts";
import { Cluster } from "./cluster.ts";
import { dice, happens } from "./dice.ts";
import type { SimulatedHost } from "./host.ts";
import { Villain } from "./hostile.ts";
import { LedgerChecks } from "./ledger-checks.ts";
import { accused, checkAfterlife } from "./liveness-checks.ts";
import { checkKept, withNewer } from "./newer.ts";
import { describeRun, type RunOptions } from "./options.ts";
import { withPlant } from "./plants.ts";
import { removalStep } from "./removals.ts";
import { revokeStep } from "./revokes.ts";
import { createNumbered } from "./workload.ts";

/** What came of a run. */
export type RunResult = {
  readonly options: RunOptions;
  readonly failure: { readonly step: number; readonly reason: string } | undefined;
  readonly marks: ReadonlyMap<string, number>;
  readonly hash: string;
  readonly events: number;
  readonly simulatedMs: number;
  /** Only of a traced run that failed. */
  readonly story: readonly string[];
};

/** The longest that a healed cluster may take to agree, in milliseconds. */
const healMs = 30_000;
const storyLines = 60;

/** Runs to the end, or to the first broken rule. */
export function play(options: RunOptions, isTraced = false): RunResult {
  const isMixed = options.faults.has("newer");
  return withPlant(options.planted, () => withNewer(isMixed, () => run(options, isTraced)));
}

function run(options: RunOptions, isTraced: boolean): RunResult {
  const late = options.faults.has("join") ? Math.floor(options.hosts / 3) : 0;
  const { seed, hosts } = options;
  const cluster = new Cluster({ seed, hosts, late, isTraced });
  const progress = { step: 0 };
  let failure: RunResult["failure"];
  try {
    live(cluster, options, progress);
    settle(cluster, options);
  } catch (error) {
    const reason = error instanceof Error ? describeError(error) : String(error);
    failure = { step: progress.step, reason };
  }
  return {
    options,
    failure,
    marks: cluster.marks,
    hash: cluster.trace.hash,
    events: cluster.schedule.count,
    simulatedMs: cluster.schedule.now(),
    story: failure === undefined ? [] : cluster.trace.relevant(failure.reason, storyLines),
  };
}

/** The first phase: whatever may happen happens. */
function live(cluster: Cluster, options: RunOptions, progress: { step: number }): void {
  const { faults, steps } = options;
  cluster.run(1_500);
  const founder = pick(
    cluster.work,
    cluster.hosts.filter((host) => host.isUp),
  );
  if (founder !== undefined) createNumbered(cluster, founder, 1);
  cluster.run(500);
  const ledgers = new LedgerChecks();
  const late = cluster.hosts.filter((host) => !host.isUp);
  const villain = faults.has("hostile") ? hire(cluster, options.seed) : undefined;
  for (let step = 1; step <= steps; step += 1) {
    progress.step = step;
    joinLate(cluster, late, steps - step);
    if (faults.has("zombie") && step === Math.ceil(steps / 4)) sendAway(cluster);
    chaosStep(cluster, faults);
    removalStep(cluster, { leaves: faults.has("leave"), forgets: faults.has("forget") });
    if (faults.has("revoke")) revokeStep(cluster);
    villain?.act();
    // Now and then nothing is done for a while, so that deadlines pass.
    if (happens(cluster.random, 3)) cluster.run(2_000 + cluster.random.below(8_000));
    checkAlways(cluster);
    ledgers.check(cluster);
  }
}

/** One member is not what it seems; a cluster of two has nobody to spare. */
function hire(cluster: Cluster, seed: number): Villain | undefined {
  const random = dice(seed, "villain");
  const host = pick(random, cluster.hosts.slice(1));
  if (host === undefined || cluster.hosts.length < 3) return undefined;
  return new Villain(cluster, host, random);
}

/** Hosts that come later, spread over the steps that are left. */
function joinLate(cluster: Cluster, late: SimulatedHost[], stepsLeft: number): void {
  if (late.length === 0 || cluster.random.below(stepsLeft + 1) > late.length) return;
  const host = late.pop();
  if (host === undefined || host.isUp) return;
  host.boot();
  cluster.does("joined late", host);
}

/** A host that goes early and comes back with what it knew then. */
function sendAway(cluster: Cluster): void {
  const host = cluster.anyHost();
  if (host.isUp) host.crash();
  cluster.zombies.add(host);
  cluster.does("went away", host);
}

/** The second phase: no more faults; perhaps somebody stays dead. */
function settle(cluster: Cluster, options: RunOptions): void {
  const random = dice(options.seed, "end");
  const dead = new Set<SimulatedHost>();
  const down = cluster.hosts.filter((host) => !host.isUp);
  const one = pick(random, down);
  // The first host is everybody's seed: without it whoever comes late can find nobody.
  const isSpare = one !== undefined && one.n > 1 && cluster.hosts.length > 3;
  if (isSpare && happens(random, 25)) dead.add(one);
  if (dead.size > 0) cluster.mark("somebody stays dead");
  if (cluster.zombies.size > 0) cluster.mark("zombie came back");
  cluster.heal(dead);
  if (options.faults.has("leave") || options.faults.has("forget")) letGo(cluster);
  const alive = cluster.hosts.filter((host) => host.isUp);
  const end = cluster.schedule.now() + healMs;
  const healed = cluster.schedule.now();
  cluster.run(500);
  while (!isCalm(cluster, alive) && cluster.schedule.now() < end) cluster.run(250);
  cluster.note(0, 11, () => `healed after ${cluster.schedule.now() - healed} ms`);
  // The sweep that finds what others did to a kernel, and what it then finds out.
  // What a disk has just refused to remove is found by the sweep after it.
  const isSlow = options.faults.has("disk");
  cluster.run(isSlow ? 10_000 : 5_500);
  checkAlways(cluster);
  checkAgreement(cluster);
  if (options.faults.has("newer")) checkKept(cluster);
  checkAfterlife(cluster, random);
}

/**
 * Who was asked to leave, and who waits for what others inherit, may be done only now. An agent
 * that has left ends.
 */
function letGo(cluster: Cluster): void {
  cluster.run(20_000);
  cluster.heal();
  cluster.run(10_000);
  for (const host of cluster.asked) if (!cluster.leaving.has(host) && host.isUp) host.crash();
  cluster.run(3_000);
}

function isCalm(cluster: Cluster, alive: readonly SimulatedHost[]): boolean {
  const isSettled = alive.every((host) => host.agent()?.isSettled ?? false);
  return isSettled && cluster.witness.agree(alive) && accused(cluster, alive) === undefined;
}

function describeError(error: Error): string {
  const rule = /^(S|L)\d+:/.test(error.message);
  return rule ? error.message : `S13: ${error.stack ?? error.message}`;
}

/** What a failure says to whoever has to find its cause. */
export function describeFailure(result: RunResult): string {
  const { options, failure } = result;
  return `${describeRun(options)}\n  step ${failure?.step}: ${failure?.reason}`;
}
