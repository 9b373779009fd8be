/**
 * The bytes of a leaf of the hash tree: the canonical CBOR of [[key, seq, value], ...], made in one
 * pass. `encode` would make the same of the same rows; here it is the most of what taking over a
 * large origin costs.
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
