/** Runs of many seeds, and what has to have happened in all of them together. */
import assert from "node:assert/strict";
import type { Cluster } from "./cluster.ts";

/** Which seeds: STARLING_SEEDS of them from STARLING_SEED on. */
export type Seeds = { readonly first: number; readonly count: number };

export function seedsOr(count: number): Seeds {
  return {
    first: Number(process.env["STARLING_SEED"] ?? 1),
    count: Number(process.env["STARLING_SEEDS"] ?? count),
  };
}

/** How often what happened. A seed that fails is named, with the command that runs it again. */
export function playAll(
  { first, count }: Seeds,
  file: string,
  play: (seed: number) => Cluster,
): ReadonlyMap<string, number> {
  const marks = new Map<string, number>();
  for (let seed = first; seed < first + count; seed += 1) {
    try {
      for (const [mark, times] of play(seed).marks) marks.set(mark, (marks.get(mark) ?? 0) + times);
    } catch (cause) {
      const again = `STARLING_SEED=${seed} STARLING_SEEDS=1 npx mocha ${file}`;
      throw new Error(`seed ${seed}: ${(cause as Error).message}; again: ${again}`, { cause });
    }
  }
  return marks;
}

/** Each of these situations came about. */
export function assertHappened(
  marks: ReadonlyMap<string, number>,
  wanted: readonly string[],
): void {
  for (const mark of wanted) assert.ok((marks.get(mark) ?? 0) > 0, `it happened: ${mark}`);
}
