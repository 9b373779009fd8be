import assert from "node:assert/strict";
import fc from "fast-check";
import { encode } from "../../base/codec.ts";
import { encodeLeaf } from "../../store/bulk.ts";
import type { Change, Entry } from "../../store/record.ts";
import { RecordSet } from "../../store/record-set.ts";
import { key, makeHost } from "./world.ts";

const { crypto } = makeHost(1);

/** Writes, and deletions where there is no value. */
const changes = fc.array(
  fc.record({ at: fc.nat(40), seq: fc.nat(2 ** 40), value: fc.option(fc.uint8Array()) }),
  { maxLength: 60 },
);

function changesOf(drawn: readonly { at: number; seq: number; value: Uint8Array | null }[]) {
  return drawn.map(({ at, seq, value }): Change => {
    return { key: key(`x/${at}`), seq, value: value ?? undefined };
  });
}

function plainOf(set: RecordSet): unknown {
  const rows = [...set.entries()].map(({ key: name, seq, value }) => [name, seq, [...value]]);
  return rows.toSorted(([a], [b]) => (String(a) < String(b) ? -1 : 1));
}

describe("a set of records", () => {
  it("hashes leaves as the canonical encoding of their rows", () => {
    const row = fc.record({ at: fc.nat(), seq: fc.nat(2 ** 48), value: fc.uint8Array() });
    fc.assert(
      fc.property(fc.array(row, { maxLength: 40 }), (rows) => {
        const entries = rows.map(({ at, ...rest }): Entry => ({ key: key(`x/${at}`), ...rest }));
        const plain = entries.map(({ key: name, seq, value }) => [name, seq, value]);
        assert.deepEqual(encodeLeaf(entries), new Uint8Array(encode(plain)));
      }),
    );
  });

  it("encodes every width of number as the canonical encoding does", () => {
    for (const seq of [0, 23, 24, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, 2 ** 48]) {
      for (const length of [0, 23, 24, 255, 256, 65_536]) {
        const value = new Uint8Array(length).fill(7);
        const entry = { key: key("endpoint/0123456789abcdef"), seq, value };
        assert.deepEqual(encodeLeaf([entry]), new Uint8Array(encode([[entry.key, seq, value]])));
      }
    }
  });

  it("holds the same after its values were packed, and commits to the same", () => {
    fc.assert(
      fc.property(changes, changes, (first, second) => {
        const [loose, tight] = [new RecordSet(crypto), new RecordSet(crypto)];
        for (const batch of [changesOf(first), changesOf(second)]) {
          loose.apply(batch);
          tight.apply(batch);
          tight.pack();
        }
        assert.deepEqual(plainOf(tight), plainOf(loose));
        assert.deepEqual(tight.commitment(), loose.commitment());
        assert.deepEqual([tight.size, tight.bytes], [loose.size, loose.bytes]);
        for (const entry of loose.entries())
          assert.deepEqual(tight.get(entry.key)?.value, entry.value);
      }),
    );
  });

  it("puts back what a change replaced, packed or not", () => {
    fc.assert(
      fc.property(changes, changes, fc.boolean(), (first, second, isPacked) => {
        const set = new RecordSet(crypto);
        set.apply(changesOf(first));
        const [plain, commitment] = [plainOf(set), set.commitment()];
        const undo = set.apply(changesOf(second));
        set.commitment();
        if (isPacked) set.pack();
        undo();
        assert.deepEqual(plainOf(set), plain);
        assert.deepEqual(set.commitment(), commitment);
      }),
    );
  });

  it("keeps values in one piece of memory, and little of those that were replaced", () => {
    const set = new RecordSet(crypto);
    const write = (at: number, seq: number) => {
      set.apply([{ key: key(`x/${at % 100}`), seq, value: new Uint8Array(50).fill(seq) }]);
      set.pack();
    };
    for (let seq = 0; seq < 1_000; seq += 1) write(seq * 7, seq);
    const pieces = new Set([...set.entries()].map(({ value }) => value.buffer));
    const held = [...pieces].reduce((sum, { byteLength }) => sum + byteLength, 0);
    assert.ok(pieces.size <= 51, `${pieces.size} pieces of memory`);
    assert.ok(held <= 2 * 100 * 50, `${held} bytes for 5,000`);
  });
});
