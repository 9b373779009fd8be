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
import { compareVersions, type Head, isSigned, nothing, type Version } from "./head.ts";
import { type Difference, type OriginLimits, OriginState } from "./origin-state.ts";
import type { Change, Entry, RecordKey } from "./record.ts";
import { RecordSet } from "./record-set.ts";

/** How much a replica holds at most. */
export type ReplicaLimits = OriginLimits & { readonly origins: number };

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
      /** The records were held already: nothing but the head is proven, whatever came with it. */
      readonly isHeadOnly?: true;
    }
  /** Nothing new. */
  | { readonly kind: "stale" }
  /** Newer, but something before it is missing: ask for what came after `have`. */
  | { readonly kind: "gap"; readonly origin: HostId; readonly have: Version }
  /** Somebody says something newer, or other, about ourselves than we know; proven. */
  | { readonly kind: "self"; readonly head: Head; readonly fullSet: readonly Change[] | undefined }
  /** Two heads of one (epoch, seq) that say different things, both signed. */
  | { readonly kind: "equivocation"; readonly origin: HostId; readonly proof: Equivocation }
  | { readonly kind: "refused"; readonly reason: string };

/** What proves that a key is in two hands: both heads are signed with it, for one (epoch, seq). */
export type Equivocation = readonly [Head, Head];

/** A state of a member that is over a limit: what was held of it before stays. */
export type Refused = Version & { readonly reason: string };

