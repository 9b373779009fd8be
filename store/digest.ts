/**
 * What two replicas compare to find where they differ, cheapest first (research note gossip.md
 * 3.1):
 *
 *   root (16 bytes, in every ping)  ->  256 bucket hashes  ->  version vectors of the buckets that differ
 *
 * A bucket is the XOR of its origins' stamps, so one change costs two XORs. Nobody gains by forging
 * a stamp here: what is then fetched is proven by signed heads.
 */
import { encode } from "../base/codec.ts";
import type { Crypto } from "../base/crypto.ts";
import type { HostId } from "../base/id.ts";
import type { Head } from "./head.ts";

/** Origins are spread over so many: a change among thousands costs 2 kB to find. */
export const bucketCount = 256;
/** Enough that two replicas that differ differ in it. */
export const stampBytes = 8;

/** The sum of what a replica holds. */
export class Digest {
  readonly #buckets = new Uint8Array(bucketCount * stampBytes);
  readonly #stamps = new Map<HostId, { readonly bucket: number; readonly stamp: Uint8Array }>();
  readonly #crypto: Crypto;
  #root: Uint8Array | undefined;

  constructor(crypto: Crypto) {
    this.#crypto = crypto;
  }

  /** Replaces what the origin's bucket holds of it. */
  set(head: Head): void {
    this.remove(head.origin);
    const bucket = this.#bucketOf(head.origin);
    const stamp = this.#crypto
      .hash(encode([head.origin, head.epoch, head.seq, head.commitment]))
      .subarray(0, stampBytes);
    this.#stamps.set(head.origin, { bucket, stamp });
    this.#toggle(bucket, stamp);
  }

  remove(origin: HostId): void {
    const known = this.#stamps.get(origin);
    if (known === undefined) return;
    this.#stamps.delete(origin);
    this.#toggle(known.bucket, known.stamp);
  }

  /** 16 bytes; equal on two replicas exactly if they hold the same heads. */
  root(): Uint8Array {
    this.#root ??= this.#crypto.hash(this.#buckets).slice(0, 16);
    return this.#root;
  }

  /** All bucket hashes, one after the other. */
  buckets(): Uint8Array {
    return this.#buckets.slice();
  }

  /** Buckets whose hash is not the peer's. */
  differing(theirs: Uint8Array): number[] {
    const differing: number[] = [];
    for (let bucket = 0; bucket < bucketCount; bucket += 1) {
      if (!this.#isEqual(theirs, bucket * stampBytes)) differing.push(bucket);
    }
    return differing;
  }

  /** The stamp of what is held of an origin; undefined where nothing is. */
  stampOf(origin: HostId): Uint8Array | undefined {
    return this.#stamps.get(origin)?.stamp;
  }

  originsIn(buckets: readonly number[]): HostId[] {
    const wanted = new Set(buckets);
    return [...this.#stamps]
      .filter(([, { bucket }]) => wanted.has(bucket))
      .map(([origin]) => origin);
  }

  #isEqual(theirs: Uint8Array, at: number): boolean {
    for (let byte = at; byte < at + stampBytes; byte += 1) {
      if (theirs[byte] !== this.#buckets[byte]) return false;
    }
    return true;
  }

  #toggle(bucket: number, stamp: Uint8Array): void {
    const at = bucket * stampBytes;
    for (const [byte, value] of stamp.entries()) {
      this.#buckets[at + byte] = (this.#buckets[at + byte] ?? 0) ^ value;
    }
    this.#root = undefined;
  }

  #bucketOf(origin: HostId): number {
    return this.#crypto.hash(encode(origin))[0] ?? 0;
  }
}
