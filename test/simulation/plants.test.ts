import assert from "node:assert/strict";
import { drawRun, type Wishes } from "./options.ts";
import { type Plant, plants } from "./plants.ts";
import { play } from "./scenario.ts";

const wishes: Wishes = { hosts: 5, steps: undefined, faults: "mix" };
/** By then each must have been found; most are by the third. */
const seedsAtMost = 2_000;

describe("planted bugs", function () {
  this.timeout(600_000);
  const well = new Map<number, boolean>();

  for (const plant of plants) {
    it(`are found: ${plant.name} (${plant.row})`, () => {
      const found = firstSeed(plant, well);
      assert.ok(found !== undefined, `${plant.name} is not found within ${seedsAtMost} seeds`);
    });
  }

  it("are at least thirty, each of its own kind", () => {
    assert.ok(new Set(plants.map(({ name }) => name)).size >= 30);
  });
});

/** The first seed that fails with the bug and is well without it. */
function firstSeed({ name }: Plant, well: Map<number, boolean>): number | undefined {
  for (let seed = 1; seed <= seedsAtMost; seed += 1) {
    if (play(drawRun(seed, { ...wishes, planted: name })).failure === undefined) continue;
    const isWell = well.get(seed) ?? play(drawRun(seed, wishes)).failure === undefined;
    well.set(seed, isWell);
    if (isWell) return seed;
  }
  return undefined;
}
