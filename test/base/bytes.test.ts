import assert from "node:assert/strict";
import fc from "fast-check";
import { bytesEqual, concatBytes, fromHex, toHex } from "../../base/bytes.ts";

describe("bytes", () => {
  it("survive the way to hex and back", () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => assert.deepEqual(fromHex(toHex(bytes)), bytes)),
    );
  });

  it("are hex only in whole lower-case pairs", () => {
    for (const text of ["0", "0g", "AB", "0x00", " 00", "00 "])
      assert.equal(fromHex(text), undefined);
    fc.assert(
      fc.property(fc.string(), (text) => {
        const bytes = fromHex(text);
        if (bytes !== undefined) assert.equal(toHex(bytes), text);
      }),
    );
  });

  it("are equal exactly if their hex is", () => {
    const few = fc.uint8Array({ maxLength: 2, max: 2 });
    fc.assert(
      fc.property(few, few, (a, b) => assert.equal(bytesEqual(a, b), toHex(a) === toHex(b))),
    );
  });

  it("are joined in order, and a copy", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array()), (parts) => {
        assert.equal(toHex(concatBytes(parts)), parts.map(toHex).join(""));
      }),
    );
    const part = Uint8Array.of(1);
    concatBytes([part])[0] = 2;
    assert.deepEqual(part, Uint8Array.of(1));
  });
});
