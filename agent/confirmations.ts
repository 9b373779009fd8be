/**
 * "Every reachable host has programmed its kernel": who waits for that, and whom we owe the word.
 *
 *   writer: durable write at (epoch, seq)  --confirm-->  every reachable host
 *   host:   once its kernel reflects that version  --applied-->  writer
 */
import type { HostId } from "../base/id.ts";
import type { Instant } from "../base/time.ts";
import { compareVersions, type Version } from "../store/head.ts";
import type { Emit } from "./effect.ts";

/** What a waiting command learns. */
export type Confirmed = {
  readonly programmed: readonly HostId[];
  readonly missing: readonly HostId[];
  readonly ms: number;
};

type Waiting = {
  readonly version: Version;
  readonly startedAt: Instant;
  readonly endsAt: Instant;
  askAgainAt: Instant;
  readonly open: Set<HostId>;
  readonly programmed: HostId[];
  readonly done: (confirmed: Confirmed) => void;
};

/** Who waits for kernels, and whom we owe word of ours. */
export class Confirmations {
  readonly #self: HostId;
  readonly #emit: Emit;
  readonly #askAgainMs: number;
  readonly #owed = new Map<HostId, Version[]>();
  #waiting: Waiting[] = [];

  constructor(options: {
    readonly self: HostId;
    readonly emit: Emit;
    /** Questions and answers get lost on the way, and with whoever restarts. */
    readonly askAgainMs: number;
  }) {
    this.#self = options.self;
    this.#emit = options.emit;
    this.#askAgainMs = options.askAgainMs;
  }

  /** Waits until we and these hosts have programmed our own records up to `version`. */
  wait(
    version: Version,
    hosts: readonly HostId[],
    limit: { readonly now: Instant; readonly waitMs: number },
    done: (confirmed: Confirmed) => void,
  ): void {
    const { now, waitMs } = limit;
    const waiting = {
      version,
      startedAt: now,
      endsAt: now + waitMs,
      askAgainAt: now + this.#askAgainMs,
      open: new Set([this.#self, ...hosts]),
      programmed: [],
      done,
    };
    this.#waiting.push(waiting);
    this.#ask(waiting);
  }

  /** A host's kernel, or with `self` ours, reflects our records up to `version`. */
  applied(host: HostId, version: Version, now: Instant): void {
    for (const waiting of this.#waiting) {
      const isEnough = compareVersions(version, waiting.version) >= 0;
      if (isEnough && waiting.open.delete(host)) waiting.programmed.push(host);
    }
    this.#finish(now, (waiting) => waiting.open.size === 0);
  }

  /** A host that is no longer reachable is not waited for. */
  lost(host: HostId, now: Instant): void {
    this.#owed.delete(host);
    for (const waiting of this.#waiting) waiting.open.delete(host);
    this.#finish(now, (waiting) => waiting.open.size === 0);
  }

  /** The peer wants to hear of this version of its records. */
  owe(host: HostId, version: Version): void {
    const owed = this.#owed.get(host) ?? [];
    if (owed.some((other) => compareVersions(other, version) === 0)) return;
    // A peer that asks more than this without an answer gets the newest answered, which covers the
    // older.
    if (owed.length >= 64) owed.shift();
    owed.push(version);
    this.#owed.set(host, owed);
  }

  /**
   * Our kernel reflects the replica: says so to whom we owe it. `versionOf` is what we hold of an
   * origin.
   */
  settled(versionOf: (origin: HostId) => Version | undefined, now: Instant): void {
    for (const [host, owed] of this.#owed) {
      const have = versionOf(host);
      if (have === undefined || !owed.some((version) => compareVersions(have, version) >= 0))
        continue;
      const rest = owed.filter((version) => compareVersions(have, version) < 0);
      if (rest.length === 0) this.#owed.delete(host);
      else this.#owed.set(host, rest);
      const { epoch, seq } = have;
      this.#emit({
        kind: "send",
        to: host,
        message: { kind: "applied", origin: host, epoch, seq },
      });
    }
    const mine = versionOf(this.#self);
    if (mine !== undefined) this.applied(this.#self, mine, now);
  }

  tick(now: Instant): void {
    this.#finish(now, (waiting) => waiting.endsAt <= now);
    for (const waiting of this.#waiting) {
      if (now < waiting.askAgainAt) continue;
      waiting.askAgainAt = now + this.#askAgainMs;
      this.#ask(waiting);
    }
  }

  #ask({ version: { epoch, seq }, open }: Waiting): void {
    for (const to of open) {
      if (to !== this.#self)
        this.#emit({ kind: "send", to, message: { kind: "confirm", epoch, seq } });
    }
  }

  #finish(now: Instant, isDone: (waiting: Waiting) => boolean): void {
    const done = this.#waiting.filter(isDone);
    if (done.length === 0) return;
    this.#waiting = this.#waiting.filter((waiting) => !isDone(waiting));
    for (const { open, programmed, startedAt, done: tell } of done) {
      tell({ programmed, missing: [...open], ms: now - startedAt });
    }
  }
}
