/**
 * Hosts whose messages prove false. A member passes on only what it has proven itself, so such a
 * message is a bug or malice: after a few the host is left alone for a while.
 */
import type { HostId } from "../base/id.ts";
import type { Instant } from "../base/time.ts";

/** How much is borne, and how long one is left alone after it. */
export type MisconductOptions = { readonly falseMessages: number; readonly penaltyMs: number };

/** Counts false messages by host. A host that stays good for a while starts anew. */
export class Misconduct {
  readonly #options: MisconductOptions;
  readonly #counts = new Map<HostId, { count: number; since: Instant }>();
  readonly #until = new Map<HostId, Instant>();

  constructor(options: MisconductOptions) {
    this.#options = options;
  }

  /** One more false message; true where this was the one too many. */
  note(host: HostId, now: Instant): boolean {
    const { falseMessages, penaltyMs } = this.#options;
    const known = this.#counts.get(host);
    const isFresh = known === undefined || now - known.since > penaltyMs;
    const entry = isFresh ? { count: 1, since: now } : { ...known, count: known.count + 1 };
    this.#counts.set(host, entry);
    if (entry.count < falseMessages) return false;
    this.#counts.delete(host);
    this.#until.set(host, now + penaltyMs);
    return true;
  }

  /** Why no link with this host is wanted just now. */
  refusal(host: HostId, now: Instant): string | undefined {
    const until = this.#until.get(host) ?? now;
    if (until <= now) return undefined;
    return `it sent what proves false; it may come again in ${Math.ceil((until - now) / 1_000)} s`;
  }

  tick(now: Instant): void {
    const { penaltyMs } = this.#options;
    for (const [host, until] of this.#until) if (until <= now) this.#until.delete(host);
    for (const [host, { since }] of this.#counts)
      if (now - since > penaltyMs) this.#counts.delete(host);
  }
}
