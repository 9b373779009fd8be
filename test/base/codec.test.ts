import assert from "node:assert/strict";
import fc from "fast-check";
import { bytesEqual, fromHex } from "../../base/bytes.ts";
import { decode, encode } from "../../base/codec.ts";

const enough = 1 << 20;

type Plain = string | number | boolean | null | Uint8Array | Plain[] | { [key: string]: Plain };

const plains = fc.letrec<{ plain: Plain }>((tie) => ({
  plain: fc.oneof(
    { maxDepth: 4 },
    fc.string(),
    fc.maxSafeInteger().map((value) => value + 0),
    fc.boolean(),
    fc.constant(null),
    fc.uint8Array(),
    fc.array(tie("plain"), { maxLength: 5 }),
    fc.dictionary(fc.string(), tie("plain"), { maxKeys: 5, noNullPrototype: true }),
  ),
})).plain;

describe("the encoding", () => {
  it("gives back what went in", () => {
    fc.assert(
      fc.property(plains, (value) => assert.deepEqual(decode(encode(value), enough), value)),
    );
  });

  it("gives equal values equal bytes, however their fields are ordered", () => {
    const fields = fc.uniqueArray(fc.tuple(fc.string(), plains), {
      selector: ([key]) => key,
      maxLength: 6,
    });
    fc.assert(
      fc.property(fields, (entries) => {
        const turned = Object.fromEntries([...entries].reverse());
        assert.ok(bytesEqual(encode(Object.fromEntries(entries)), encode(turned)));
      }),
    );
  });

  it("leaves out a field that is undefined", () => {
    assert.deepEqual(decode(encode({ a: 1, b: undefined }), enough), { a: 1 });
  });

  it("refuses what is longer than allowed", () => {
    const bytes = encode("twelve bytes");
    assert.equal(decode(bytes, bytes.length - 1), undefined);
    assert.equal(decode(bytes, bytes.length), "twelve bytes");
  });

  it("refuses waste, open ends, repeated keys, trailing bytes and what is not plain", () => {
    const wrong = {
      "a wasteful length": "1801",
      "an indefinite array": "9f01ff",
      "an indefinite text": "7f6161ff",
      "a repeated key": "a2616101616102",
      "a trailing byte": "0000",
      undefined: "f7",
      infinity: "fb7ff0000000000000",
      "not a number": "fb7ff8000000000000",
      "a tag": "c101",
      "beyond exact integers": "1b0020000000000000",
      nothing: "",
      "a text cut short": "6261",
      "a length of four exabytes": "5b4000000000000000",
    };
    for (const [what, hex] of Object.entries(wrong)) {
      assert.equal(decode(fromHex(hex) ?? new Uint8Array(), enough), undefined, what);
    }
  });

  it("is not led to another prototype by a field's name", () => {
    const decoded = decode(fromHex("a1695f5f70726f746f5f5fa1616101") ?? new Uint8Array(), enough);
    assert.ok(decoded !== null && typeof decoded === "object");
    assert.equal(Object.getPrototypeOf(decoded), Object.prototype);
    assert.equal("a" in decoded, false);
  });

  it("survives nesting as deep as a message is long", () => {
    assert.equal(decode(new Uint8Array(256 * 1024).fill(0x81), enough), undefined);
  });

  it("never throws on bad bytes, and what it accepts it can encode", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        const value = decode(bytes, enough);
        if (value !== undefined) assert.deepEqual(decode(encode(value), enough), value);
      }),
      { numRuns: 5_000 },
    );
  });

  it("never throws on a valid message with one byte changed", () => {
    const changed = fc.tuple(plains, fc.nat(), fc.nat(255)).map(([value, at, byte]) => {
      const bytes = encode(value).slice();
      bytes[at % bytes.length] = byte;
      return bytes;
    });
    fc.assert(
      fc.property(changed, (bytes) => void decode(bytes, enough)),
      { numRuns: 2_000 },
    );
  });
});
