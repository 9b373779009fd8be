/**
 * Whom to dial, and when. Two schedules:
 *
 *   lost or new     at once, then every retryMs while the host is not yet given up
 *   unreachable     one random host every clamp(0.5 s x alive, 1 s, 30 s): about two attempts a second over the whole
 *                   cluster, for ever, so that a partition of any length heals by itself (gossip.md 3.5)
 *   seeds           while we have no link at all, with a back-off that doubles up to seedMaxMs
 */
import type { HostId } from "../base/id.ts";
import { pick, type Random } from "../base/random.ts";
import type { Instant } from "../base/time.ts";
import type { Reach } from "./liveness.ts";

/** How soon and how often, in milliseconds. */
export type DialerOptions = {
  readonly retryMs: number;
  readonly unreachablePerAliveMs: number;
  readonly unreachableMinMs: number;
  readonly unreachableMaxMs: number;
  readonly seedMinMs: number;
  readonly seedMaxMs: number;
  /** A dial that has not ended by then is no longer waited for. */
  readonly dialMs: number;
};

/** A known host, where it listens and how it is. */
export type DialTarget = {
  readonly host: HostId;
  readonly address: string;
  readonly reach: Reach;
  readonly isLinked: boolean;
};

/** What was dialled when; addresses, not hosts, since seeds have no names. */
export class Dialer {
  readonly #options: DialerOptions;
  readonly #random: Random;
  readonly #inFlight = new Map<string, Instant>();
  readonly #retryAt = new Map<string, Instant>();
  #unreachableAt: Instant = 0;
  #seedsAt: Instant = 0;
  #seedBackoffMs: number;

  constructor(options: DialerOptions, random: Random) {
    this.#options = options;
    this.#random = random;
    this.#seedBackoffMs = options.seedMinMs;
  }

  /** Addresses to dial now. Each is reported back by `settled`. */
  tick(targets: readonly DialTarget[], seeds: readonly string[], now: Instant): string[] {
    const missing = targets.filter(({ isLinked }) => !isLinked);
    const wanted = [
      ...missing.filter(({ reach }) => reach !== "unreachable").map(({ address }) => address),
      ...this.#oneUnreachable(targets, now),
      ...(missing.length === targets.length ? this.#seeds(seeds, now) : []),
    ];
    const fresh = [...new Set(wanted)].filter((address) => this.#isDue(address, now));
    for (const address of fresh) this.#inFlight.set(address, now + this.#options.dialMs);
    return fresh;
  }

  /** The dial of this address has ended, either way. */
  settled(address: string, now: Instant): void {
    this.#inFlight.delete(address);
    this.#retryAt.set(address, now + this.#options.retryMs);
    for (const [other, at] of this.#retryAt) if (at < now) this.#retryAt.delete(other);
  }

  /** A rumour that a host is back: no waiting for its turn. */
  hurry(): void {
    this.#unreachableAt = 0;
  }

  #isDue(address: string, now: Instant): boolean {
    return now >= (this.#inFlight.get(address) ?? 0) && now >= (this.#retryAt.get(address) ?? 0);
  }

  #oneUnreachable(targets: readonly DialTarget[], now: Instant): string[] {
    if (now < this.#unreachableAt) return [];
    const { unreachablePerAliveMs, unreachableMinMs, unreachableMaxMs } = this.#options;
    const alive = 1 + targets.filter(({ reach }) => reach === "alive").length;
    const period = clamp(unreachablePerAliveMs * alive, unreachableMinMs, unreachableMaxMs);
    this.#unreachableAt = now + period / 2 + this.#random.below(Math.ceil(period));
    const lost = targets.filter(({ reach, isLinked }) => reach === "unreachable" && !isLinked);
    const chosen = pick(this.#random, lost);
    return chosen === undefined ? [] : [chosen.address];
  }

  #seeds(seeds: readonly string[], now: Instant): readonly string[] {
    if (now < this.#seedsAt || seeds.length === 0) return [];
    this.#seedsAt = now + this.#seedBackoffMs / 2 + this.#random.below(this.#seedBackoffMs);
    this.#seedBackoffMs = Math.min(2 * this.#seedBackoffMs, this.#options.seedMaxMs);
    return seeds;
  }

  /** We have a link again: the next time we are alone, seeds are asked at once. */
  linked(): void {
    this.#seedsAt = 0;
    this.#seedBackoffMs = this.#options.seedMinMs;
  }
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most);
}
