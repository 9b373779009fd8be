import assert from "node:assert/strict";
import fc from "fast-check";
import { pick, type Random, seededRandom, shuffled } from "../../base/random.ts";

const seeds = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const draws = (random: Random, count: number, bound: number): number[] =>
  Array.from({ length: count }, () => random.below(bound));

describe("seeded chance", () => {
  it("repeats itself for the same seed", () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        assert.deepEqual(draws(seededRandom(seed), 20, 1000), draws(seededRandom(seed), 20, 1000));
        assert.deepEqual(seededRandom(seed).bytes(16), seededRandom(seed).bytes(16));
      }),
    );
  });

  it("differs between neighbouring seeds", () => {
    const firsts = Array.from({ length: 1_000 }, (_, seed) => seededRandom(seed).below(2 ** 32));
    assert.equal(new Set(firsts).size, firsts.length);
  });

  it("stays below every bound", () => {
    fc.assert(
      fc.property(seeds, fc.integer({ min: 1, max: 2 ** 32 }), (seed, bound) => {
        for (const draw of draws(seededRandom(seed), 10, bound)) {
          assert.ok(Number.isInteger(draw) && draw >= 0 && draw < bound);
        }
      }),
    );
  });

  it("falls evenly: chi-square of 60000 throws of a die below 20.5 (p = 0.001)", () => {
    const counts = new Array<number>(6).fill(0);
    for (const face of draws(seededRandom(1), 60_000, 6)) counts[face] = (counts[face] ?? 0) + 1;
    const chiSquare = counts.reduce((sum, count) => sum + (count - 10_000) ** 2 / 10_000, 0);
    assert.ok(chiSquare < 20.5, `chi-square ${chiSquare}`);
  });

  it("has no draw below nothing", () => {
    for (const bound of [0, -1, 2 ** 32 + 1]) assert.throws(() => seededRandom(1).below(bound));
  });
});

describe("picking", () => {
  it("finds one of the items, and nothing among none", () => {
    fc.assert(
      fc.property(seeds, fc.array(fc.integer()), (seed, items) => {
        const picked = pick(seededRandom(seed), items);
        if (items.length === 0) assert.equal(picked, undefined);
        else assert.ok(picked !== undefined && items.includes(picked));
      }),
    );
  });
});

describe("shuffling", () => {
  it("loses and adds nothing, and leaves the input as it was", () => {
    fc.assert(
      fc.property(seeds, fc.array(fc.integer()), (seed, items) => {
        const before = [...items];
        const after = shuffled(seededRandom(seed), items);
        assert.deepEqual(items, before);
        assert.deepEqual(after.toSorted(), items.toSorted());
      }),
    );
  });

  it("reaches every order of three", () => {
    const random = seededRandom(3);
    const orders = new Set(
      Array.from({ length: 200 }, () => shuffled(random, "abc".split("")).join("")),
    );
    assert.equal(orders.size, 6);
  });
});
