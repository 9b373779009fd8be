/** How often something happened lately, by two counters: exact to within one period. */
import type { Instant } from "../base/time.ts";

/** Counts within the last one to two periods. */
export class RecentCount {
  readonly #periodMs: number;
  #startedAt: Instant = 0;
  #current = 0;
  #previous = 0;

  constructor(periodMs: number) {
    this.#periodMs = periodMs;
  }

  add(now: Instant): void {
    this.#turn(now);
    this.#current += 1;
  }

  count(now: Instant): number {
    this.#turn(now);
    return this.#current + this.#previous;
  }

  #turn(now: Instant): void {
    const periods = Math.floor((now - this.#startedAt) / this.#periodMs);
    if (periods < 1) return;
    this.#previous = periods === 1 ? this.#current : 0;
    this.#current = 0;
    this.#startedAt += periods * this.#periodMs;
  }
}
