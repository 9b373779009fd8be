import { assert } from "./assert.ts";

/** Where chance comes from: the operating system in production, one seed in the simulation. */
export interface Random {
  /** A whole number from 0 to below `bound` (at most 2^32), evenly. */
  below(bound: number): number;
  bytes(length: number): Uint8Array;
}

/** One of the items, evenly; undefined of none. */
export function pick<Item>(random: Random, items: readonly Item[]): Item | undefined {
  return items.length === 0 ? undefined : items[random.below(items.length)];
}

/** The items in random order (Fisher-Yates); the input stays as it is. */
export function shuffled<Item>(random: Random, items: readonly Item[]): Item[] {
  const copy = [...items];
  for (let at = copy.length - 1; at > 0; at -= 1) {
    const other = random.below(at + 1);
    [copy[at], copy[other]] = [copy[other] as Item, copy[at] as Item];
  }
  return copy;
}

/** The same draws for the same seed: sfc32 (Doty-Humphrey, PractRand), seeded by splitmix32. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const split = (): number => {
    state = (state + 0x9e3779b9) >>> 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return (z ^ (z >>> 16)) >>> 0;
  };
  let [a, b, c, counter] = [split(), split(), split(), 1];
  const next = (): number => {
    const out = (a + b + counter) >>> 0;
    counter = (counter + 1) >>> 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) >>> 0;
    c = (((c << 21) | (c >>> 11)) + out) >>> 0;
    return out;
  };
  for (let round = 0; round < 12; round += 1) next();
  const below = (bound: number): number => {
    assert(bound >= 1 && bound <= 2 ** 32, `random below ${bound}`);
    const limit = 2 ** 32 - (2 ** 32 % bound);
    for (;;) {
      const draw = next();
      if (draw < limit) return draw % bound;
    }
  };
  return { below, bytes: (length) => Uint8Array.from({ length }, () => below(256)) };
}
