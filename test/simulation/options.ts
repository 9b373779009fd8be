/** What a run is made of: some of it said on the command line, the rest drawn from the seed. */
import { shuffled } from "../../base/random.ts";
import { dice, happens } from "./dice.ts";

/** Everything that can go wrong in a run, by name. */
export const faultNames = [
  "loss",
  "delay",
  "duplication",
  "reordering",
  "replay",
  "breaks",
  "partition",
  "one-way",
  "slow",
  "pause",
  "crash",
  "power",
  "disk",
  "clock",
  "join",
  "zombie",
  "kernel",
  "hostile",
  "leave",
  "forget",
  "revoke",
  "newer",
  "wipe",
  "rollback",
] as const;

export type FaultName = (typeof faultNames)[number];

/** Seldom, since what they leave behind takes long to settle. */
const slow: readonly FaultName[] = ["leave", "forget", "revoke"];

/** One run, complete. */
export type RunOptions = {
  readonly seed: number;
  readonly hosts: number;
  readonly steps: number;
  readonly faults: ReadonlySet<FaultName>;
  /** The switch of a bug that tests plant; undefined: the product as it is. */
  readonly planted: string | undefined;
};

/** What the command line says of a run; undefined is left to the seed. */
export type Wishes = {
  readonly hosts: number | undefined;
  readonly steps: number | undefined;
  readonly faults: readonly FaultName[] | "mix";
  readonly planted?: string;
};

export const defaultSteps = 40;

/** A run of this seed: what was not said is drawn. */
export function drawRun(seed: number, wishes: Wishes): RunOptions {
  const random = dice(seed, "options");
  const hosts = wishes.hosts ?? 2 + random.below(9);
  const drawn = shuffled(random, faultNames)
    .filter(() => happens(random, 55))
    .filter((name) => !slow.includes(name) || happens(random, 30));
  return {
    seed,
    hosts,
    steps: wishes.steps ?? defaultSteps,
    faults: new Set(wishes.faults === "mix" ? drawn : wishes.faults),
    planted: wishes.planted,
  };
}

/** One line of what is run. */
export function describeRun({ seed, hosts, steps, faults, planted }: RunOptions): string {
  const list = [...faults].toSorted().join(",") || "none";
  const bug = planted === undefined ? "" : ` planted=${planted}`;
  return `seed=${seed} hosts=${hosts} steps=${steps} faults=${list}${bug}`;
}

/** What replays a run exactly. */
export function replayCommand({ seed, hosts, steps, faults, planted }: RunOptions): string {
  const list = [...faults].toSorted().join(",") || "none";
  const bug = planted === undefined ? "" : ` --planted ${planted}`;
  return `npm run simulate -- --seed ${seed} --hosts ${hosts} --steps ${steps} --faults ${list}${bug} --trace`;
}
