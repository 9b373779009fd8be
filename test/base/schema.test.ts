import assert from "node:assert/strict";
import fc from "fast-check";
import * as v from "valibot";
import { parseIp } from "../../base/address.ts";
import { branded, countSchema, fixedBytes, shortBytes, shortText } from "../../base/schema.ts";

describe("schemas", () => {
  it("take counts that are whole, not negative and exact in a sum", () => {
    for (const value of [0, 1, 2 ** 48]) assert.ok(v.is(countSchema, value));
    for (const value of [-1, 0.5, 2 ** 48 + 1, Number.NaN, "1", 1n, null]) {
      assert.ok(!v.is(countSchema, value), String(value));
    }
  });

  it("take byte strings of their length only", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 8 }), (bytes) => {
        assert.equal(v.is(fixedBytes(4), bytes), bytes.length === 4);
        assert.equal(v.is(shortBytes(4), bytes), bytes.length <= 4);
      }),
    );
    for (const value of ["abcd", [1, 2, 3, 4], null]) assert.ok(!v.is(fixedBytes(4), value));
  });

  it("turn text into brands by our parsers, and refuse it where they do", () => {
    const schema = branded(parseIp);
    assert.equal(v.parse(schema, "FD00::01"), "fd00::1");
    for (const value of ["10.0.0", 7, null, "1".repeat(300)]) {
      assert.ok(!v.safeParse(schema, value).success, String(value));
    }
  });

  it("bound text for people", () => {
    assert.ok(v.is(shortText(3), "abc"));
    assert.ok(!v.is(shortText(3), "abcd"));
  });
});
