/**
 * Which links a host wants: with its neighbours on the rings; where some of those are away, with
 * the next who are there; and with two others by chance, replaced in turn, which mix what far parts
 * of the cluster know. A link that its dialler no longer wants is closed by it after a while.
 */
import type { HostId } from "../base/id.ts";
import { pick, type Random } from "../base/random.ts";
import type { Instant } from "../base/time.ts";
import type { Rings } from "./rings.ts";

/** How many links by chance, and for how long, in milliseconds. */
export type NeighboursOptions = {
  readonly random: number;
  readonly replaceMs: number;
  /** How long a link that nobody here wants is kept. */
  readonly lingerMs: number;
};

/** A link that is up. */
export type OpenLink = { readonly host: HostId; readonly isInbound: boolean };

type Chance = { readonly host: HostId; readonly until: Instant };

/** The links of one host, wanted and not. */
export class Neighbours {
  readonly #self: HostId;
  readonly #rings: Rings;
  readonly #options: NeighboursOptions;
  readonly #random: Random;
  #chances: readonly Chance[] = [];
  #nextAt: Instant = 0;
  readonly #unwantedSince = new Map<HostId, Instant>();

  constructor(options: {
    readonly self: HostId;
    readonly rings: Rings;
    readonly options: NeighboursOptions;
    readonly random: Random;
  }) {
    this.#self = options.self;
    this.#rings = options.rings;
    this.#options = options.options;
    this.#random = options.random;
  }

  /** Whom to be linked with. */
  wanted(isThere: (host: HostId) => boolean, now: Instant): ReadonlySet<HostId> {
    const fixed = new Set(this.#rings.neighbours(this.#self));
    if (this.#rings.isFullMesh) return fixed;
    const near = fixed.union(this.#rings.around(this.#self, isThere));
    this.#draw((host) => isThere(host) && !near.has(host), now);
    return near.union(new Set(this.#chances.map(({ host }) => host)));
  }

  /** Links of our making that nobody here has wanted for a while. */
  spare(links: readonly OpenLink[], wanted: ReadonlySet<HostId>, now: Instant): HostId[] {
    const ours = links.filter(({ host, isInbound }) => !isInbound && !wanted.has(host));
    const unwanted = new Set(ours.map(({ host }) => host));
    for (const host of this.#unwantedSince.keys())
      if (!unwanted.has(host)) this.#unwantedSince.delete(host);
    for (const host of unwanted)
      if (!this.#unwantedSince.has(host)) this.#unwantedSince.set(host, now);
    return [...this.#unwantedSince]
      .filter(([, since]) => now >= since + this.#options.lingerMs)
      .map(([host]) => host);
  }

  /** One at a time, so that of two links by chance one is always old enough to be of use. */
  #draw(isEligible: (host: HostId) => boolean, now: Instant): void {
    const { random, replaceMs } = this.#options;
    this.#chances = this.#chances.filter(({ host, until }) => now < until && isEligible(host));
    if (this.#chances.length >= random || now < this.#nextAt) return;
    const taken = new Set(this.#chances.map(({ host }) => host));
    const free = [...this.#rings.hosts].filter(
      (host) => host !== this.#self && !taken.has(host) && isEligible(host),
    );
    const host = pick(this.#random, free);
    if (host === undefined) return;
    this.#chances = [...this.#chances, { host, until: now + replaceMs }];
    this.#nextAt = now + Math.floor(replaceMs / (4 * random));
  }
}
