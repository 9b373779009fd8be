/**
 * What a replica holds of one origin: exactly the origin's state at one (epoch, seq), never a part
 * of two. Tombstones are only a cache that keeps deltas small: who is too far behind gets the full
 * set, and drops what is not in it. So nothing deleted can come back, however long a host was away.
 */
import { bytesEqual } from "../base/bytes.ts";
import type { Crypto } from "../base/crypto.ts";
import type { Delta } from "./delta.ts";
import type { Head, Version } from "./head.ts";
import type { Change, Entry, RecordKey } from "./record.ts";
import { RecordSet } from "./record-set.ts";

/** What an accepted delta changed: `undefined` before or after means absent. */
export type Difference = {
  readonly key: RecordKey;
  readonly before: Uint8Array | undefined;
  readonly after: Uint8Array | undefined;
};

/** What one origin may hold, and how many of its deletions are remembered. */
export type OriginLimits = {
  readonly recordsPerOrigin: number;
  /** Of keys and values together. */
  readonly bytesPerOrigin: number;
  readonly tombstonesPerOrigin: number;
};

/** What came of a delta. */
export type Advance =
  | { readonly kind: "moved"; readonly differences: Difference[] }
  /** The result is not what the head commits to. */
  | { readonly kind: "misfit" }
  | { readonly kind: "vetoed" | "excess"; readonly reason: string };

/** Epochs whose deltas can still be told apart: more than a host begins while one is away. */
const epochsRemembered = 16;

/** One origin at one version. */
export class OriginState {
  #head: Head;
  #records: RecordSet;
  /** In order of seq. */
  readonly #tombstones = new Map<RecordKey, number>();
  /** Deltas from this seq on can be served: no older tombstone is missing. */
  #floor: number;
  /**
   * By epoch, oldest first: the seqs at which this state was in it. Whoever is at another seq of it
   * has another history: its disk was restored, or the origin's was.
   */
  readonly #lineage = new Map<number, { readonly first: number; readonly last: number }>();
  readonly #crypto: Crypto;
  readonly #limits: OriginLimits;

  constructor(head: Head, crypto: Crypto, limits: OriginLimits) {
    this.#head = head;
    this.#crypto = crypto;
    this.#limits = limits;
    this.#records = new RecordSet(crypto);
    this.#floor = head.seq;
    this.#noteEpoch(head);
  }

  get head(): Head {
    return this.#head;
  }

  get size(): number {
    return this.#records.size;
  }

  get(key: RecordKey): Uint8Array | undefined {
    return this.#records.get(key)?.value;
  }

  entry(key: RecordKey): Entry | undefined {
    return this.#records.get(key);
  }

  entries(): IterableIterator<Entry> {
    return this.#records.entries();
  }

  /** Keys and values together. */
  get bytes(): number {
    return this.#records.bytes;
  }

  /** Whether the origin deleted this not long ago. */
  isDeleted(key: RecordKey): boolean {
    return this.#tombstones.has(key);
  }

