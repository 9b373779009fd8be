import assert from "node:assert/strict";
import { toHex } from "../../../base/bytes.ts";
import { systemRandom } from "../../../base/node/random.ts";

describe("the system's chance", () => {
  it("stays below every bound, up to 2^32", () => {
    for (const bound of [1, 2, 10, 2 ** 31, 2 ** 32]) {
      for (let draw = 0; draw < 100; draw += 1) {
        const value = systemRandom.below(bound);
        assert.ok(Number.isInteger(value) && value >= 0 && value < bound);
      }
    }
  });

  it("has no draw below nothing", () => {
    for (const bound of [0, -1, 1.5, 2 ** 32 + 1]) assert.throws(() => systemRandom.below(bound));
  });

  it("gives as many bytes as asked, never the same", () => {
    assert.equal(systemRandom.bytes(0).length, 0);
    const drawn = Array.from({ length: 100 }, () => toHex(systemRandom.bytes(16)));
    assert.ok(drawn.every((hex) => hex.length === 32));
    assert.equal(new Set(drawn).size, drawn.length);
  });
});
