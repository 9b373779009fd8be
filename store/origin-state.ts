/**
 * What a replica holds of one origin: exactly the origin's state at one (epoch, seq), never a part
 * of two. Tombstones are only a cache that keeps deltas small: who is too far behind gets the full
 * set, and drops what is not in it. So nothing deleted can come back, however long a host was away.
 */
import { bytesEqual } from "../base/bytes.ts";
import type { Crypto } from "../base/crypto.ts";
import type { Delta } from "./delta.ts";
import type { Head } from "./head.ts";
import type { Change, Entry, RecordKey } from "./record.ts";
import { RecordSet } from "./record-set.ts";

/** What an accepted delta changed: `undefined` before or after means absent. */
export type Difference = {
  readonly key: RecordKey;
  readonly before: Uint8Array | undefined;
  readonly after: Uint8Array | undefined;
};

/** One origin at one version. */
export class OriginState {
  #head: Head;
  #records: RecordSet;
  /** In order of seq. */
  readonly #tombstones = new Map<RecordKey, number>();
  /** Deltas from this seq on can be served: no older tombstone is missing. */
  #floor: number;
  readonly #crypto: Crypto;
  readonly #maxTombstones: number;

  constructor(head: Head, crypto: Crypto, maxTombstones: number) {
    this.#head = head;
    this.#crypto = crypto;
    this.#maxTombstones = maxTombstones;
    this.#records = new RecordSet(crypto);
    this.#floor = head.seq;
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

  entries(): IterableIterator<Entry> {
    return this.#records.entries();
  }

  /**
   * What the origin changed after `seq`, or undefined where that is no longer known and only the
   * full set helps.
   */
  changesSince(seq: number): Change[] | undefined {
    if (seq < this.#floor || seq > this.#head.seq) return undefined;
    const changes: Change[] = [];
    for (const entry of this.#records.entries()) if (entry.seq > seq) changes.push(entry);
    for (const [key, at] of this.#tombstones) {
      if (at > seq) changes.push({ key, seq: at, value: undefined });
    }
    return changes;
  }

  /**
   * Moves to the delta's head, if the result is what the head commits to and `veto` has nothing
   * against it; otherwise nothing changes and undefined or the veto's reason comes back.
   */
  advance(
    delta: Delta,
    veto: (get: (key: RecordKey) => Uint8Array | undefined) => string | undefined,
  ): { readonly differences: Difference[] } | { readonly reason: string } {
    const next = delta.isFull ? new RecordSet(this.#crypto) : this.#records;
    const before = delta.isFull ? undefined : delta.changes.map(({ key }) => this.get(key));
    const undo = next.apply(delta.changes);
    const refused = bytesEqual(next.commitment(), delta.head.commitment)
      ? veto((key) => next.get(key)?.value)
      : "the records are not what the head commits to";
    if (refused !== undefined) {
      undo();
      return { reason: refused };
    }
    const differences =
      before === undefined ? this.#compare(next) : differencesOf(delta.changes, before);
    if (delta.isFull) this.#replaceWith(next, delta.head);
    else this.#noteTombstones(delta.changes);
    this.#head = delta.head;
    return { differences };
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
    return bytesEqual(this.#records.commitment(), this.#head.commitment);
  }

  #replaceWith(next: RecordSet, head: Head): void {
    this.#records = next;
    this.#tombstones.clear();
    this.#floor = head.seq;
  }

  #noteTombstones(changes: readonly Change[]): void {
    for (const { key, seq, value } of changes) {
      this.#tombstones.delete(key);
      if (value === undefined) this.#tombstones.set(key, seq);
    }
    for (const [key, seq] of this.#tombstones) {
      if (this.#tombstones.size <= this.#maxTombstones) break;
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
