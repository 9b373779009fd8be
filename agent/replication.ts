/**
 * How what one host writes comes to be known by all. Push is the fast path: our own changes are
 * gossiped as soon as they are durable. Anti-entropy is the guarantee: a new link, a root that
 * differed in two pings, or a gap starts a pull (`agent/catch-up.ts`). What others wrote is kept on
 * disk behind their backs: it can be asked for again, but until it is there we say so.
 */
import type { HostId } from "../base/id.ts";
import type { Log } from "../base/log.ts";
import type { Instant } from "../base/time.ts";
import { type Delta, encodeDelta } from "../store/delta.ts";
import { compareVersions, type Head, nothing, type Version } from "../store/head.ts";
import type { JournalOp } from "../store/journal.ts";
import type { Difference } from "../store/origin-state.ts";
import type { Change, RecordKey } from "../store/record.ts";
import type { Equivocation, Outcome, Replica } from "../store/replica.ts";
import { rowsAgain, rowsOf } from "../store/rows.ts";
import type { Write, Writer, Written } from "../store/writer.ts";
import type { CatchUp } from "./catch-up.ts";
import type { Emit } from "./effect.ts";
import { proofOp } from "./proofs.ts";

/** When changes are pushed, in milliseconds and bytes. */
export type ReplicationOptions = {
  /** How long a change waits for others to be gossiped with: at least, and under load at most. */
  readonly coalesceMinMs: number;
  readonly coalesceMaxMs: number;
  /** A delta above this size is announced by its head, and pulled. */
  readonly pushBytes: number;
  /** Peers that are asked at once what they have, where their pings differ. */
  readonly compares: number;
  /** News of up to this many origins in one pull is passed on by their heads. */
  readonly relayedHeads: number;
  /** What could not be kept on disk is tried again after this long. */
  readonly keepAgainMs: number;
};

/** What the agent wants to hear of. */
export type ReplicationHooks = {
  /** Called with every change of what is known, ours included. */
  readonly learned: (origin: HostId, differences: readonly Difference[]) => void;
  /** A peer holds a head of ours that is newer or other than ours. */
  readonly outdone: (
    from: HostId,
    past: { readonly head: Head; readonly records: readonly Change[] | undefined },
    now: Instant,
  ) => void;
};

/** What flows between replicas, both ways. */
export class Replication {
  readonly #self: HostId;
  readonly #replica: Replica;
  readonly #writer: Writer;
  readonly #catchUp: CatchUp;
  readonly #options: ReplicationOptions;
  readonly #emit: Emit;
  readonly #log: Log;
  readonly #hooks: ReplicationHooks;
  /** Peers whose last ping showed another root than ours. */
  readonly #suspicious = new Set<HostId>();
  /** Keys of rows that the disk refused. */
  readonly #unkept = new Set<string>();
  #keepAt: Instant = 0;
  #localOps: JournalOp[] = [];
  /** Keys of ours in the append under way, and those of refused ones: the disk may have them. */
  #appending: readonly RecordKey[] = [];
  readonly #unsure = new Set<string>();
  /** Where those are who have heard of all that was published; undefined: all is. */
  #unpublished: Version | undefined;
  #publishedAt: Instant = 0;
  #coalesceMs: number;
  /** A `wake` of ours is under way. */
  #isWaking = false;

  constructor(options: {
    readonly self: HostId;
    readonly replica: Replica;
    readonly writer: Writer;
    readonly catchUp: CatchUp;
    readonly options: ReplicationOptions;
    readonly emit: Emit;
    readonly log: Log;
    readonly hooks: ReplicationHooks;
  }) {
    this.#self = options.self;
    this.#replica = options.replica;
    this.#writer = options.writer;
    this.#catchUp = options.catchUp;
    this.#options = options.options;
    this.#coalesceMs = options.options.coalesceMinMs;
    this.#emit = options.emit;
    this.#log = options.log;
    this.#hooks = options.hooks;
  }

  /** Rows of others' records that the disk has refused so far. */
  get unkept(): number {
    return this.#unkept.size;
  }

  /**
   * Writes records of ours; `localOps` reach the disk in the same breath. The ticket comes back
   * from `appended`.
   */
  write(ticket: number, writes: readonly Write[], localOps: readonly JournalOp[] = []): void {
    this.#writer.write(ticket, writes);
    this.#localOps.push(...localOps);
    this.appendNext();
  }

