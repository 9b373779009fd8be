/**
 * Whom to dial, and when:
 *
 *   wanted, doubted     at once, then every retryMs
 *   wanted, lost        while others reach it: at once, then after 1 s, 2 s, 4 s, up to 30 s
 *   unreachable         one random host every clamp(0.5 s x alive, 1 s, 30 s): about two attempts a second over the whole
 *                       cluster, for ever, so that a partition of any length heals by itself (gossip.md 3.5)
 *   seeds               while we have no link at all, with a back-off that doubles up to seedMaxMs
 *
 * Word that a host is back ends its back-off.
 */
import type { HostId } from "../base/id.ts";
import { pick, type Random } from "../base/random.ts";
import type { Instant } from "../base/time.ts";

/** How soon and how often, in milliseconds. */
export type DialerOptions = {
  readonly retryMs: number;
  /** Of a host that we alone do not reach. */
  readonly lostMinMs: number;
  readonly lostMaxMs: number;
  readonly unreachablePerAliveMs: number;
  readonly unreachableMinMs: number;
  readonly unreachableMaxMs: number;
  readonly seedMinMs: number;
  readonly seedMaxMs: number;
  /** A dial that has not ended by then is no longer waited for. */
  readonly dialMs: number;
};

/** A host without a link, where it listens, and how much we want it. */
export type DialTarget = {
  readonly host: HostId;
  readonly address: string;
  readonly need: "doubted" | "lost" | "unreachable";
};

/** Who is linked with us, and how many are in the cluster and reachable, ourselves included. */
export type Company = { readonly isAlone: boolean; readonly alive: number };

type Retry = { readonly at: Instant; readonly waitMs: number };

/** What was dialled when; addresses, not hosts, since seeds have no names. */
export class Dialer {
  readonly #options: DialerOptions;
  readonly #random: Random;
  readonly #inFlight = new Map<string, Instant>();
  readonly #retries = new Map<string, Retry>();
  #unreachableAt: Instant = 0;
  #seedsAt: Instant = 0;
  #seedBackoffMs: number;

  constructor(options: DialerOptions, random: Random) {
    this.#options = options;
    this.#random = random;
    this.#seedBackoffMs = options.seedMinMs;
  }

  /** Addresses to dial now. Each is reported back by `settled`. */
  tick(
    targets: readonly DialTarget[],
    { seeds, company }: { readonly seeds: readonly string[]; readonly company: Company },
    now: Instant,
  ): string[] {
    const needed = (need: DialTarget["need"]) =>
      targets.filter((target) => target.need === need).map(({ address }) => address);
    const wanted = [
      ...needed("doubted").filter((address) => this.#isDue(address, now)),
      ...needed("lost").filter((address) => this.#isPatient(address, now)),
      ...this.#oneOf(needed("unreachable"), company, now),
      ...(company.isAlone ? this.#seeds(seeds, now) : []),
    ];
    const fresh = [...new Set(wanted)].filter((address) => this.#isDue(address, now));
    for (const address of fresh) this.#inFlight.set(address, now + this.#options.dialMs);
    return fresh;
  }

  /** The dial of this address has ended, either way. */
  settled(address: string, now: Instant): void {
    this.#inFlight.delete(address);
    const { retryMs, lostMinMs, lostMaxMs } = this.#options;
    for (const [other, { at }] of this.#retries)
      if (at + lostMaxMs < now) this.#retries.delete(other);
    const last = this.#retries.get(address)?.waitMs;
    const waitMs = last === undefined ? lostMinMs : Math.min(2 * last, lostMaxMs);
    this.#retries.set(address, { at: now + retryMs, waitMs });
  }

  /** Word that a host is back: no waiting, for it or for the next of the unreachable. */
  hurry(address: string | undefined): void {
    if (address !== undefined) this.#retries.delete(address);
    this.#unreachableAt = 0;
  }

  /** We have a link again: the next time we are alone, seeds are asked at once. */
  linked(): void {
    this.#seedsAt = 0;
    this.#seedBackoffMs = this.#options.seedMinMs;
  }

  #isDue(address: string, now: Instant): boolean {
    return (
      now >= (this.#inFlight.get(address) ?? 0) && now >= (this.#retries.get(address)?.at ?? 0)
    );
  }

  #isPatient(address: string, now: Instant): boolean {
    const retry = this.#retries.get(address);
    return retry === undefined || now >= retry.at + retry.waitMs - this.#options.retryMs;
  }

  #oneOf(unreachable: readonly string[], { alive }: Company, now: Instant): string[] {
    if (now < this.#unreachableAt) return [];
    const { unreachablePerAliveMs, unreachableMinMs, unreachableMaxMs } = this.#options;
    const period = clamp(unreachablePerAliveMs * alive, unreachableMinMs, unreachableMaxMs);
    this.#unreachableAt = now + period / 2 + this.#random.below(Math.ceil(period));
    const chosen = pick(this.#random, unreachable);
    return chosen === undefined ? [] : [chosen];
  }

  #seeds(seeds: readonly string[], now: Instant): readonly string[] {
    if (now < this.#seedsAt || seeds.length === 0) return [];
    this.#seedsAt = now + this.#seedBackoffMs / 2 + this.#random.below(this.#seedBackoffMs);
    this.#seedBackoffMs = Math.min(2 * this.#seedBackoffMs, this.#options.seedMaxMs);
    return seeds;
  }
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most);
}
