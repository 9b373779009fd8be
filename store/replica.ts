/**
 * Everything this host knows, by origin. A record never depends on another to be stored: what it
 * means is decided when it is read. Acceptance depends on proof alone: signed by the origin, newer,
 * contiguous, and what the head commits to.
 */
import { bytesEqual } from "../base/bytes.ts";
import type { Crypto } from "../base/crypto.ts";
import type { ClusterId, HostId } from "../base/id.ts";
import type { Delta } from "./delta.ts";
import { Digest } from "./digest.ts";
import { compareVersions, type Head, isSigned, type Version } from "./head.ts";
import { type Difference, OriginState } from "./origin-state.ts";
import type { Change, RecordKey } from "./record.ts";
import { RecordSet } from "./record-set.ts";

/** How much a replica holds at most. */
export type ReplicaLimits = {
  readonly recordsPerOrigin: number;
  readonly tombstonesPerOrigin: number;
  readonly origins: number;
};

/** Why an origin may not be known here, or undefined: the caller checks its certificate. */
export type Veto = (
  origin: HostId,
  get: (key: RecordKey) => Uint8Array | undefined,
) => string | undefined;

/** What came of a delta. */
export type Outcome =
  | {
      readonly kind: "applied";
      readonly origin: HostId;
      readonly differences: readonly Difference[];
    }
  /** Nothing new. */
  | { readonly kind: "stale" }
  /** Newer, but something before it is missing: ask for the changes since what we have. */
  | { readonly kind: "gap"; readonly origin: HostId }
  /** Somebody says something newer, or other, about ourselves than we know. */
  | { readonly kind: "self"; readonly head: Head }
  /** Two heads of one (epoch, seq) that say different things, both signed. */
  | { readonly kind: "equivocation"; readonly origin: HostId; readonly head: Head }
  | { readonly kind: "refused"; readonly reason: string };

/** All origins. */
export class Replica {
  readonly #self: HostId;
  readonly #cluster: ClusterId;
  readonly #crypto: Crypto;
  readonly #limits: ReplicaLimits;
  readonly #veto: Veto;
  readonly #origins = new Map<HostId, OriginState>();
  readonly #digest: Digest;
  /** Origins that are out, and the last of their versions that counts. */
  readonly #lasts = new Map<HostId, Version>();

  constructor(options: {
    readonly self: HostId;
    readonly cluster: ClusterId;
    readonly crypto: Crypto;
    readonly limits: ReplicaLimits;
    readonly veto: Veto;
  }) {
    this.#self = options.self;
    this.#cluster = options.cluster;
    this.#crypto = options.crypto;
    this.#limits = options.limits;
    this.#veto = options.veto;
    this.#digest = new Digest(options.crypto);
  }

  get digest(): Digest {
    return this.#digest;
  }

  origin(origin: HostId): OriginState | undefined {
    return this.#origins.get(origin);
  }

  origins(): IterableIterator<HostId> {
    return this.#origins.keys();
  }

  /**
   * How far we have an origin, as others may count on it. One that is out and has come further than
   * counts is fetched anew; until then what we have stands.
   */
  versionOf(origin: HostId): Version {
    const head = this.#origins.get(origin)?.head;
    return head === undefined || this.isBeyond(origin, head) ? { epoch: 0, seq: 0 } : head;
  }

  /** Whether this version of an origin does not count, because the origin was out by then. */
  isBeyond(origin: HostId, version: Version): boolean {
    const last = this.#lasts.get(origin);
    return last !== undefined && compareVersions(version, last) > 0;
  }

  /** Nothing that this origin says past `last` counts any more, here or from anybody. */
  limit(origin: HostId, last: Version): void {
    this.#lasts.set(origin, { epoch: last.epoch, seq: last.seq });
    const state = this.#origins.get(origin);
    if (state !== undefined) this.adopt(state);
  }

