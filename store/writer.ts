/**
 * Our own origin's writes. A write is signed, appended durably, and only then visible, acknowledged
 * and published: a seq that a crash could lose is never heard of. One append is under way at a
 * time; what comes meanwhile is one batch, one seq and one signature.
 *
 * Each run of the agent writes in an epoch of its own, above what the disk and the cluster know and
 * above the clock, by a leap of its own: where disk and clock both went back and nobody can be
 * asked, that alone keeps it from a version that was used before.
 */
import { assert } from "../base/assert.ts";
import type { Crypto } from "../base/crypto.ts";
import type { BootId, ClusterId, HostId } from "../base/id.ts";
import type { Delta } from "./delta.ts";
import { nothing, signHead, type Version } from "./head.ts";
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
  /** So far this run moves above what it did not write itself. */
  readonly #leap: number;
  /** The next write is in no epoch below this. */
  #floor: number;
  /** Others hold another state of ours: only the full set replaces it, and soon. */
  #isForked = false;
  /** Until the fork is on disk: what it takes back. */
  #lost: readonly Write[] = [];
  /** Closed until we know what we wrote before. */
  #isOpen = false;

  constructor(options: {
    readonly replica: Replica;
    readonly crypto: Crypto;
    readonly self: HostId;
    readonly cluster: ClusterId;
    readonly boot: BootId;
    /** The wall clock, in milliseconds. */
    readonly wallMs: number;
  }) {
    this.#replica = options.replica;
    this.#crypto = options.crypto;
    this.#self = options.self;
    this.#cluster = options.cluster;
    this.#boot = options.boot;
    this.#leap = leapOf(options.boot);
    this.#floor = epochOfClock(options.wallMs) + this.#leap;
  }

  get version(): Version {
    return this.#replica.origin(this.#self)?.head ?? nothing;
  }

  /** Whether something is being appended, or waits for that and may be. */
  get isBusy(): boolean {
    return this.#underWay !== undefined || (this.#isOpen && this.hasMore);
  }

  /** Whether what is known of us is to change, be it only once we may write. */
  get hasMore(): boolean {
    return this.#underWay !== undefined || this.#queue.length > 0 || this.#isForked;
  }

  /** Whether others hold a state of ours that is yet to be replaced. */
  get isForked(): boolean {
    return this.#isForked;
  }

  /** From now on the queue is written, or no longer. */
  open(isOpen: boolean): void {
    this.#isOpen = isOpen;
  }

  /** Queues writes; the ticket comes back when they are durable. */
  write(ticket: number, writes: readonly Write[]): void {
    this.#queue.push({ ticket, writes });
  }

  /**
   * Moves above what somebody else has heard of us and replaces it: our disk was lost, restored or
   * cloned (SWIM's refutation). `lost` we take back with it, in however many attempts.
   */
  refute(heard: Version, lost: readonly Write[]): void {
    this.#raise(heard, this.#leap);
    this.#isForked = true;
    this.#lost = lost;
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
    const { from, head } = done.delta;
    if (from === undefined && head.epoch >= this.#floor) {
      this.#isForked = false;
      this.#lost = [];
    }
    return { ...done, differences: this.#replica.commit(done.delta) };
  }

  /**
   * The batch under way may or may not have reached the disk: those who asked are told, and its seq
   * is fenced off.
   */
  failed(): readonly number[] {
    const failed = this.#underWay;
    this.#underWay = undefined;
    if (failed !== undefined) this.#raise(failed.delta.head, 1);
    return failed?.tickets ?? [];
  }

  #raise({ epoch }: Version, by: number): void {
    this.#floor = Math.max(this.#floor, this.version.epoch + by, epoch + by);
  }

  #deltaOf(writes: readonly Write[]): Delta {
    const state = this.#replica.origin(this.#self);
    const { epoch: before, seq: last } = this.version;
    const isMine = state?.head.boot === this.#boot;
    const epoch = Math.max(this.#floor, isMine ? before : before + this.#leap);
    const seq = last + 1;
    const latest = new Map([...this.#lost, ...writes].map(({ key, value }) => [key, value]));
    const some: Change[] = [...latest].map(([key, value]) => ({ key, seq, value }));
    const changes = this.#isForked ? fullSet(state?.entries() ?? [], some) : some;
    const commitment = this.#replica.commitmentAfter(this.#self, changes, this.#isForked);
    const head = signHead(
      { cluster: this.#cluster, origin: this.#self, epoch, seq, boot: this.#boot, commitment },
      this.#crypto,
    );
    return { head, from: this.#isForked ? undefined : { epoch: before, seq: last }, changes };
  }
}

/**
 * 1 to 2^20. Boot ids are drawn at random, so that two runs that start from one disk hardly ever
 * meet; and a host that starts anew each second for ten years stays below 2^48, the highest epoch.
 */
function leapOf(boot: BootId): number {
  return 1 + Number.parseInt(boot.slice(-5), 16);
}

/** Milliseconds: no more than a number that is likely to have grown. */
function epochOfClock(wallMs: number): number {
  return wallMs >= 1 ? Math.min(Math.floor(wallMs), maxClockEpoch) : 1;
}

/** A clock beyond the year 4,000 is broken; so much room stays above it. */
const maxClockEpoch = 2 ** 46;

function fullSet(entries: Iterable<Change>, changes: readonly Change[]): Change[] {
  const all = new Map<RecordKey, Change>();
  for (const entry of entries) all.set(entry.key, entry);
  for (const change of changes) all.set(change.key, change);
  return [...all.values()].filter(({ value }) => value !== undefined);
}
