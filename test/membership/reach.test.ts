import assert from "node:assert/strict";
import fc from "fast-check";
import type { HostId } from "../../base/id.ts";
import { reachable, type Vote } from "../../membership/reach.ts";
import { simulatedHost } from "../simulation/crypto.ts";

const host = (n: number): HostId => simulatedHost(n);
const numberOf = new Map(Array.from({ length: 40 }, (_, n) => [host(n), n] as const));

/** Votes by host number: positive vouches, negative accuses. */
function reach(votes: Record<number, readonly number[]>, heard: readonly number[] = []): number[] {
  const votesOf = (voter: HostId): Vote[] =>
    (votes[numberOf.get(voter) ?? -1] ?? []).map((n) => ({
      on: host(Math.abs(n)),
      kind: n < 0 ? "accuse" : "vouch",
    }));
  const all = reachable({ from: host(0), votesOf, heard: new Set(heard.map(host)) });
  return [...all.keys()].map((id) => numberOf.get(id) ?? -1).toSorted((a, b) => a - b);
}

/** A host that `of` others watch, all of whom answer us, with so many against it. */
function judged(accusers: number, of: number): boolean {
  const watchers = Array.from({ length: of }, (_, at) => at + 1);
  const votes: Record<number, number[]> = { 0: watchers };
  for (const at of watchers) votes[at] = [at <= accusers ? -30 : 30];
  return reach(votes).includes(30);
}

describe("reach", () => {
  it("ends at two thirds of the votes, rounded up: 2 of 2, 3 of 4, 6 of 8", () => {
    for (let of = 2; of <= 10; of += 1) {
      const verdict = Math.ceil((2 * of) / 3);
      assert.ok(judged(verdict - 1, of), `${verdict - 1} of ${of}`);
      assert.ok(!judged(verdict, of), `${verdict} of ${of}`);
    }
  });

  it("needs somebody who vouches: whoever nobody speaks of is out", () => {
    assert.deepEqual(reach({ 0: [1], 1: [2], 3: [4] }), [1, 2]);
    assert.deepEqual(reach({ 0: [-1] }), []);
  });

  it("does not let the far side of a partition keep itself alive", () => {
    assert.deepEqual(reach({ 0: [1, -2, -3], 1: [-2, -3], 2: [3, 0], 3: [2, 1] }), [1]);
  });

  it("does not let the dead vouch: a host that paused without a word keeps nobody in", () => {
    // 1 answers nobody any more, and would vouch for 2 and 3 beyond the cut.
    assert.deepEqual(reach({ 0: [-1, 4], 4: [-1, -2], 1: [2, 3], 2: [3, 1], 3: [2, 1] }), [4]);
  });

  it("judges again when those who vouched are condemned later", () => {
    const votes = { 0: [1, 2, 3], 1: [9], 2: [-1, 3], 3: [-1, 2], 9: [10] };
    assert.deepEqual(reach(votes), [2, 3]);
  });

  it("believes our own ears more than any number of accusers", () => {
    assert.deepEqual(reach({ 0: [1, 2, 3], 2: [-1, 3], 3: [-1, 2] }, [1, 2, 3]), [1, 2, 3]);
  });

  it("names a linked host as the first on the way to everybody", () => {
    const votes: Record<number, number[]> = { 0: [1, 2], 1: [3], 3: [4], 2: [5] };
    const votesOf = (voter: HostId): Vote[] =>
      (votes[numberOf.get(voter) ?? -1] ?? []).map((n) => ({ on: host(n), kind: "vouch" }));
    const ways = reachable({ from: host(0), votesOf, heard: new Set() });
    const named = [...ways].map(([to, via]) => `${numberOf.get(to)} by ${numberOf.get(via)}`);
    assert.deepEqual(named.toSorted(), ["1 by 1", "2 by 2", "3 by 1", "4 by 1", "5 by 2"]);
  });

  it("lets no single liar end anybody whom two others vouch for", () => {
    const world = fc.record({
      size: fc.integer({ min: 4, max: 20 }),
      liar: fc.nat(),
      salt: fc.nat(),
    });
    fc.assert(
      fc.property(world, ({ size, liar, salt }) => {
        const lies = 1 + (liar % (size - 1));
        const all = Array.from({ length: size }, (_, at) => at);
        const votes = Object.fromEntries(
          all.map((n) => {
            const watched = [1, 2, 3 + (salt % 3)].flatMap((by) => [(n + by) % size, n - by]);
            const near = [...new Set(watched.map((m) => (m + size) % size))].filter((m) => m !== n);
            return [n, near.filter((m) => m !== 0).map((m) => (n === lies ? -m : m))];
          }),
        );
        assert.equal(reach(votes).length, size - 1);
      }),
    );
  });
});
