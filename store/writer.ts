/**
 * Our own origin's writes. A write is signed, appended durably, and only then visible, acknowledged
 * and published: a seq that a crash could lose is never heard of. One append is under way at a
 * time; what comes meanwhile is one batch, one seq and one signature.
 */
import { assert } from "../base/assert.ts";
import type { Crypto } from "../base/crypto.ts";
import type { BootId, ClusterId, HostId } from "../base/id.ts";
import type { Delta } from "./delta.ts";
import { signHead, type Version } from "./head.ts";
import type { Difference } from "./origin-state.ts";
import type { Change, RecordKey } from "./record.ts";
import type { Replica } from "./replica.ts";

/** A value for a key of ours, or its deletion. */
export type Write = { readonly key: RecordKey; readonly value: Uint8Array | undefined };

/** What has become durable: for the network, and for those who asked. */
export type Written = {
  readonly delta: Delta;
  readonly differences: readonly Difference[];
  readonly tickets: readonly number[];
};

/** The one that writes for this host. */
export class Writer {
  readonly #replica: Replica;
  readonly #crypto: Crypto;
  readonly #self: HostId;
  readonly #cluster: ClusterId;
  readonly #boot: BootId;
  #queue: { readonly ticket: number; readonly writes: readonly Write[] }[] = [];
  #underWay: { readonly delta: Delta; readonly tickets: readonly number[] } | undefined;
  /** A new epoch to move to with the next write; its delta is the full set. */
  #nextEpoch: number | undefined;

  constructor(options: {
    readonly replica: Replica;
    readonly crypto: Crypto;
    readonly self: HostId;
    readonly cluster: ClusterId;
    readonly boot: BootId;
  }) {
    this.#replica = options.replica;
    this.#crypto = options.crypto;
    this.#self = options.self;
    this.#cluster = options.cluster;
    this.#boot = options.boot;
  }

  get version(): Version {
    return this.#replica.origin(this.#self)?.head ?? { epoch: 0, seq: 0 };
  }

  /** Whether something waits for an append or is being appended. */
  get isBusy(): boolean {
    return this.#underWay !== undefined || this.#queue.length > 0 || this.#nextEpoch !== undefined;
  }

  /** Queues writes; the ticket comes back when they are durable. */
  write(ticket: number, writes: readonly Write[]): void {
    this.#queue.push({ ticket, writes });
  }

  /**
   * Moves above what somebody else has heard of us: our disk was lost, restored or cloned (SWIM's
   * refutation).
   */
  raiseEpoch(above: Version): void {
    const floor = Math.max(this.version.epoch, above.epoch, this.#nextEpoch ?? 0);
    this.#nextEpoch = Math.max(this.#nextEpoch ?? 0, floor + 1);
  }

  /** The next batch to append, if none is under way. */
  next(): Delta | undefined {
    if (this.#underWay !== undefined || !this.isBusy) return undefined;
    const batch = this.#queue;
    this.#queue = [];
    const delta = this.#deltaOf(batch.flatMap(({ writes }) => writes));
    this.#underWay = { delta, tickets: batch.map(({ ticket }) => ticket) };
    return delta;
  }

  /** The batch under way is durable. */
  appended(): Written {
    const done = this.#underWay;
    assert(done !== undefined, "an append completed that nobody started");
    this.#underWay = undefined;
    return { ...done, differences: this.#replica.commit(done.delta) };
  }

  /**
   * The batch under way may or may not have reached the disk: those who asked are told, and its seq
   * is fenced off.
   */
  failed(): readonly number[] {
    const failed = this.#underWay;
    this.#underWay = undefined;
    if (failed !== undefined) this.raiseEpoch(failed.delta.head);
    return failed?.tickets ?? [];
  }

  #deltaOf(writes: readonly Write[]): Delta {
    const state = this.#replica.origin(this.#self);
    const mine = this.version;
    const seq = mine.seq + 1;
    const epoch = this.#nextEpoch ?? Math.max(mine.epoch, 1);
    const isFull = epoch !== mine.epoch;
    this.#nextEpoch = undefined;
    const last = new Map(writes.map(({ key, value }) => [key, value]));
    const changes: Change[] = [...last].map(([key, value]) => ({ key, seq, value }));
    const all = isFull ? fullSet(state?.entries() ?? [], changes) : changes;
    const commitment = this.#replica.commitmentAfter(this.#self, all, isFull);
    const head = signHead(
      { cluster: this.#cluster, origin: this.#self, epoch, seq, boot: this.#boot, commitment },
      this.#crypto,
    );
    return { head, from: isFull ? 0 : mine.seq, isFull, changes: all };
  }
}

function fullSet(entries: Iterable<Change>, changes: readonly Change[]): Change[] {
  const all = new Map<RecordKey, Change>();
  for (const entry of entries) all.set(entry.key, entry);
  for (const change of changes) all.set(change.key, change);
  return [...all.values()].filter(({ value }) => value !== undefined);
}
