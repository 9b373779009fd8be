/**
 * How much of this host's time one asker may have: a bucket of tokens for each, filled with the
 * time. Who asks faster is not answered, and others are.
 */
import type { Ip } from "../base/address.ts";
import type { Instant } from "../base/time.ts";

/** Of each asker; `askers` are remembered at most. */
export type QuotaOptions = {
  readonly perSecond: number;
  readonly burst: number;
  readonly askers: number;
};

type Bucket = { readonly tokens: number; readonly at: Instant };

/** All askers' buckets. */
export class Quota {
  readonly #options: QuotaOptions;
  /** The one that asked last is the last. */
  readonly #buckets = new Map<Ip, Bucket>();

  constructor(options: QuotaOptions) {
    this.#options = options;
  }

  /** Takes a token for one question; false where there is none. */
  take(asker: Ip, now: Instant): boolean {
    const { perSecond, burst, askers } = this.#options;
    const { tokens, at } = this.#buckets.get(asker) ?? { tokens: burst, at: now };
    const filled = Math.min(burst, tokens + ((now - at) * perSecond) / 1_000);
    const isAllowed = filled >= 1;
    this.#buckets.delete(asker);
    this.#buckets.set(asker, { tokens: isAllowed ? filled - 1 : filled, at: now });
    // Who has not asked for longest has a full bucket, or is one of more than there can be.
    const [oldest] = this.#buckets.keys();
    if (this.#buckets.size > askers && oldest !== undefined) this.#buckets.delete(oldest);
    return isAllowed;
  }
}
