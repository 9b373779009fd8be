/**
 * Keeps the kernel equal to what the map implies. Level-triggered: whatever happened, the next step
 * is wanted minus what the kernel holds. Between dumps we believe what we applied; a dump every few
 * seconds, and one soon after any foreign change, finds what others did, and that is put right and
 * counted.
 *
 *   wanted changed --> plan against what we programmed --> apply --> programmed
 *   dump ------------> plan against the dump ------------> apply (counted as repair if nothing else was under way)
 */
import type { Log } from "../base/log.ts";
import type { Instant } from "../base/time.ts";
import { planChange } from "../overlay/change.ts";
import type { Actual, ActualGuard, DataplaneOp, OpFailure, Wanted } from "../overlay/dataplane.ts";
import { keeping, withoutRemoved } from "../overlay/keep.ts";
import { plan } from "../overlay/plan.ts";
import type { Emit } from "./effect.ts";

/** When the kernel is read, in milliseconds. */
export type ReconcilerOptions = {
  /** Between dumps when nothing happens: drift that no notification told of is found this late. */
  readonly sweepMs: number;
  /** After a notification of a foreign change. */
  readonly watchMs: number;
  /** Not within this long after a change of our own: it is notified as well. */
  readonly quietMs: number;
  /** After a refused operation. */
  readonly retryMs: number;
  /** After so many dumps in a row that a change of our own made stale, changes wait for one. */
  readonly staleDumps: number;
};