  /** Appends what waits, if that may be. */
  appendNext(): void {
    const delta = this.#writer.next();
    if (delta === undefined) return;
    const again = rowsAgain(this.#unsure, this.#replica);
    const ops = [...again, ...rowsOf(delta, this.#goneFrom(delta)), ...this.#localOps];
    this.#localOps = [];
    this.#appending = delta.changes.map(({ key }) => key);
    this.#emit({ kind: "append", ops });
  }

  /** What became durable. */
  appended(now: Instant): Written {
    this.#unsure.clear();
    const written = this.#writer.appended();
    const { from } = written.delta;
    this.#unpublished = from === undefined ? nothing : (this.#unpublished ?? from);
    this.#hooks.learned(this.#self, written.differences);
    this.appendNext();
    this.#publish(now);
    return written;
  }

  appendFailed(): readonly number[] {
    for (const key of this.#appending) this.#unsure.add(`${this.#self} r ${key}`);
    const tickets = this.#writer.failed();
    this.appendNext();
    return tickets;
  }

  /**
   * Others' records are on disk; or, with what went wrong, they are not, and what these rows should
   * say is written again later.
   */
  kept(ops: readonly JournalOp[], reason: string | undefined, now: Instant): void {
    if (reason !== undefined) this.#keepLater(ops, reason, now);
    this.#catchUp.unkept(-ops.length, now);
  }

  #keepLater(ops: readonly JournalOp[], reason: string, now: Instant): void {
    if (this.#unkept.size === 0) this.#log.error("others' records could not be kept", { reason });
    for (const { table, key } of ops) if (table === "origins") this.#unkept.add(key);
    this.#localOps.push(...ops.filter(({ table }) => table === "local"));
    this.#keepAt = now + this.#options.keepAgainMs;
  }

  /** A delta from gossip or from a link. */
  received(from: HostId, delta: Delta, now: Instant): Outcome {
    return this.#digest(from, this.#replica.receive(delta), { head: delta.head, delta, now });
  }

  heard(from: HostId, head: Head, now: Instant): Outcome {
    return this.#digest(from, this.#replica.hear(head), { head, now });
  }

  /** On a new link each side pings at once, which shows whether there is anything to compare. */
  linkUp(host: HostId): void {
    this.#suspicious.add(host);
  }

  /**
   * The peer's root, from its ping or pong. Twice different in a row: compare. Who meets many at
   * once need not hear the same from all: while some are asked, the others' next pings will do.
   */
  rootHeard(from: HostId, root: Uint8Array, now: Instant): void {
    const mine = this.#replica.digest.root();
    if (root.every((byte, at) => byte === mine[at])) {
      this.#suspicious.delete(from);
      this.#catchUp.agrees(from, now);
    } else if (!this.#suspicious.has(from)) this.#suspicious.add(from);
    else if (this.#catchUp.comparing < this.#options.compares) this.compare(from, now);
  }

  /** Compares everything with a peer and fetches what it has and we lack. */
  compare(from: HostId, now: Instant): void {
    this.#suspicious.delete(from);
    this.#catchUp.compare(from, now);
  }

  /** Makes sure that we get to at least this version of an origin, from whoever told us of it. */
  catchUp(from: HostId, origin: HostId, target: Version, now: Instant): void {
    const mine = this.#replica.versionOf(origin);
    if (compareVersions(mine, target) < 0 && !this.#replica.isRefused(origin, target))
      this.#catchUp.fetch(from, [{ origin, target, isWhole: false }], now);
  }

  /**
   * What we had to pull, others may lack as well, and most of them since the same version: it is
   * gossiped. Hosts that do so at once say the same bytes, which travel once; of much at a time
   * everybody finds out by comparing.
   */
  pulled(from: HostId, delta: Delta, isBulk: boolean, now: Instant): void {
    const outcome = this.received(from, delta, now);
    if (outcome.kind === "applied" && !isBulk) this.#push(delta);
  }

  linkDown(host: HostId): void {
    this.#suspicious.delete(host);
  }

  /** The wait for company is over. */
  woken(now: Instant): void {
    this.#isWaking = false;
    this.#publish(now);
  }

  tick(now: Instant): void {
    this.#publish(now);
    if (this.#unkept.size === 0 || now < this.#keepAt) return;
    const ops = rowsAgain(this.#unkept, this.#replica);
    this.#unkept.clear();
    this.#emitKeep(ops, now);
  }

  #digest(from: HostId, outcome: Outcome, { head, delta, now }: Heard): Outcome {
    switch (outcome.kind) {
      case "applied":
        this.#keep(
          delta === undefined || outcome.isHeadOnly === true
            ? { head, from: nothing, changes: [] }
            : delta,
          outcome.differences,
          now,
        );
        this.#hooks.learned(outcome.origin, outcome.differences);
        break;
      case "gap": {
        const isWhole = outcome.have.epoch === 0;
        this.#catchUp.fetch(from, [{ origin: outcome.origin, target: head, isWhole }], now);
        break;
      }
      case "self":
        this.#hooks.outdone(from, { head, records: outcome.fullSet }, now);
        break;
      case "equivocation":
        this.#prove(outcome.proof, now);
        break;
      case "refused":
        this.#log.warn("record refused", {
          host: from,
          origin: head.origin,
          reason: outcome.reason,
        });
        break;
      case "stale":
        break;
    }
    return outcome;
  }

  #prove(proof: Equivocation, now: Instant): void {
    if (!this.#replica.prove(proof)) return;
    const [{ origin, epoch, seq }] = proof;
    this.#log.error("host says two things at one version", { origin, epoch, seq });
    this.#emitKeep([proofOp(proof)], now);
  }

  #keep(delta: Delta, differences: readonly Difference[], now: Instant): void {
    const gone =
      delta.from === undefined ? differences.filter(({ after }) => after === undefined) : [];
    this.#emitKeep(
      rowsOf(
        delta,
        gone.map(({ key }) => key),
      ),
      now,
    );
  }

  #emitKeep(ops: readonly JournalOp[], now: Instant): void {
    this.#catchUp.unkept(ops.length, now);
    this.#emit({ kind: "keep", ops });
  }

  #goneFrom(delta: Delta): RecordKey[] {
    if (delta.from !== undefined) return [];
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
    this.#push(state.deltaFor(pending));
  }

  /** A long one is announced by its head, and pulled. */
  #push(delta: Delta): void {
    const { head } = delta;
    const isShort =
      delta.changes.length < 512 && encodeDelta(delta).length <= this.#options.pushBytes;
    this.#emit({
      kind: "publish",
      message: isShort ? { kind: "delta", delta } : { kind: "head", head },
    });
  }
}

/** What came, and when; without a delta it was a head alone. */
type Heard = { readonly head: Head; readonly delta?: Delta; readonly now: Instant };
