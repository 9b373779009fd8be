/**
 * Questions for addresses that are open: whom we asked, who said no, whom to ask next. A question
 * keeps its name until it is granted, so that an answer that got lost is the same answer when it is
 * asked for again.
 */
import type { Family, Ip } from "../base/address.ts";
import { toHex } from "../base/bytes.ts";
import type { HostId, NetworkId } from "../base/id.ts";
import { pick, type Random } from "../base/random.ts";
import type { Instant } from "../base/time.ts";

/** What we lack. */
export type Question = {
  readonly network: NetworkId;
  readonly family: Family;
  /** The one address wanted; undefined: any. */
  readonly ip: Ip | undefined;
  /** Sizes to ask for, the better first: who refuses the first may still be asked for the next. */
  readonly sizes: readonly number[];
  /** Not wanted yet, only soon. */
  readonly isAhead: boolean;
};

/** Somebody who may have what we lack. */
export type Donor = { readonly host: HostId; readonly free: bigint };

/** What to say to whom. */
export type Ask = {
  readonly to: HostId;
  readonly network: NetworkId;
  readonly request: string;
  readonly size: number;
  readonly family: Family;
  readonly ip: Ip | undefined;
};

/** What came of looking for somebody to ask. */
export type Asking =
  /** `isNew`: it must be sent now. Otherwise its answer is awaited, until that moment. */
  | { readonly kind: "asking"; readonly ask: Ask; readonly isNew: boolean; readonly until: Instant }
  /** Everybody has said no, or nothing; with what they gave as reasons. */
  | { readonly kind: "nobody"; readonly reasons: ReadonlyMap<HostId, string> };

/** Deadlines of questions. */
export type AsksOptions = {
  /** How long an answer is awaited. */
  readonly askMs: number;
  /** After so long without a look, a question is forgotten. */
  readonly idleMs: number;
};

/** Why a host is passed over: what it refused, or that it was silent. */
type Pass = { readonly at: Instant; readonly size: number; readonly reason: string | undefined };

type Open = {
  readonly request: string;
  readonly passes: Map<HostId, Pass>;
  ask: Ask | undefined;
  until: Instant;
  seenAt: Instant;
};

/** All open questions of one host. */
export class Asks {
  readonly #random: Random;
  readonly #options: AsksOptions;
  readonly #open = new Map<string, Open>();

  constructor(options: { readonly random: Random; readonly options: AsksOptions }) {
    this.#random = options.random;
    this.#options = options.options;
  }

  /** Asks, or goes on asking. Refusals from before `since` do not count any more. */
  ask(
    question: Question,
    donors: readonly Donor[],
    { since, now }: { readonly since: Instant; readonly now: Instant },
  ): Asking {
    const open = this.#openFor(question);
    open.seenAt = now;
    if (open.ask !== undefined) {
      if (now < open.until) {
        return { kind: "asking", ask: open.ask, isNew: false, until: open.until };
      }
      open.passes.set(open.ask.to, { at: now, size: 0, reason: undefined });
      open.ask = undefined;
    }
    const next = this.#next(open, question, { donors, since });
    if (next === undefined) return { kind: "nobody", reasons: reasonsOf(open, since) };
    open.ask = next;
    open.until = now + this.#options.askMs;
    return { kind: "asking", ask: next, isNew: true, until: open.until };
  }

  /** The host has nothing for us. */
  denied(from: HostId, request: string, reason: string, now: Instant): void {
    for (const open of this.#open.values()) {
      if (open.request !== request || open.ask?.to !== from) continue;
      open.passes.set(from, { at: now, size: open.ask.size, reason });
      open.ask = undefined;
    }
  }

  /** The question is answered; the next one has a name of its own. */
  granted(request: string): void {
    for (const [key, open] of this.#open) if (open.request === request) this.#open.delete(key);
  }

  /** Forgets what nobody waits for. */
  tick(now: Instant): void {
    for (const [key, { seenAt }] of this.#open)
      if (now > seenAt + this.#options.idleMs) this.#open.delete(key);
  }

  #openFor({ network, family, ip, isAhead }: Question): Open {
    const key = `${network} ${family} ${ip ?? (isAhead ? "ahead" : "any")}`;
    const known = this.#open.get(key);
    if (known !== undefined) return known;
    const request = toHex(this.#random.bytes(8));
    const open: Open = { request, passes: new Map(), ask: undefined, until: 0, seenAt: 0 };
    this.#open.set(key, open);
    return open;
  }

  #next(
    { request, passes }: Open,
    { network, family, ip, sizes }: Question,
    { donors, since }: { readonly donors: readonly Donor[]; readonly since: Instant },
  ): Ask | undefined {
    for (const size of sizes) {
      const able = donors.filter(({ host }) => {
        const pass = passes.get(host);
        return pass === undefined || pass.at < since || pass.size > size;
      });
      const most = able.reduce((best, { free }) => (free > best ? free : best), 0n);
      // Hosts that run dry together should not all ask one: any with half of the most will do.
      const to = pick(
        this.#random,
        able.filter(({ free }) => 2n * free >= most),
      );
      if (to !== undefined) return { to: to.host, network, request, size, family, ip };
    }
    return undefined;
  }
}

function reasonsOf({ passes }: Open, since: Instant): Map<HostId, string> {
  const reasons = new Map<HostId, string>();
  for (const [host, { at, reason }] of passes)
    if (reason !== undefined && at >= since) reasons.set(host, reason);
  return reasons;
}
