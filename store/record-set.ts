/**
 * All records of one origin, and the commitment to them: a hash tree of two levels (Merkle, CRYPTO
 * '87).
 *
 *   commitment = H(leaf 0 | leaf 1 | ... | leaf 255)      leaf i = H(records whose key falls into bucket i, by key)
 *
 * One change rehashes one leaf and the root. A sum or XOR of record hashes would be cheaper and
 * could be forged by a relay (Wagner, "A generalized birthday problem", 2002); this cannot, short
 * of breaking the hash. A replica holds one of these for each origin, so an empty one is small.
 */
import type { Crypto } from "../base/crypto.ts";
import { encodeLeaf } from "./bulk.ts";
import { packed } from "./packed.ts";
import type { Change, Entry, RecordKey } from "./record.ts";

const leaves = 256;
const hashBytes = 32;
/** Below this, views of one piece of memory take as much as pieces of their own. */
const worthPacking = 4;

/** Puts back what a change replaced. */
export type Undo = () => void;

/** The records of one bucket by key, and where their hash lies. */
type Leaf = { readonly rows: Entry[]; readonly slot: number; isDirty: boolean };

/** Records by key, and the hash tree over them. */
export class RecordSet {
  readonly #leaves = new Map<number, Leaf>();
  readonly #crypto: Crypto;
  /** A slot for each leaf that there is, and room for as many again. */
  #hashes = new Uint8Array(0);
  #commitment: Uint8Array | undefined;
  #size = 0;
  #bytes = 0;
  /** Changes since the values were last packed. */
  #loose = 0;

  constructor(crypto: Crypto) {
    this.#crypto = crypto;
  }

  get size(): number {
    return this.#size;
  }

  /** What all keys and values take together. */
  get bytes(): number {
    return this.#bytes;
  }

  get(key: RecordKey): Entry | undefined {
    const rows = this.#leaves.get(bucketOf(key))?.rows;
    if (rows === undefined) return undefined;
    const found = rows[placeOf(key, rows)];
    return found?.key === key ? found : undefined;
  }

  *entries(): IterableIterator<Entry> {
    for (const { rows } of this.#leaves.values()) yield* rows;
  }

  /** Writes or deletes; calling the result puts back what was there. */
  apply(changes: readonly Change[]): Undo {
    const before: (Entry | undefined)[] = [];
    for (const { key, seq, value } of changes)
      before.push(this.#put(key, value === undefined ? undefined : { key, seq, value }));
    return () => {
      for (let at = changes.length - 1; at >= 0; at -= 1) {
        const change = changes[at];
        if (change !== undefined) this.#put(change.key, before[at]);
      }
    };
  }

  /** 32 bytes that stand for exactly this set of (key, seq, value). */
  commitment(): Uint8Array {
    this.#commitment ??= this.#root();
    return this.#commitment;
  }

  /**
   * Moves the values into one piece of memory, once most of them are new: a value alone takes four
   * times what it holds. Of values that were replaced, no more is kept than of those that stand.
   */
  pack(): void {
    if (this.#size < worthPacking || 2 * this.#loose <= this.#size) return;
    const all = packed([...this.entries()]);
    let at = 0;
    for (const { rows } of this.#leaves.values()) {
      rows.splice(0, rows.length, ...all.slice(at, at + rows.length));
      at += rows.length;
    }
    this.#loose = 0;
  }

  /** What was there before. */
  #put(key: RecordKey, entry: Entry | undefined): Entry | undefined {
    const leaf = this.#leafFor(bucketOf(key));
    const { rows } = leaf;
    const at = placeOf(key, rows);
    const former = rows[at]?.key === key ? rows[at] : undefined;
    const replaced = former === undefined ? 0 : 1;
    if (entry === undefined) rows.splice(at, replaced);
    else if (former === undefined && at === rows.length) rows.push(entry);
    else rows.splice(at, replaced, entry);
    this.#size += (entry === undefined ? 0 : 1) - replaced;
    this.#bytes += bytesOf(entry) - bytesOf(former);
    this.#loose += 1;
    leaf.isDirty = true;
    this.#commitment = undefined;
    return former;
  }

  #leafFor(bucket: number): Leaf {
    const known = this.#leaves.get(bucket);
    if (known !== undefined) return known;
    const leaf = { rows: [], slot: this.#leaves.size, isDirty: false };
    this.#leaves.set(bucket, leaf);
    if (this.#leaves.size * hashBytes > this.#hashes.length) {
      const larger = new Uint8Array(2 * this.#leaves.size * hashBytes);
      larger.set(this.#hashes);
      this.#hashes = larger;
    }
    return leaf;
  }

  #root(): Uint8Array {
    const all = new Uint8Array(leaves * hashBytes);
    for (const [bucket, leaf] of this.#leaves) {
      const at = leaf.slot * hashBytes;
      if (leaf.isDirty) this.#hashes.set(this.#hashOf(leaf), at);
      leaf.isDirty = false;
      all.set(this.#hashes.subarray(at, at + hashBytes), bucket * hashBytes);
    }
    return this.#crypto.hash(all);
  }

  #hashOf({ rows }: Leaf): Uint8Array {
    return rows.length === 0 ? new Uint8Array(hashBytes) : this.#crypto.hash(encodeLeaf(rows));
  }
}

function bytesOf(entry: Entry | undefined): number {
  return entry === undefined ? 0 : entry.key.length + entry.value.length;
}

/** Where the key is among rows in order, or would be. */
function placeOf(key: RecordKey, rows: readonly Entry[]): number {
  let [low, high] = [0, rows.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const row = rows[middle];
    if (row !== undefined && row.key < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** FNV-1a (RFC 9923): spreads keys over leaves; who chooses keys only unbalances its own tree. */
function bucketOf(key: RecordKey): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < key.length; at += 1) {
    hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193);
  }
  return (hash >>> 24) ^ ((hash >>> 16) & 0xff) ^ ((hash >>> 8) & 0xff) ^ (hash & 0xff);
}