  /** What a replica that holds `have` of this origin lacks, as a delta or as the full set. */
  deltaFor(have: Version): Delta {
    const changes = this.#changesSince(have);
    return changes === undefined
      ? { head: this.#head, from: undefined, changes: [...this.#records.entries()] }
      : { head: this.#head, from: { epoch: have.epoch, seq: have.seq }, changes };
  }

  /** Undefined where that is no longer known, or was never so. */
  #changesSince({ epoch, seq }: Version): Change[] | undefined {
    const range = this.#lineage.get(epoch);
    const isKnown = range !== undefined && seq >= range.first && seq <= range.last;
    // An origin whose disk went back may be at a lower seq than what it was in before.
    if (!isKnown || seq < this.#floor || seq >= this.#head.seq) return undefined;
    const changes: Change[] = [];
    for (const entry of this.#records.entries()) if (entry.seq > seq) changes.push(entry);
    for (const [key, at] of this.#tombstones) {
      if (at > seq && at <= this.#head.seq) changes.push({ key, seq: at, value: undefined });
    }
    return changes;
  }

  /**
   * Moves to the delta's head, if the result is what the head commits to, `veto` has nothing
   * against it and it is within the limits; otherwise nothing changes.
   */
  advance(
    delta: Delta,
    veto: (get: (key: RecordKey) => Uint8Array | undefined) => string | undefined,
  ): Advance {
    const isFull = delta.from === undefined;
    const next = isFull ? new RecordSet(this.#crypto) : this.#records;
    const before = isFull ? undefined : delta.changes.map(({ key }) => this.get(key));
    const undo = next.apply(delta.changes);
    const refused = this.#refusal(next, delta.head, veto);
    if (refused !== undefined) {
      undo();
      return refused;
    }
    const differences =
      before === undefined ? this.#compare(next) : differencesOf(delta.changes, before);
    if (isFull) this.#replaceWith(next, delta.head);
    else this.#noteTombstones(delta.changes);
    this.#records.pack();
    this.#head = delta.head;
    this.#noteEpoch(delta.head);
    return { kind: "moved", differences };
  }

  /**
   * Moves to a newer head that commits to the very records held. What came and went in between is
   * not known here.
   */
  moveTo(head: Head): void {
    this.#startFrom(head);
    this.#head = head;
    this.#noteEpoch(head);
  }

  /** What the set would commit to after these changes; the set itself stays as it is. */
  commitmentAfter(changes: readonly Change[]): Uint8Array {
    const undo = this.#records.apply(changes);
    const commitment = this.#records.commitment();
    undo();
    return commitment;
  }

  /**
   * Puts back the records that were stored with the head; false where they are not what it commits
   * to. Tombstones are not stored: after a restart, who lags behind gets the full set.
   */
  restore(entries: readonly Entry[]): boolean {
    this.#records.apply(entries);
    this.#records.pack();
    return bytesEqual(this.#records.commitment(), this.#head.commitment);
  }

  #refusal(next: RecordSet, head: Head, veto: Parameters<OriginState["advance"]>[1]) {
    if (!bytesEqual(next.commitment(), head.commitment)) return { kind: "misfit" } as const;
    const vetoed = veto((key) => next.get(key)?.value);
    if (vetoed !== undefined) return { kind: "vetoed", reason: vetoed } as const;
    const reason = this.#excess(next);
    return reason === undefined ? undefined : ({ kind: "excess", reason } as const);
  }

  #excess({ size, bytes }: RecordSet): string | undefined {
    const { recordsPerOrigin, bytesPerOrigin } = this.#limits;
    if (size > recordsPerOrigin)
      return `it holds ${size} records, and one host may hold ${recordsPerOrigin}`;
    if (bytes > bytesPerOrigin)
      return `its records take ${bytes} bytes, and one host's may take ${bytesPerOrigin}`;
    return undefined;
  }

  #replaceWith(next: RecordSet, head: Head): void {
    this.#records = next;
    this.#startFrom(head);
  }

  #startFrom(head: Head): void {
    this.#tombstones.clear();
    this.#lineage.clear();
    this.#floor = head.seq;
  }

  #noteEpoch({ epoch, seq }: Version): void {
    this.#lineage.set(epoch, { first: this.#lineage.get(epoch)?.first ?? seq, last: seq });
    for (const oldest of this.#lineage.keys()) {
      if (this.#lineage.size <= epochsRemembered) break;
      this.#lineage.delete(oldest);
    }
  }

  #noteTombstones(changes: readonly Change[]): void {
    for (const { key, seq, value } of changes) {
      this.#tombstones.delete(key);
      if (value === undefined) this.#tombstones.set(key, seq);
    }
    for (const [key, seq] of this.#tombstones) {
      if (this.#tombstones.size <= this.#limits.tombstonesPerOrigin) break;
      this.#tombstones.delete(key);
      this.#floor = Math.max(this.#floor, seq);
    }
  }

  #compare(next: RecordSet): Difference[] {
    const differences: Difference[] = [];
    for (const { key, value } of this.#records.entries()) {
      const after = next.get(key)?.value;
      if (after === undefined || !bytesEqual(after, value)) {
        differences.push({ key, before: value, after });
      }
    }
    for (const { key, value } of next.entries()) {
      if (this.get(key) === undefined) differences.push({ key, before: undefined, after: value });
    }
    return differences;
  }
}

function differencesOf(
  changes: readonly Change[],
  before: readonly (Uint8Array | undefined)[],
): Difference[] {
  return changes.map(({ key, value }, at) => ({ key, before: before[at], after: value }));
}
