/**
 * How what one host writes comes to be known by all. Push is the fast path: our own changes are
 * gossiped as soon as they are durable. Anti-entropy is the guarantee: a new link, a root that
 * differed in two pings, or a gap starts a pull.
 */
import type { HostId } from "../base/id.ts";
import type { Log } from "../base/log.ts";
import type { Instant } from "../base/time.ts";
import { type Delta, encodeDelta } from "../store/delta.ts";
import { compareVersions, type Head, type Version } from "../store/head.ts";
import type { JournalOp } from "../store/journal.ts";
import type { Difference } from "../store/origin-state.ts";
import type { RecordKey } from "../store/record.ts";
import type { Outcome, Replica } from "../store/replica.ts";
import { rowsOf } from "../store/rows.ts";
import { Assembler, compareRequest, fetchRequest, type Want, wantsOf } from "../store/sync.ts";
import type { Write, Writer, Written } from "../store/writer.ts";
import { limits } from "./config.ts";
import type { Emit } from "./effect.ts";

/** When changes are pushed and pulls given up, in milliseconds and bytes. */
export type ReplicationOptions = {
  /** How long a change waits for others to be gossiped with: at least, and under load at most. */
  readonly coalesceMinMs: number;
  readonly coalesceMaxMs: number;
  /** A delta above this size is announced by its head, and pulled. */
  readonly pushBytes: number;
  /** A pull without a frame for this long is given up. */
  readonly pullIdleMs: number;
  /** News of up to this many origins in one pull is passed on by their heads. */
  readonly relayedHeads: number;
};

type RunningPull = {
  readonly from: HostId;
  readonly kind: "compare" | "fetch";
  readonly assembler: Assembler;
  readonly wants: Want[];
  /** Of a fetch: what it will bring, so that nobody else is asked for the same. */
  readonly origins: ReadonlySet<HostId>;
  /** Of a fetch: with it we hold all that the peer has shown to have. */
  readonly completesCompare: boolean;
  idleAt: Instant;
};

/** What flows between replicas, both ways. */
export class Replication {
  readonly #self: HostId;
  readonly #replica: Replica;
  readonly #writer: Writer;
  readonly #options: ReplicationOptions;
  readonly #emit: Emit;
  readonly #log: Log;
  readonly #learned: (origin: HostId, differences: readonly Difference[]) => void;
  readonly #pulls = new Map<number, RunningPull>();
  /** Peers whose last ping showed another root than ours. */
  readonly #suspicious = new Set<HostId>();
  #localOps: JournalOp[] = [];
  #pullId = 0;
  #hasCompared = false;
  /** The newest of ourselves that a peer has shown. */
  #heardOfSelf: Version = { epoch: 0, seq: 0 };
  #unpublished: { readonly from: number; readonly epoch: number } | undefined;
  #publishedAt: Instant = 0;
  #coalesceMs: number;
  /** A `wake` of ours is under way. */
  #isWaking = false;

  constructor(options: {
    readonly self: HostId;
    readonly replica: Replica;
    readonly writer: Writer;
    readonly options: ReplicationOptions;
    readonly emit: Emit;
    readonly log: Log;
    /** Called with every change of what is known, ours included, once it is kept. */
    readonly learned: (origin: HostId, differences: readonly Difference[]) => void;
  }) {
    this.#self = options.self;
    this.#replica = options.replica;
    this.#writer = options.writer;
    this.#options = options.options;
    this.#coalesceMs = options.options.coalesceMinMs;
    this.#emit = options.emit;
    this.#log = options.log;
    this.#learned = options.learned;
  }

  /**
   * Whether a pull is under way: until the first has ended, a young host may not know what others
   * know.
   */
  get isPulling(): boolean {
    return this.#pulls.size > 0;
  }

  /**
   * Whether since the start a peer has shown us all it knows, of ourselves too, and we hold it: our
   * own records are then the newest of ours that it has heard of.
   */
  get hasCompared(): boolean {
    return this.#hasCompared && compareVersions(this.#writer.version, this.#heardOfSelf) >= 0;
  }

  /**
   * Writes records of ours; `localOps` reach the disk in the same breath. The ticket comes back
   * from `appended`.
   */
  write(ticket: number, writes: readonly Write[], localOps: readonly JournalOp[] = []): void {
    this.#writer.write(ticket, writes);
    this.#localOps.push(...localOps);
    this.#appendNext();
  }

  /** What became durable. */
  appended(now: Instant): Written {
    const written = this.#writer.appended();
    const { head, isFull, from } = written.delta;
    const isNewEpoch = isFull || this.#unpublished?.epoch !== head.epoch;
    this.#unpublished = {
      epoch: head.epoch,
      from: isFull ? 0 : isNewEpoch ? from : (this.#unpublished?.from ?? from),
    };
    this.#learned(this.#self, written.differences);
    this.#appendNext();
    this.#publish(now);
    return written;
  }

