/** Runs one target many times and judges it: no crash, no hang, nothing that stays in memory. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { seededRandom } from "../../base/random.ts";
import { Mutation } from "./mutation.ts";

/** A parser of what comes from outside. */
export type Target = {
  readonly name: string;
  /** Draws an input and hands it over; true where it was taken for a right one. Throws: a crash. */
  readonly run: (mutation: Mutation) => boolean;
};

/** What came of a campaign. */
export type Outcome = {
  readonly name: string;
  readonly executions: number;
  /** Inputs that were taken: without some, the target was never reached. */
  readonly taken: number;
  readonly ms: number;
  /** The slowest input, in its quickest of four runs. */
  readonly slowestMs: number;
  readonly grownMiB: number;
};

/** The longest that one input may take, and the most that a campaign may leave in memory. */
export const allowed = { inputMs: 50, grownMiB: 64 };

/** Throws where an input crashes the target; the message says how to run it again. */
export function runCampaign(
  target: Target,
  { executions, seed }: { readonly executions: number; readonly seed: number },
): Outcome {
  const startedAt = performance.now();
  let [taken, slowestMs] = [0, 0];
  let before = 0;
  for (let at = 0; at < executions; at += 1) {
    // What is made once and kept, such as compiled code and caches, is there by then.
    if (at === Math.floor(executions / 10)) before = heldBytes();
    const since = performance.now();
    if (runOne(target, seed + at)) taken += 1;
    const ms = performance.now() - since;
    if (ms > allowed.inputMs && ms > slowestMs)
      slowestMs = Math.max(slowestMs, quickestMs(target, seed + at));
    else if (ms <= allowed.inputMs) slowestMs = Math.max(slowestMs, ms);
  }
  const grownMiB = (heldBytes() - before) / 2 ** 20;
  const ms = performance.now() - startedAt;
  return { name: target.name, executions, taken, ms, slowestMs, grownMiB };
}

function runOne(target: Target, seed: number): boolean {
  try {
    return target.run(new Mutation(seededRandom(seed)));
  } catch (cause) {
    const again = `npm run fuzz -- --target "${target.name}" --seed ${seed} --executions 1`;
    throw new Error(`${target.name}: ${(cause as Error).message}; again: ${again}`, { cause });
  }
}

/** Others may have had the processor: of three more runs the quickest counts. */
function quickestMs(target: Target, seed: number): number {
  const runs = [0, 1, 2].map(() => {
    const since = performance.now();
    runOne(target, seed);
    return performance.now() - since;
  });
  return Math.min(...runs);
}

let collect: (() => void) | undefined;

function heldBytes(): number {
  if (collect === undefined) {
    setFlagsFromString("--expose-gc");
    collect = runInNewContext("gc") as () => void;
  }
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