  heads(): Head[] {
    return [...this.#origins.values()].map((state) => state.head);
  }

  /** Records of all origins. */
  get size(): number {
    let size = 0;
    for (const state of this.#origins.values()) size += state.size;
    return size;
  }

  /**
   * Takes what a peer says about an origin, if it is proven and next in line. Ourselves we only
   * write, never take.
   */
  receive(delta: Delta): Outcome {
    const { head } = delta;
    if (head.cluster !== this.#cluster) return { kind: "refused", reason: "another cluster" };
    if (this.isBeyond(head.origin, head)) return { kind: "stale" };
    const known = this.#origins.get(head.origin);
    const counts = known !== undefined && !this.isBeyond(head.origin, known.head);
    if (counts) {
      const stale = this.#judge(known.head, head);
      if (stale !== undefined) return stale;
    }
    if (!isSigned(head, this.#crypto))
      return { kind: "refused", reason: "not signed by its origin" };
    if (head.origin === this.#self) return { kind: "self", head };
    if (known === undefined && this.#origins.size >= this.#limits.origins) {
      return { kind: "refused", reason: "too many origins" };
    }
    const isNext = known === undefined || counts ? isContiguous(known?.head, delta) : delta.isFull;
    if (!isNext) return { kind: "gap", origin: head.origin };
    return this.#advance(known, delta);
  }

  /** What a head alone tells: whether its origin has something we lack. */
  hear(head: Head): Outcome {
    return this.receive({ head, from: head.seq, isFull: false, changes: [] });
  }

  /**
   * Takes our own write, which needs no proof but the durable append that the caller has seen
   * complete.
   */
  commit(delta: Delta): readonly Difference[] {
    const outcome = this.#advance(this.#origins.get(this.#self), delta);
    if (outcome.kind !== "applied") throw new Error("bug: our own write does not apply");
    return outcome.differences;
  }

  /**
   * What an origin's set would commit to after these changes, or of these alone where they are the
   * full set.
   */
  commitmentAfter(origin: HostId, changes: readonly Change[], isFull: boolean): Uint8Array {
    const known = isFull ? undefined : this.#origins.get(origin);
    if (known !== undefined) return known.commitmentAfter(changes);
    const fresh = new RecordSet(this.#crypto);
    fresh.apply(changes);
    return fresh.commitment();
  }

  /** Takes a state that was stored; whether it is whole is the caller's to have checked. */
  adopt(state: OriginState): void {
    this.#origins.set(state.head.origin, state);
    if (this.isBeyond(state.head.origin, state.head)) this.#digest.remove(state.head.origin);
    else this.#digest.set(state.head);
  }

  /** An empty state at the head's place, to be filled and adopted. */
  emptyState(head: Head): OriginState {
    return new OriginState(head, this.#crypto, this.#limits.tombstonesPerOrigin);
  }

  #judge(mine: Head, theirs: Head): Outcome | undefined {
    const order = compareVersions(theirs, mine);
    if (order < 0) return { kind: "stale" };
    if (order > 0) return undefined;
    if (bytesEqual(mine.commitment, theirs.commitment) && mine.boot === theirs.boot) {
      return { kind: "stale" };
    }
    if (!isSigned(theirs, this.#crypto))
      return { kind: "refused", reason: "not signed by its origin" };
    return theirs.origin === this.#self
      ? { kind: "self", head: theirs }
      : { kind: "equivocation", origin: theirs.origin, head: theirs };
  }

  #advance(known: OriginState | undefined, delta: Delta): Outcome {
    const { head } = delta;
    const state = known ?? this.emptyState(head);
    const growth = delta.changes.reduce((sum, { value }) => sum + (value === undefined ? 0 : 1), 0);
    if ((delta.isFull ? 0 : state.size) + growth > 2 * this.#limits.recordsPerOrigin) {
      return { kind: "refused", reason: "too many records" };
    }
    const result = state.advance(delta, (get) => this.#veto(head.origin, get));
    if ("reason" in result) return { kind: "refused", reason: result.reason };
    this.adopt(state);
    return { kind: "applied", origin: head.origin, differences: result.differences };
  }
}

function isContiguous(mine: Head | undefined, delta: Delta): boolean {
  if (delta.isFull) return true;
  if (mine === undefined) return delta.from === 0;
  return mine.epoch === delta.head.epoch && mine.seq === delta.from;
}
