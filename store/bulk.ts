/**
 * The two forms of many records at once, in canonical CBOR, each made in one pass over one piece of
 * memory:
 *
 *   a leaf of the hash tree    [[key, seq, value], ...]
 *   rows of the journal        [seq, value], each
 *
 * `encode` would make the same of the same; it was half of what taking over a large origin cost.
 */
import type { Entry } from "./record.ts";

/** CBOR's major types (RFC 8949 section 3.1). */
const unsigned = 0x00;
const byteString = 0x40;
const textString = 0x60;
const array = 0x80;
/** The longest head: one byte that says so, and eight. */
const headBytes = 9;

/** The bytes that stand for these rows. Keys are ASCII, seqs whole numbers under 2^53. */
export function encodeLeaf(rows: readonly Entry[]): Uint8Array {
  let room = headBytes;
  for (const { key, value } of rows) room += 4 * headBytes + key.length + value.length;
  const bytes = new Uint8Array(room);
  let at = putHead(bytes, 0, array, rows.length);
  for (const { key, seq, value } of rows) {
    at = putHead(bytes, at, array, 3);
    at = putHead(bytes, at, textString, key.length);
    for (let each = 0; each < key.length; each += 1) bytes[at + each] = key.charCodeAt(each);
    at = putHead(bytes, at + key.length, unsigned, seq);
    at = putHead(bytes, at, byteString, value.length);
    bytes.set(value, at);
    at += value.length;
  }
  return bytes.subarray(0, at);
}

/** What the journal keeps of each of these, in order. */
export function encodeRows(entries: readonly Omit<Entry, "key">[]): Uint8Array[] {
  let room = 0;
  for (const { value } of entries) room += 3 * headBytes + value.length;
  const bytes = new Uint8Array(room);
  let start = 0;
  return entries.map(({ seq, value }) => {
    let at = putHead(bytes, start, array, 2);
    at = putHead(bytes, at, unsigned, seq);
    at = putHead(bytes, at, byteString, value.length);
    bytes.set(value, at);
    const row = bytes.subarray(start, at + value.length);
    start = at + value.length;
    return row;
  });
}

/** The shortest head that holds the number, as canonical CBOR wants it; returns what follows. */
function putHead(bytes: Uint8Array, at: number, major: number, count: number): number {
  if (count < 24) {
    bytes[at] = major | count;
    return at + 1;
  }
  const [code, size] = count < 2 ** 8 ? [24, 1] : count < 2 ** 16 ? [25, 2] : wide(count);
  bytes[at] = major | code;
  let rest = count;
  for (let each = at + size; each > at; each -= 1) {
    bytes[each] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  return at + 1 + size;
}

function wide(count: number): [number, number] {
  return count < 2 ** 32 ? [26, 4] : [27, 8];
}
