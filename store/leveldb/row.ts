/**
 * What LevelDB stores for a row: the CRC-32 of table, key and value, then the value. A row that was
 * altered, or that came to lie under another key, does not match.
 *
 * A tally sums the rows of a table: how many, and the sum of their checksums. It is the same in
 * whatever order rows came and went, so a change costs its own rows only; against accidents, which
 * is all it has to detect, a sum of checksums is enough.
 */
import { crc32 } from "node:zlib";
import type { JournalTable } from "../journal.ts";

/** How many rows, and the sum of their checksums modulo 2^48. */
export type Tally = { readonly rows: number; readonly sum: number };

/** Of no rows. */
export const emptyTally: Tally = { rows: 0, sum: 0 };

const sumModulus = 2 ** 48;
const checksumBytes = 4;

/** The bytes to store for this row. */
export function storedRow(table: JournalTable, key: string, value: Uint8Array): Uint8Array {
  const bytes = Buffer.allocUnsafe(checksumBytes + value.length);
  bytes.writeUInt32BE(checksumOf(table, key, value));
  bytes.set(value, checksumBytes);
  return bytes;
}

/** The value of a stored row, or undefined where it is not what was stored. */
export function valueIn(
  table: JournalTable,
  key: string,
  stored: Uint8Array,
): Uint8Array | undefined {
  if (stored.length < checksumBytes) return undefined;
  // A copy that owns its memory: LevelDB's page would be kept alive by one small record.
  const value = new Uint8Array(stored.subarray(checksumBytes));
  return checksumOf(table, key, value) === checksumIn(stored) ? value : undefined;
}

/** The tally after one stored row has replaced another; undefined stands for no row. */
export function retally(
  tally: Tally,
  before: Uint8Array | undefined,
  after: Uint8Array | undefined,
): Tally {
  const rows = tally.rows + (after === undefined ? 0 : 1) - (before === undefined ? 0 : 1);
  const change =
    (after === undefined ? 0 : checksumIn(after)) - (before === undefined ? 0 : checksumIn(before));
  return { rows, sum: (tally.sum + change + sumModulus) % sumModulus };
}

/** Whether two tallies are of the same rows. */
export function tallyEquals(a: Tally, b: Tally): boolean {
  return a.rows === b.rows && a.sum === b.sum;
}

function checksumOf(table: JournalTable, key: string, value: Uint8Array): number {
  return crc32(value, crc32(`${table}\0${key}\0`));
}

function checksumIn(stored: Uint8Array): number {
  return stored.length < checksumBytes
    ? 0
    : new DataView(stored.buffer, stored.byteOffset).getUint32(0);
}
