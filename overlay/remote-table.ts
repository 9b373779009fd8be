/**
 * The remote endpoints of a segment, by MAC: a map that never changes, and whose next version
 * shares with it all but what is new. One endpoint more among 100,000 copies one bucket of 256, and
 * two versions are compared by the buckets they do not share (as in Bagwell's hash tries, with one
 * level).
 */
import type { Ip, Mac } from "../base/address.ts";
import type { RemoteEntry } from "./dataplane.ts";

const bucketCount = 256;

type Bucket = ReadonlyMap<Mac, RemoteEntry>;
const noEntries: Bucket = new Map();

/** One version of the map. */
export class RemoteTable implements ReadonlyMap<Mac, RemoteEntry> {
  /** The one without entries. */
  static readonly empty = new RemoteTable(new Array(bucketCount).fill(noEntries), new Map(), 0);

  readonly size: number;
  readonly #buckets: readonly Bucket[];
  /** How many entries leave to each VTEP. */
  readonly #vteps: ReadonlyMap<Ip, number>;

  private constructor(buckets: readonly Bucket[], vteps: ReadonlyMap<Ip, number>, size: number) {
    this.#buckets = buckets;
    this.#vteps = vteps;
    this.size = size;
  }

  /** Where entries leave to. */
  vteps(): ReadonlySet<Ip> {
    return new Set(this.#vteps.keys());
  }

  /** The version with these entries, and without those that are undefined. */
  with(changes: ReadonlyMap<Mac, RemoteEntry | undefined>): RemoteTable {
    if (changes.size === 0) return this;
    const buckets = [...this.#buckets];
    const copied = new Map<number, Map<Mac, RemoteEntry>>();
    const vteps = new Map(this.#vteps);
    let { size } = this;
    for (const [mac, entry] of changes) {
      const at = bucketOf(mac);
      const bucket = copied.get(at) ?? new Map(buckets[at]);
      copied.set(at, bucket);
      buckets[at] = bucket;
      size -= bucket.size;
      count(vteps, bucket.get(mac)?.vtep, -1);
      count(vteps, entry?.vtep, 1);
      if (entry === undefined) bucket.delete(mac);
      else bucket.set(mac, entry);
      size += bucket.size;
    }
    return new RemoteTable(buckets, vteps, size);
  }

  /** What is here and not the very same there. */
  without(other: RemoteTable): Map<Mac, RemoteEntry> {
    const rest = new Map<Mac, RemoteEntry>();
    for (const [at, bucket] of this.#buckets.entries()) {
      const theirs = other.#buckets[at];
      if (bucket === theirs) continue;
      for (const [mac, entry] of bucket) if (theirs?.get(mac) !== entry) rest.set(mac, entry);
    }
    return rest;
  }

  get(mac: Mac): RemoteEntry | undefined {
    return this.#buckets[bucketOf(mac)]?.get(mac);
  }

  has(mac: Mac): boolean {
    return this.get(mac) !== undefined;
  }

  forEach(
    callback: (value: RemoteEntry, key: Mac, map: ReadonlyMap<Mac, RemoteEntry>) => void,
  ): void {
    for (const [mac, entry] of this.entries()) callback(entry, mac, this);
  }

  *entries(): Generator<[Mac, RemoteEntry], undefined, unknown> {
    for (const bucket of this.#buckets) yield* bucket.entries();
  }

  *keys(): Generator<Mac, undefined, unknown> {
    for (const bucket of this.#buckets) yield* bucket.keys();
  }

  *values(): Generator<RemoteEntry, undefined, unknown> {
    for (const bucket of this.#buckets) yield* bucket.values();
  }

  [Symbol.iterator](): Generator<[Mac, RemoteEntry], undefined, unknown> {
    return this.entries();
  }
}

function count(vteps: Map<Ip, number>, vtep: Ip | undefined, change: number): void {
  if (vtep === undefined) return;
  const now = (vteps.get(vtep) ?? 0) + change;
  if (now === 0) vteps.delete(vtep);
  else vteps.set(vtep, now);
}

/** FNV-1a (RFC 9923), folded to a byte: MACs of one host are often consecutive. */
function bucketOf(mac: Mac): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < mac.length; at += 1) {
    hash = Math.imul(hash ^ mac.charCodeAt(at), 0x01000193);
  }
  return (hash >>> 24) ^ ((hash >>> 16) & 0xff) ^ ((hash >>> 8) & 0xff) ^ (hash & 0xff);
}
