/**
 * Bugs that real systems had (reliability-security.md, section 2), planted one at a time by change
 * of the product from outside: the simulator is worth what it finds. Each is a switch of a run, and
 * is taken out again behind it.
 */
import { membershipPlants } from "./plants-membership.ts";
import { overlayPlants } from "./plants-overlay.ts";
import { storePlants } from "./plants-store.ts";
import { type Twist, twists } from "./twists.ts";

/** Where a planted bug takes hold. */
export type Soil = {
  /** Replaces a method of the product until the run is over. */
  readonly patch: <Target extends object, Key extends keyof Target>(
    target: Target,
    key: Key,
    make: (original: Target[Key]) => Target[Key],
  ) => void;
  /** What a host wants done becomes something else. */
  readonly twist: (change: Twist) => void;
};

/** One bug. */
export type Plant = {
  readonly name: string;
  /** The row of the note that it stands for. */
  readonly row: string;
  readonly plant: (soil: Soil) => void;
};

/** All of them. */
export const plants: readonly Plant[] = [...storePlants, ...overlayPlants, ...membershipPlants];

/** Runs something with a bug in the product, and takes the bug out again. */
export function withPlant<Result>(name: string | undefined, run: () => Result): Result {
  const plant = plants.find((each) => each.name === name);
  if (name !== undefined && plant === undefined) throw new Error(`no plant is called ${name}`);
  return withPlanted(plant, run);
}

/** The same with a bug that is in no list. */
export function withPlanted<Result>(plant: Plant | undefined, run: () => Result): Result {
  const undo: (() => void)[] = [];
  const soil: Soil = {
    patch: (target, key, make) => {
      const original = target[key];
      target[key] = make(original);
      undo.push(() => {
        target[key] = original;
      });
    },
    twist: (change) => void twists.push(change),
  };
  plant?.plant(soil);
  try {
    return run();
  } finally {
    for (const back of undo.reverse()) back();
    twists.length = 0;
  }
}
