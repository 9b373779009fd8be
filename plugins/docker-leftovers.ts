/**
 * What Docker no longer has and never told us: it was killed, or the host went down. A thing is
 * left over when two looks at Docker, some time apart, both lack it, and it is not just being made.
 *
 *   there --absent--> doubted --absent, `apartMs` later--> left over
 *     ^------------------|  seen again
 */
import type { Instant } from "../base/time.ts";

/** When absence counts. */
export type LeftoverOptions = {
  /** Between the two looks. */
  readonly apartMs: number;
  /** Docker shows a thing only some time after it asked for it. */
  readonly youngMs: number;
};

/** Things by id, of one kind. */
export class Leftovers<Id extends string> {
  readonly #options: LeftoverOptions;
  readonly #absentSince = new Map<Id, Instant>();
  readonly #touchedAt = new Map<Id, Instant>();

  constructor(options: LeftoverOptions) {
    this.#options = options;
  }

  /** Docker has just spoken of it. */
  touch(id: Id, now: Instant): void {
    this.#touchedAt.set(id, now);
    this.#absentSince.delete(id);
  }

  /** After a look at Docker: which of ours are left over. */
  compare(ours: readonly Id[], theirs: ReadonlySet<Id>, now: Instant): Id[] {
    const { apartMs, youngMs } = this.#options;
    for (const [id, at] of this.#touchedAt) if (at + youngMs <= now) this.#touchedAt.delete(id);
    const absent = ours.filter((id) => !theirs.has(id) && !this.#touchedAt.has(id));
    for (const id of this.#absentSince.keys()) {
      if (!absent.includes(id)) this.#absentSince.delete(id);
    }
    for (const id of absent) if (!this.#absentSince.has(id)) this.#absentSince.set(id, now);
    return absent.filter((id) => now - (this.#absentSince.get(id) ?? now) >= apartMs);
  }
}