/** The one that changes the kernel, a step at a time. */
export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #emit: Emit;
  readonly #log: Log;
  readonly #settled: () => void;
  readonly #looking: () => void;
  readonly #dumped: (actual: Actual) => void;
  readonly #mayPrune: (now: Instant) => boolean;
  /** What the map implies. */
  #implied: Wanted = { segments: new Map() };
  /** What the kernel held when it was first asked, while nothing may be pruned. */
  #found: Actual | undefined;
  #isPruning = false;
  /** What the map implies and, while nothing may be pruned, what was found. */
  #wanted: Wanted = this.#implied;
  /** What the kernel holds as far as we know; undefined: ask it before planning. */
  #programmed: Wanted | undefined;
  #applying: { readonly wanted: Wanted; readonly ops: readonly DataplaneOp[] } | undefined;
  #dumping: { isStale: boolean } | undefined;
  /** Dumps in a row that said nothing, because we changed the kernel meanwhile. */
  #staleDumps = 0;
  #dumpAt: Instant = 0;
  #appliedAt: Instant = Number.NEGATIVE_INFINITY;
  #repairs = 0;
  #failures: readonly OpFailure[] = [];
  #conflicts: Actual["conflicts"] = [];
  #guard: ActualGuard = { kind: "absent" };
  #tunnels: Actual["tunnels"] = [];
  #routes: Actual["routes"] = [];

  constructor(options: {
    readonly options: ReconcilerOptions;
    readonly emit: Emit;
    readonly log: Log;
    /** The kernel holds what is wanted. */
    readonly settled: () => void;
    /** The kernel is asked: of what comes later the answer may say nothing. */
    readonly looking: () => void;
    /** What the kernel shows, each time it was asked. */
    readonly dumped: (actual: Actual) => void;
    /**
     * Whether what the map lacks may be taken out of the kernel: not before the peers have told us
     * what there is. Asked until it may; never again after that.
     */
    readonly mayPrune: (now: Instant) => boolean;
  }) {
    this.#options = options.options;
    this.#emit = options.emit;
    this.#log = options.log;
    this.#settled = options.settled;
    this.#looking = options.looking;
    this.#dumped = options.dumped;
    this.#mayPrune = options.mayPrune;
  }

  get isSettled(): boolean {
    return this.#applying === undefined && this.#programmed === this.#wanted;
  }

  get repairs(): number {
    return this.#repairs;
  }

  get failures(): readonly OpFailure[] {
    return this.#failures;
  }

  get conflicts(): Actual["conflicts"] {
    return this.#conflicts;
  }

  /** Why unknown senders are not kept out of the overlay; undefined where they are. */
  get guardFault(): string | undefined {
    return this.#guard.kind === "unsupported" ? this.#guard.reason : undefined;
  }

  /** The host's own routes, as of the last dump. */
  get routes(): Actual["routes"] {
    return this.#routes;
  }

  want(wanted: Wanted): void {
    if (this.#found !== undefined) this.#found = withoutRemoved(this.#found, this.#implied, wanted);
    this.#implied = wanted;
    this.#aim();
  }

  applied(failures: readonly OpFailure[], now: Instant): void {
    const done = this.#applying;
    this.#applying = undefined;
    this.#appliedAt = now;
    this.#failures = failures;
    this.#programmed = failures.length === 0 ? done?.wanted : undefined;
    this.#dumpAt = Math.min(this.#dumpAt, now + this.#options.sweepMs);
    if (failures.length > 0) this.#dumpAt = now + this.#options.retryMs;
    for (const { op, reason } of failures) {
      this.#log.warn("kernel refused a change", { kind: op.kind, reason });
    }
    this.#step();
    if (this.isSettled) this.#announce();
  }

  dumped(actual: Actual, now: Instant): void {
    const isStale = this.#dumping?.isStale ?? true;
    this.#dumping = undefined;
    this.#staleDumps = isStale ? this.#staleDumps + 1 : 0;
    this.#conflicts = actual.conflicts;
    this.#guard = actual.guard;
    this.#tunnels = actual.tunnels;
    this.#routes = actual.routes;
    this.#dumpAt = now + (isStale ? this.#options.watchMs : this.#options.sweepMs);
    if (isStale || this.#applying !== undefined) return;
    this.#dumped(actual);
    if (!this.#isPruning && this.#found === undefined) {
      this.#found = actual;
      this.#wanted = keeping(this.#implied, actual);
    }
    const ops = plan(this.#wanted, actual);
    if (this.#programmed === this.#wanted) this.#countRepairs(ops);
    this.#apply(ops);
  }

  dumpFailed(now: Instant): void {
    this.#dumping = undefined;
    this.#dumpAt = now + this.#options.retryMs;
    this.#step();
  }

  /** Something that others had taken away was put back by who makes it. */
  repaired(): void {
    this.#repairs += 1;
    this.#announce();
  }

  /** Something in the kernel changed, by us or by others. */
  kernelChanged(now: Instant): void {
    const { watchMs, quietMs } = this.#options;
    const soon = Math.max(now + watchMs, this.#appliedAt + quietMs);
    this.#dumpAt = Math.min(this.#dumpAt, soon);
  }

  tick(now: Instant): void {
    this.#prune(now);
    if (now < this.#dumpAt || this.#applying !== undefined || this.#dumping !== undefined) return;
    this.#dumping = { isStale: false };
    this.#looking();
    this.#emit({ kind: "dump" });
  }

  #prune(now: Instant): void {
    if (this.#isPruning || !this.#mayPrune(now)) return;
    this.#isPruning = true;
    const wasKeeping = this.#found !== undefined;
    this.#found = undefined;
    // What was let alone until now is looked at.
    this.#dumpAt = Math.min(this.#dumpAt, now);
    if (wasKeeping) this.#aim();
  }

  #aim(): void {
    const found = this.#found;
    this.#wanted = found === undefined ? this.#implied : keeping(this.#implied, found);
    this.#step();
  }

  #step(): void {
    if (this.#applying !== undefined || this.#programmed === undefined) return;
    if (this.#programmed === this.#wanted) this.#settled();
    else if (!this.#isHolding)
      this.#apply(planChange(this.#programmed, this.#wanted, this.#tunnels));
  }

  /** Else endpoints that come and go without a pause would hide for ever what others did. */
  get #isHolding(): boolean {
    return this.#dumping !== undefined && this.#staleDumps >= this.#options.staleDumps;
  }

  #apply(ops: readonly DataplaneOp[]): void {
    if (ops.length === 0) {
      const isNews = this.#programmed !== this.#wanted;
      this.#programmed = this.#wanted;
      this.#settled();
      if (isNews) this.#announce();
      return;
    }
    if (this.#dumping !== undefined) this.#dumping.isStale = true;
    this.#applying = { wanted: this.#wanted, ops };
    this.#emit({ kind: "apply", ops });
  }

  #countRepairs(ops: readonly DataplaneOp[]): void {
    if (ops.length === 0) return;
    this.#repairs += ops.length;
    this.#log.warn("kernel was changed by others; repairing", {
      count: ops.length,
      kind: ops[0]?.kind,
    });
  }

  #announce(): void {
    this.#emit({ kind: "event", event: { kind: "kernel", repairs: this.#repairs } });
  }
}
