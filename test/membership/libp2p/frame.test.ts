import assert from "node:assert/strict";
import fc from "fast-check";
import { concatBytes } from "../../../base/bytes.ts";
import { encode } from "../../../base/codec.ts";
import {
  type Control,
  decodeFrame,
  encodeControl,
  encodeMessage,
  endedKept,
  helloBytes,
} from "../../../membership/libp2p/frame.ts";

const ids = fc
  .uint8Array({ minLength: 8, maxLength: 8 })
  .map((bytes) => Buffer.from(bytes).toString("hex"));
const reasons = fc.string({ maxLength: 256 });
const plain = { noNullPrototype: true };
const controls: fc.Arbitrary<Control> = fc.oneof(
  fc.record(
    {
      kind: fc.constant("hello" as const),
      session: ids,
      link: ids,
      ended: fc.array(ids, { maxLength: endedKept }),
      hello: fc.uint8Array({ maxLength: 64 }),
    },
    plain,
  ),
  fc.record(
    { kind: fc.constantFrom("admit" as const, "chosen" as const, "spare" as const) },
    plain,
  ),
  fc.record({ kind: fc.constantFrom("refuse" as const, "bye" as const), reason: reasons }, plain),
);

describe("a frame of a link", () => {
  it("gives back the message that went in, as memory of its own", () => {
    fc.assert(
      fc.property(fc.uint8Array(), (message) => {
        const bytes = encodeMessage(message);
        const frame = decodeFrame(bytes);
        bytes.fill(0xff);
        assert.deepEqual(frame, { kind: "message", message });
      }),
    );
  });

  it("gives back what was said", () => {
    fc.assert(
      fc.property(controls, (control) => {
        assert.deepEqual(decodeFrame(encodeControl(control)), { kind: "control", control });
      }),
    );
  });

  it("cuts a reason that is too long", () => {
    const frame = decodeFrame(encodeControl({ kind: "bye", reason: "x".repeat(5_000) }));
    assert.ok(frame?.kind === "control" && frame.control.kind === "bye");
    assert.equal(frame.control.reason.length, 256);
  });

  it("is refused where it is too long, of another kind, or has a field too many", () => {
    const said = (value: unknown) => decodeFrame(concatBytes([Uint8Array.of(1), encode(value)]));
    const id = "0123456789abcdef";
    const hello = { kind: "hello", session: id, link: id, ended: [], hello: new Uint8Array() };
    assert.notEqual(said(hello), undefined);
    const wrong = [
      { ...hello, hello: new Uint8Array(helloBytes + 1) },
      { ...hello, ended: new Array(endedKept + 1).fill(id) },
      { ...hello, session: "short" },
      { ...hello, more: 1 },
      { kind: "refuse", reason: "x".repeat(257) },
      { kind: "refuse" },
      { kind: "sudo" },
      null,
      [],
    ];
    for (const value of wrong) assert.equal(said(value), undefined, JSON.stringify(value));
    assert.equal(decodeFrame(new Uint8Array()), undefined);
    assert.equal(decodeFrame(Uint8Array.of(2, 0)), undefined);
  });

  it("never throws on bad bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        decodeFrame(bytes);
        decodeFrame(concatBytes([Uint8Array.of(1), bytes]));
      }),
      { numRuns: 5_000 },
    );
  });
});