/** All origins. */
export class Replica {
  readonly #self: HostId;
  readonly #cluster: ClusterId;
  readonly #crypto: Crypto;
  readonly #limits: ReplicaLimits;
  readonly #veto: Veto;
  readonly #origins = new Map<HostId, OriginState>();
  readonly #digest: Digest;
  readonly #proofs = new Map<HostId, Equivocation>();
  readonly #refused = new Map<HostId, Refused>();
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
    return head === undefined || this.isBeyond(origin, head) ? nothing : head;
  }

  /** Whether this version of an origin does not count, because the origin was out by then. */
  isBeyond(origin: HostId, version: Version): boolean {
    const last = this.#lasts.get(origin);
    return last !== undefined && compareVersions(version, last) > 0;
  }

  /** The last version that counts of an origin that is out. */
  lastOf(origin: HostId): Version | undefined {
    return this.#lasts.get(origin);
  }

  /** Nothing that this origin says past `last` counts any more, here or from anybody. */
  limit(origin: HostId, last: Version): void {
    this.#lasts.set(origin, { epoch: last.epoch, seq: last.seq });
    const state = this.#origins.get(origin);
    if (state !== undefined) this.#adopt(state);
  }

  heads(): Head[] {
    return [...this.#origins.values()].map((state) => state.head);
  }

  /** By origin, the first proof that its key is in two hands. */
  get proofs(): ReadonlyMap<HostId, Equivocation> {
    return this.#proofs;
  }

  /** Members whose newest state is over a limit. */
  get refused(): ReadonlyMap<HostId, Refused> {
    return this.#refused;
  }

  /** Whether it would be refused again, so that it need not be fetched. */
  isRefused(origin: HostId, version: Version): boolean {
    return compareVersions(version, this.#refused.get(origin) ?? nothing) <= 0;
  }

  isProven(origin: HostId): boolean {
    return this.#proofs.has(origin);
  }

  /** Keeps a proof; false where there is one already, or it proves nothing. */
  prove(proof: Equivocation): boolean {
    const [a, b] = proof;
    const isProof =
      a.origin === b.origin &&
      compareVersions(a, b) === 0 &&
      !isSameStatement(a, b) &&
      isSigned(a, this.#crypto) &&
      isSigned(b, this.#crypto);
    if (!isProof || this.#proofs.has(a.origin)) return false;
    this.#proofs.set(a.origin, proof);
    return true;
  }

  /** Records of all origins. */
  get size(): number {
    let size = 0;
    for (const state of this.#origins.values()) size += state.size;
    return size;
  }

  /**
   * Takes what a peer says about an origin, if it is proven and leaves no gap. Ourselves we only
   * write, never take.
   */
  receive(delta: Delta): Outcome {
    const { head } = delta;
    const judged = this.#judge(head);
    if (judged !== undefined) return judged.kind === "self" ? this.#judgeSelf(delta) : judged;
    const known = this.#origins.get(head.origin);
    const have = this.versionOf(head.origin);
    const counts = known === undefined || known.head === have;
    if (known !== undefined && counts && bytesEqual(known.head.commitment, head.commitment))
      return this.#move(known, head);
    const { from } = delta;
    // Changes say what records are, not how they change, so those that we have do no harm.
    const isNext = from === undefined || (counts && compareVersions(from, have) <= 0);
    if (!isNext) return gapAfter(head.origin, have);
    const outcome = this.#advance(known, delta);
    // A relay may have lost sight of a deletion: the full set has to hold, or nothing does.
    if (outcome.kind !== "misfit") return outcome;
    return from === undefined
      ? { kind: "refused", reason: "the records are not what the head commits to" }
      : gapAfter(head.origin, nothing);
  }

  /** What a head alone tells: whether its origin has something we lack. */
  hear(head: Head): Outcome {
    const judged = this.#judge(head);
    if (judged !== undefined) return judged;
    const known = this.#origins.get(head.origin);
    const have = this.versionOf(head.origin);
    const isSameSet = known?.head === have && bytesEqual(known.head.commitment, head.commitment);
    return isSameSet ? this.#move(known, head) : gapAfter(head.origin, have);
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

  #adopt(state: OriginState): void {
    this.#origins.set(state.head.origin, state);
    if (this.isBeyond(state.head.origin, state.head)) this.#digest.remove(state.head.origin);
    else this.#digest.set(state.head);
  }

  /** Takes back what was stored; false where it is not what the head commits to. */
  restore(head: Head, entries: readonly Entry[]): boolean {
    const state = this.#emptyState(head);
    const isWhole = head.cluster === this.#cluster && state.restore(entries);
    if (isWhole) this.#adopt(state);
    return isWhole;
  }

  /** An empty state at the head's place, to be filled and adopted. */
  #emptyState(head: Head): OriginState {
    return new OriginState(head, this.#crypto, this.#limits);
  }

  /** What is to be said of a head before its records are looked at; undefined: it is news. */
  #judge(head: Head): Outcome | undefined {
    if (head.cluster !== this.#cluster) return { kind: "refused", reason: "another cluster" };
    if (this.isBeyond(head.origin, head)) return { kind: "stale" };
    const held = this.#origins.get(head.origin)?.head;
    const mine = held !== undefined && this.isBeyond(head.origin, held) ? undefined : held;
    const order = mine === undefined ? 1 : compareVersions(head, mine);
    if (order < 0 || (mine !== undefined && order === 0 && isSameStatement(mine, head)))
      return { kind: "stale" };
    if (!isSigned(head, this.#crypto))
      return { kind: "refused", reason: "not signed by its origin" };
    if (head.origin === this.#self) return { kind: "self", head, fullSet: undefined };
    if (mine !== undefined && order === 0)
      return { kind: "equivocation", origin: head.origin, proof: [mine, head] };
    return this.#excess(head);
  }

  #excess(head: Head): Outcome | undefined {
    if (!this.#origins.has(head.origin) && this.#origins.size >= this.#limits.origins)
      return { kind: "refused", reason: `more than ${this.#limits.origins} origins` };
    const refused = this.#refused.get(head.origin);
    return refused !== undefined && this.isRefused(head.origin, head)
      ? { kind: "refused", reason: refused.reason }
      : undefined;
  }

  /** A relay may hand us our own head with records that are none of ours: those prove nothing. */
  #judgeSelf({ head, from, changes }: Delta): Outcome {
    if (from !== undefined) return { kind: "self", head, fullSet: undefined };
    const commitment = this.commitmentAfter(this.#self, changes, true);
    return bytesEqual(commitment, head.commitment)
      ? { kind: "self", head, fullSet: changes }
      : { kind: "refused", reason: "the records are not what the head commits to" };
  }

  #move(state: OriginState, head: Head): Outcome {
    state.moveTo(head);
    this.#digest.set(head);
    return { kind: "applied", origin: head.origin, differences: [], isHeadOnly: true };
  }

  #advance(known: OriginState | undefined, delta: Delta): Outcome | { readonly kind: "misfit" } {
    const { head } = delta;
    const state = known ?? this.#emptyState(head);
    const result = state.advance(delta, (get) => this.#veto(head.origin, get));
    if (result.kind === "misfit") return result;
    if (result.kind !== "moved") {
      const { epoch, seq } = head;
      const { kind, reason } = result;
      if (kind === "excess") this.#refused.set(head.origin, { epoch, seq, reason });
      return { kind: "refused", reason };
    }
    this.#refused.delete(head.origin);
    this.#adopt(state);
    return { kind: "applied", origin: head.origin, differences: result.differences };
  }
}

function isSameStatement(a: Head, b: Head): boolean {
  return a.boot === b.boot && bytesEqual(a.commitment, b.commitment);
}

function gapAfter(origin: HostId, { epoch, seq }: Version): Outcome {
  return { kind: "gap", origin, have: { epoch, seq } };
}