  appendFailed(): readonly number[] {
    const tickets = this.#writer.failed();
    this.#appendNext();
    return tickets;
  }

  /** A delta from gossip or from a link. */
  received(from: HostId, delta: Delta, now: Instant): Outcome {
    return this.#digest(from, this.#replica.receive(delta), delta, now);
  }

  heard(from: HostId, head: Head, now: Instant): Outcome {
    return this.#digest(from, this.#replica.hear(head), undefined, now);
  }

  /** The peer's root, from its ping or pong. Twice different in a row: compare. */
  rootHeard(from: HostId, root: Uint8Array, now: Instant): void {
    const mine = this.#replica.digest.root();
    if (root.every((byte, at) => byte === mine[at])) {
      this.#suspicious.delete(from);
      this.#hasCompared = true;
    } else if (this.#suspicious.has(from)) this.compare(from, now);
    else this.#suspicious.add(from);
  }

  /** Compares everything with a peer and fetches what it has and we lack. */
  compare(from: HostId, now: Instant): void {
    this.#suspicious.delete(from);
    if ([...this.#pulls.values()].some((pull) => pull.from === from && pull.kind === "compare"))
      return;
    const request = compareRequest(this.#replica);
    this.#pull({ from, kind: "compare", request, origins: [], completesCompare: false, now });
  }

  /** Makes sure that we get to at least this version of an origin, from whoever told us of it. */
  catchUp(from: HostId, origin: HostId, version: Version, now: Instant): void {
    const mine = this.#replica.versionOf(origin);
    if (compareVersions(mine, version) < 0)
      this.#fetch(from, [{ origin, ...pickVersion(mine) }], now);
  }

  pulled(id: number, frame: Uint8Array, now: Instant): void {
    const pull = this.#pulls.get(id);
    if (pull === undefined) return;
    pull.idleAt = now + this.#options.pullIdleMs;
    const taken = pull.assembler.take(frame);
    if (taken.kind === "versions")
      pull.wants.push(...wantsOf(this.#replica, taken.versions, this.#self));
    if (taken.kind === "versions") this.#noticeSelf(pull.from, taken.versions, now);
    if (taken.kind === "delta") this.#pulledDelta(pull, taken.delta, now);
    if (taken.kind === "malformed") this.#log.warn("malformed sync frame", { host: pull.from });
  }

  /**
   * What we had to pull, others may lack as well: its head is gossiped. Hosts that do so at once
   * say the same bytes, which travel once; a long list is left to everybody's own comparing.
   */
  #pulledDelta(pull: RunningPull, delta: Delta, now: Instant): void {
    const outcome = this.received(pull.from, delta, now);
    if (outcome.kind === "applied" && pull.origins.size <= this.#options.relayedHeads) {
      this.#emit({ kind: "publish", message: { kind: "head", head: delta.head } });
    }
  }

  /** `isWhole`: the peer has sent all that was asked for. */
  pullEnded(id: number, isWhole: boolean, now: Instant): void {
    const pull = this.#pulls.get(id);
    this.#pulls.delete(id);
    if (pull === undefined) return;
    const isLast = pull.kind === "compare" ? pull.wants.length === 0 : pull.completesCompare;
    if (isWhole && isLast) this.#hasCompared = true;
    if (pull.wants.length > 0)
      this.#fetch(pull.from, pull.wants, now, isWhole && pull.kind === "compare");
  }

  linkDown(host: HostId): void {
    this.#suspicious.delete(host);
    for (const [id, pull] of this.#pulls) if (pull.from === host) this.#pulls.delete(id);
  }

  /** The wait for company is over. */
  woken(now: Instant): void {
    this.#isWaking = false;
    this.#publish(now);
  }

  tick(now: Instant): void {
    this.#publish(now);
    for (const [id, pull] of this.#pulls) if (pull.idleAt < now) this.#pulls.delete(id);
  }

  #digest(from: HostId, outcome: Outcome, delta: Delta | undefined, now: Instant): Outcome {
    switch (outcome.kind) {
      case "applied":
        this.#keep(delta, outcome.differences);
        this.#learned(outcome.origin, outcome.differences);
        break;
      case "gap":
        this.#fetch(from, [this.#wantOf(outcome.origin)], now);
        break;
      case "self":
        this.#recover(from, outcome.head, delta, now);
        break;
      case "equivocation":
        this.#log.error("host says two things at one version", { origin: outcome.origin });
        break;
      case "refused":
        this.#log.warn("record refused", { host: from, reason: outcome.reason });
        break;
      case "stale":
        break;
    }
    return outcome;
  }

  #keep(delta: Delta | undefined, differences: readonly Difference[]): void {
    if (delta === undefined) return;
    const gone = delta.isFull ? differences.filter(({ after }) => after === undefined) : [];
    this.#emit({
      kind: "keep",
      ops: rowsOf(
        delta,
        gone.map(({ key }) => key),
      ),
    });
  }

  /**
   * Somebody knows a newer or another "us": our disk went back. What they hold we signed ourselves,
   * so we take back what we lack of it, and go above it in a new epoch, as SWIM refutes a rumour of
   * death.
   */
  #recover(from: HostId, head: Version, delta: Delta | undefined, now: Instant): void {
    if (compareVersions(head, this.#heardOfSelf) > 0) this.#heardOfSelf = pickVersion(head);
    this.#log.warn("peers hold newer records of ours than our disk", {
      host: from,
      ...pickVersion(head),
    });
    if (delta?.isFull !== true) {
      this.#fetch(from, [{ origin: this.#self, epoch: 0, seq: 0 }], now);
      return;
    }
    const mine = this.#replica.origin(this.#self);
    const lost = delta.changes.filter(({ key }) => mine?.get(key) === undefined);
    this.#writer.raiseEpoch(head);
    this.write(0, lost);
  }

  #noticeSelf(from: HostId, versions: readonly Want[], now: Instant): void {
    const theirs = versions.find(({ origin }) => origin === this.#self);
    if (theirs !== undefined && compareVersions(theirs, this.#writer.version) > 0) {
      this.#recover(from, theirs, undefined, now);
    }
  }

  #appendNext(): void {
    const delta = this.#writer.next();
    if (delta === undefined) return;
    const ops = [...rowsOf(delta, this.#goneFrom(delta)), ...this.#localOps];
    this.#localOps = [];
    this.#emit({ kind: "append", ops });
  }

  #goneFrom(delta: Delta): RecordKey[] {
    if (!delta.isFull) return [];
    const stay = new Set(delta.changes.map(({ key }) => key));
    const held = [...(this.#replica.origin(this.#self)?.entries() ?? [])];
    return held.map(({ key }) => key).filter((key) => !stay.has(key));
  }

  /**
   * At once when things are quiet. While changes keep coming each message waits a little longer for
   * company, up to coalesceMaxMs, so that a burst is few messages.
   */
  #publish(now: Instant): void {
    const pending = this.#unpublished;
    const state = this.#replica.origin(this.#self);
    if (pending === undefined || state === undefined) return;
    const { coalesceMinMs, coalesceMaxMs } = this.#options;
    const sinceLast = now - this.#publishedAt;
    if (sinceLast < this.#coalesceMs) {
      if (!this.#isWaking) this.#emit({ kind: "wake", afterMs: this.#coalesceMs - sinceLast });
      this.#isWaking = true;
      return;
    }
    const isBusy = sinceLast < 2 * this.#coalesceMs;
    this.#coalesceMs = isBusy ? Math.min(2 * this.#coalesceMs, coalesceMaxMs) : coalesceMinMs;
    this.#unpublished = undefined;
    this.#publishedAt = now;
    const changes = state.changesSince(pending.from);
    const { head } = state;
    const delta: Delta = {
      head,
      from: changes === undefined ? 0 : pending.from,
      isFull: changes === undefined,
      changes: changes ?? [...state.entries()],
    };
    const isShort =
      delta.changes.length < 512 && encodeDelta(delta).length <= this.#options.pushBytes;
    this.#emit({
      kind: "publish",
      message: isShort ? { kind: "delta", delta } : { kind: "head", head },
    });
  }

  #wantOf(origin: HostId): Want {
    return { origin, ...pickVersion(this.#replica.versionOf(origin)) };
  }

  #fetch(from: HostId, wants: readonly Want[], now: Instant, isAll = false): void {
    const coming = new Set([...this.#pulls.values()].flatMap((pull) => [...pull.origins]));
    const fresh = wants.filter(({ origin }) => !coming.has(origin));
    if (fresh.length === 0) return;
    const origins = fresh.map(({ origin }) => origin);
    const completesCompare = isAll && fresh.length === wants.length;
    const request = fetchRequest(fresh);
    this.#pull({ from, kind: "fetch", request, origins, completesCompare, now });
  }

  #pull(options: {
    readonly from: HostId;
    readonly kind: "compare" | "fetch";
    readonly request: Uint8Array;
    readonly origins: readonly HostId[];
    readonly completesCompare: boolean;
    readonly now: Instant;
  }): void {
    const { from, kind, request, completesCompare, now } = options;
    this.#pullId += 1;
    this.#pulls.set(this.#pullId, {
      from,
      kind,
      assembler: new Assembler(limits),
      wants: [],
      origins: new Set(options.origins),
      completesCompare,
      idleAt: now + this.#options.pullIdleMs,
    });
    this.#emit({ kind: "pull", pull: { id: this.#pullId, from, request } });
  }
}

function pickVersion({ epoch, seq }: Version): Version {
  return { epoch, seq };
}
