import assert from "node:assert/strict";
import fc from "fast-check";
import { SpanSet } from "../../ipam/span-set.ts";

const top = 40;
const range = fc
  .tuple(fc.nat(top), fc.nat(top))
  .map(([a, b]) => (a < b ? ([a, b] as const) : ([b, a] as const)));
const change = fc.record({ isAdded: fc.boolean(), range });
type Change = { readonly isAdded: boolean; readonly range: readonly [number, number] };

function numbers([first, last]: readonly [number, number]): number[] {
  return Array.from({ length: last - first + 1 }, (_, at) => first + at);
}

function spansAfter(changes: readonly Change[]): SpanSet {
  const spans = new SpanSet();
  for (const { isAdded, range } of changes) {
    const [first, last] = [BigInt(range[0]), BigInt(range[1])];
    if (isAdded) spans.add(first, last);
    else spans.delete(first, last);
  }
  return spans;
}

function setAfter(changes: readonly Change[]): Set<number> {
  return changes.reduce((set, { isAdded, range }) => {
    const changed = new Set(numbers(range));
    return isAdded ? set.union(changed) : set.difference(changed);
  }, new Set<number>());
}

describe("span set", () => {
  it("is the set it stands for, whatever is added and deleted", () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 20 }), range, (changes, looked) => {
        const [spans, set] = [spansAfter(changes), setAfter(changes)];
        const [first, last] = [BigInt(looked[0]), BigInt(looked[1])];
        const inside = numbers(looked);
        const absent = inside.find((at) => !set.has(at));
        const expected = absent === undefined ? undefined : BigInt(absent);
        assert.equal(spans.firstAbsent(first, last), expected);
        assert.equal(spans.count(first, last), BigInt(inside.filter((at) => set.has(at)).length));
        assert.equal(
          spans.meets(first, last),
          inside.some((at) => set.has(at)),
        );
        for (const at of inside) assert.equal(spans.has(BigInt(at)), set.has(at));
      }),
      { numRuns: 500 },
    );
  });

  it("costs nothing for size: a /64 may be in it", () => {
    const spans = new SpanSet();
    spans.add(0n, 2n ** 64n - 1n);
    spans.delete(2n ** 63n, 2n ** 63n);
    assert.equal(spans.firstAbsent(5n, 2n ** 64n - 1n), 2n ** 63n);
    assert.equal(spans.count(0n, 2n ** 64n), 2n ** 64n - 1n);
  });
});
