import assert from "node:assert/strict";
import fc from "fast-check";
import {
  blockOf,
  cidrOfBlock,
  compareBlocks,
  contains,
  halves,
  holds,
  overlaps,
  powerOfTwo,
  without,
} from "../../ipam/block.ts";
import { cidr } from "../agent/samples.ts";

const block = (text: string) => blockOf(cidr(text));

describe("block", () => {
  it("comes back from its text form", () => {
    for (const text of ["10.32.0.0/16", "10.32.5.6/32", "0.0.0.0/0", "fd00:5::/64", "::/0"]) {
      assert.equal(cidrOfBlock(block(text)), text);
    }
  });

  it("has two halves that are it, side by side", () => {
    assert.deepEqual(halves(block("10.0.0.0/24")).map(cidrOfBlock), [
      "10.0.0.0/25",
      "10.0.0.128/25",
    ]);
    assert.deepEqual(halves(block("fd00::/64")).map(cidrOfBlock), [
      "fd00::/65",
      "fd00::8000:0:0:0/65",
    ]);
  });

  it("overlaps another exactly if one contains the other", () => {
    const small = fc.tuple(fc.nat(15), fc.nat(4)).map(([at, power]) => {
      const size = 2n ** BigInt(power);
      return { family: 4 as const, first: (BigInt(at) / size) * size, size };
    });
    fc.assert(
      fc.property(small, small, (a, b) => {
        assert.equal(overlaps(a, b), contains(a, b) || contains(b, a));
        assert.equal(overlaps(a, b), overlaps(b, a));
        const isCommon = (_: unknown, at: number) => holds(a, BigInt(at)) && holds(b, BigInt(at));
        assert.equal(overlaps(a, b), Array.from({ length: 32 }).some(isCommon));
      }),
    );
  });

  it("of one family has nothing to do with that of another", () => {
    const [four, six] = [block("0.0.0.0/0"), block("::/0")];
    assert.equal(overlaps(four, six) || contains(six, four) || contains(four, six), false);
  });

  it("is ordered by family, place and size", () => {
    const texts = ["10.0.0.0/8", "10.0.0.0/16", "10.1.0.0/16", "::/0", "fd00::/64"];
    const order = texts.toReversed().map(block).toSorted(compareBlocks).map(cidrOfBlock);
    assert.deepEqual(order, texts);
  });

  it("without some parts is exactly the rest, in as few blocks as can be", () => {
    const whole = block("10.0.0.0/26");
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(63), { maxLength: 10 }), (addresses) => {
        const taken = addresses.map((at) => ({
          ...whole,
          first: whole.first + BigInt(at),
          size: 1n,
        }));
        const rest = without(whole, taken);
        const size = rest.reduce((sum, part) => sum + part.size, 0n);
        assert.equal(size, whole.size - BigInt(addresses.length));
        for (const [at, part] of rest.entries()) {
          assert.equal(part.first % part.size, 0n, "aligned");
          assert.ok(taken.every((each) => !contains(part, each)));
          const next = rest[at + 1];
          const isMergeable =
            next !== undefined &&
            next.size === part.size &&
            part.first + part.size === next.first &&
            part.first % (2n * part.size) === 0n;
          assert.equal(isMergeable, false);
        }
      }),
    );
  });

  it("sizes are rounded up to powers of two", () => {
    assert.deepEqual([1n, 2n, 3n, 16n, 17n].map(powerOfTwo), [1n, 2n, 4n, 16n, 32n]);
  });
});
