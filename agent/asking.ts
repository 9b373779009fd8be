/** Questions for addresses that are open: whom we asked, who said no, whom to ask next. */
import type { Family, Ip } from "../base/address.ts";
import { toHex } from "../base/bytes.ts";
import type { HostId, NetworkId } from "../base/id.ts";
import { type Random, shuffled } from "../base/random.ts";
import type { Instant } from "../base/time.ts";
import type { Ledger } from "../ipam/ledger.ts";
import type { Emit } from "./effect.ts";
import type { Tables } from "./tables.ts";

export type Question = {
  readonly network: NetworkId;
  readonly family: Family;
  /** The one address wanted; undefined: any. */
  readonly ip: Ip | undefined;
  readonly size: number;
};

type Open = {
  readonly question: Question;
  readonly request: string;
  readonly denied: Set<HostId>;
  asked: HostId | undefined;
  askAt: Instant;
  /** Nobody is left to ask: not asked again before. */
  closedUntil: Instant | undefined;
};

export class Asking {
  readonly #self: HostId;
  readonly #ledger: Ledger;
  readonly #tables: Tables;
  readonly #random: Random;
  readonly #emit: Emit;
  readonly #alive: () => readonly HostId[];
  readonly #options: { readonly askMs: number; readonly deniedMs: number };
  readonly #open = new Map<string, Open>();

  constructor(options: {
    readonly self: HostId;
    readonly ledger: Ledger;
    readonly tables: Tables;
    readonly random: Random;
    readonly emit: Emit;
    readonly alive: () => readonly HostId[];
    readonly options: { readonly askMs: number; readonly deniedMs: number };
  }) {
    this.#self = options.self;
    this.#ledger = options.ledger;
    this.#tables = options.tables;
    this.#random = options.random;
    this.#emit = options.emit;
    this.#alive = options.alive;
    this.#options = options.options;
  }

  /**
   * Asks, or goes on asking. False where everybody who could help has said no, or nobody is there.
   */
  ask(question: Question, now: Instant): boolean {
    const key = `${question.network} ${question.family} ${question.ip ?? "any"}`;
    const known = this.#open.get(key);
    if (known?.closedUntil !== undefined && now < known.closedUntil) return false;
    const open =
      known?.closedUntil === undefined ? (known ?? this.#new(question)) : this.#new(question);
    this.#open.set(key, open);
    return now < open.askAt || this.#askNext(open, now);
  }

  denied(from: HostId, request: string): void {
    for (const open of this.#open.values()) {
      if (open.request !== request) continue;
      open.denied.add(from);
      open.askAt = 0;
    }
  }

  tick(now: Instant): void {
    for (const [key, open] of this.#open) {
      // Whoever still wants it asks again; what nobody has asked for in a while is dropped.
      const idleAt = (open.closedUntil ?? open.askAt) + 10 * this.#options.askMs;
      if (now > idleAt) this.#open.delete(key);
    }
  }

  /** What other hosts hold of a network and, as far as records tell, do not use. */
  space(network: NetworkId): { readonly host: HostId; readonly free: number }[] {
    const held = new Map<HostId, number>();
    for (const { owner, block } of this.#ledger.holdings(network)) {
      if (owner !== this.#self) held.set(owner, (held.get(owner) ?? 0) + Number(block.size));
    }
    for (const { host } of this.#tables.endpointsOf(network).values()) {
      if (held.has(host)) held.set(host, (held.get(host) ?? 0) - 1);
    }
    return [...held]
      .map(([host, free]) => ({ host, free: Math.max(0, free) }))
      .toSorted((a, b) => b.free - a.free);
  }

  #askNext(open: Open, now: Instant): boolean {
    const to = this.#donor(open);
    if (to === undefined) {
      open.closedUntil = now + this.#options.deniedMs;
      return false;
    }
    open.asked = to;
    open.askAt = now + this.#options.askMs;
    const { network, family, ip, size } = open.question;
    const { request } = open;
    this.#emit({ kind: "send", to, message: { kind: "ask", network, request, size, family, ip } });
    return true;
  }

  /**
   * Of one address its owner; else who has most to spare, the same again only when there is no
   * other.
   */
  #donor({ question, denied, asked }: Open): HostId | undefined {
    const { network, ip } = question;
    const alive = new Set(this.#alive());
    const owner = ip === undefined ? undefined : this.#ledger.ownerOf(network, ip)?.owner;
    const candidates =
      ip === undefined
        ? this.space(network)
            .filter(({ free }) => free > 0)
            .map(({ host }) => host)
        : [owner].filter((host) => host !== undefined);
    const able = candidates.filter((host) => alive.has(host) && !denied.has(host));
    const fresh = able.filter((host) => host !== asked);
    // The few with most to spare in random order, so that hosts that run dry together do not all
    // ask one.
    return shuffled(this.#random, fresh.slice(0, 3))[0] ?? able[0];
  }

  #new(question: Question): Open {
    const request = toHex(this.#random.bytes(8));
    return {
      question,
      request,
      denied: new Set(),
      asked: undefined,
      askAt: 0,
      closedUntil: undefined,
    };
  }
}
