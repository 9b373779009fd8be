/**
 * All records of one origin, and the commitment to them: a hash tree of two levels (Merkle, CRYPTO
 * '87).
 *
 *   commitment = H(leaf 0 | leaf 1 | ... | leaf 255)      leaf i = H(records whose key falls into bucket i, by key)
 *
 * One change rehashes one leaf and the root. A sum or XOR of record hashes would be cheaper and
 * could be forged by a relay (Wagner, "A generalized birthday problem", 2002); this cannot, short
 * of breaking the hash.
 */
import { encode } from "../base/codec.ts";
import type { Crypto } from "../base/crypto.ts";
import type { Change, Entry, RecordKey } from "./record.ts";

const leaves = 256;
const hashBytes = 32;

/** Puts back what a change replaced. */
export type Undo = () => void;

/** Records by key, and the hash tree over them. */
export class RecordSet {
  readonly #buckets: (Map<RecordKey, Entry> | undefined)[] = new Array(leaves).fill(undefined);
  readonly #hashes = new Uint8Array(leaves * hashBytes);
  readonly #dirty = new Set<number>();
  readonly #crypto: Crypto;
  #commitment: Uint8Array | undefined;
  #size = 0;
  #bytes = 0;

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
    return this.#buckets[bucketOf(key)]?.get(key);
  }

  *entries(): IterableIterator<Entry> {
    for (const bucket of this.#buckets) if (bucket !== undefined) yield* bucket.values();
  }

  /** Writes or deletes; calling the result puts back what was there. */
  apply(changes: readonly Change[]): Undo {
    const before = changes.map((change) => ({ key: change.key, entry: this.get(change.key) }));
    for (const { key, seq, value } of changes) {
      this.#put(key, value === undefined ? undefined : { key, seq, value });
    }
    return () => {
      for (const { key, entry } of before.reverse()) this.#put(key, entry);
    };
  }

  /** 32 bytes that stand for exactly this set of (key, seq, value). */
  commitment(): Uint8Array {
    if (this.#commitment !== undefined) return this.#commitment;
    for (const at of this.#dirty) this.#hashes.set(this.#leaf(at), at * hashBytes);
    this.#dirty.clear();
    this.#commitment = this.#crypto.hash(this.#hashes);
    return this.#commitment;
  }

  #put(key: RecordKey, entry: Entry | undefined): void {
    const at = bucketOf(key);
    const bucket = this.#buckets[at] ?? new Map<RecordKey, Entry>();
    this.#buckets[at] = bucket;
    const former = bucket.get(key);
    if (entry === undefined) bucket.delete(key);
    else bucket.set(key, entry);
    this.#size += (entry === undefined ? 0 : 1) - (former === undefined ? 0 : 1);
    this.#bytes += bytesOf(entry) - bytesOf(former);
    this.#dirty.add(at);
    this.#commitment = undefined;
  }

  #leaf(at: number): Uint8Array {
    const bucket = this.#buckets[at];
    if (bucket === undefined || bucket.size === 0) return new Uint8Array(hashBytes);
    const rows = [...bucket.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
    return this.#crypto.hash(encode(rows.map(({ key, seq, value }) => [key, seq, value])));
  }
}

function bytesOf(entry: Entry | undefined): number {
  return entry === undefined ? 0 : entry.key.length + entry.value.length;
}

/** FNV-1a (RFC 9923): spreads keys over leaves; who chooses keys only unbalances its own tree. */
function bucketOf(key: RecordKey): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < key.length; at += 1) {
    hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193);
  }
  return (hash >>> 24) ^ ((hash >>> 16) & 0xff) ^ ((hash >>> 8) & 0xff) ^ (hash & 0xff);
}
