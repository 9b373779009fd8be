/**
 * Which address an endpoint of this host gets: from its own blocks at once; else from others, who
 * are asked; else none, and why. And what this host gives to others who ask.
 *
 *   allocate --> allocated | ask somebody, and come again when that is answered | refused
 *   donate   --> granted: write it durably, and only then say so | denied
 *
 * Nothing is sent or written here. What is handed out is only ever what the ledger says is ours and
 * is not promised to anybody, so no other host can hand it out, in any partition.
 */
import {
  type Cidr,
  cidrContains,
  cidrRange,
  type Family,
  familyOf,
  type Ip,
  ipToNumber,
  numberToIp,
} from "../base/address.ts";
import type { Refusal } from "../base/errors.ts";
import type { HostId, NetworkId } from "../base/id.ts";
import type { Random } from "../base/random.ts";
import type { Instant } from "../base/time.ts";
import { type Ask, Asks } from "./asks.ts";
import { type DonationRequest, donate, wantsMore } from "./donation.ts";
import type { FreeCount, Grant, Holding } from "./grant.ts";
import type { Ledger } from "./ledger.ts";
import { Pool } from "./pool.ts";
import { RecentCount } from "./recent.ts";
import { exhausted, foreign, notFree, outside, selfRetired, unknownNetwork } from "./refusals.ts";
import type { Surroundings } from "./surroundings.ts";

/** Limits and deadlines, in milliseconds and addresses. */
export type AllocatorOptions = {
  /** How long a released address is given to nobody but who had it. */
  readonly restMs: number;
  /** How long the answer to a question is awaited before the next host is asked. */
  readonly askMs: number;
  /** How long a refusal keeps us from asking ahead of need again. */
  readonly deniedMs: number;
  /** The least to ask for at once. */
  readonly askSize: number;
  /** Twice what was handed out in about this time is asked for, where that is more. */
  readonly recentMs: number;
};

/** A wish for an address. */
export type AddressRequest = {
  readonly network: NetworkId;
  /** One of the network's subnets. */
  readonly subnet: Cidr;
  /** For whom; who asks under the same key soon after a release gets the same address. */
  readonly key: string;
  /** The one address wanted; undefined: any. */
  readonly ip: Ip | undefined;
  /**
   * Whether the one address wanted may be had while it rests: a runtime that makes a container anew
   * at its address has ended what was there, and cannot say under which key that was.
   */
  readonly mayRest: boolean;
  /** When the wish arose: what hosts refused before does not count. */
  readonly since: Instant;
};

/** What becomes of a wish. */
export type Allocation =
  /** Reserved, until it is released or given back. */
  | { readonly kind: "allocated"; readonly ip: Ip }
  /**
   * Somebody else may have one. `isNew`: send the question now. Come again when it is answered, and
   * at `until` at the latest; `refusal` is what to say if nobody waits for that.
   */
  | {
      readonly kind: "ask";
      readonly ask: Ask;
      readonly isNew: boolean;
      readonly until: Instant;
      readonly refusal: Refusal;
    }
  | { readonly kind: "refused"; readonly refusal: Refusal };

/** What becomes of another host's wish. */
export type Donation =
  /** `isNew`: it is not yet written. Until it is in the ledger, or withdrawn, it is pledged. */
  | { readonly kind: "granted"; readonly grant: Grant; readonly isNew: boolean }
  | { readonly kind: "denied"; readonly reason: string };

/** A host that has nothing is content with this much, where nobody gives a whole block. */
const leastSize = 4;

type Stock = { readonly pool: Pool; readonly recent: RecentCount };

/** One host's view of all networks' addresses. */
export class Allocator {
  readonly #self: HostId;
  readonly #ledger: Ledger;
  readonly #surroundings: Surroundings;
  readonly #options: AllocatorOptions;
  readonly #asks: Asks;
  /** Who has which address here. Endpoints can be known before their network is, or after it. */
  readonly #users = new Map<NetworkId, Map<Ip, string>>();
  readonly #stocks = new Map<NetworkId, Map<Cidr, Stock>>();

  constructor(options: {
    readonly self: HostId;
    readonly ledger: Ledger;
    readonly surroundings: Surroundings;
    readonly random: Random;
    readonly options: AllocatorOptions;
  }) {
    this.#self = options.self;
    this.#ledger = options.ledger;
    this.#surroundings = options.surroundings;
    this.#options = options.options;
    const { askMs } = options.options;
    this.#asks = new Asks({ random: options.random, options: { askMs, idleMs: 10 * askMs } });
  }

  /** An address, or whom to ask for one, or why there is none. */
  allocate(want: AddressRequest, now: Instant): Allocation {
    if (this.#ledger.network(want.network) === undefined)
      return { kind: "refused", refusal: unknownNetwork(want.network) };
    if (this.#surroundings.isFrozen(this.#self)) return { kind: "refused", refusal: selfRetired() };
    return want.ip === undefined ? this.#any(want, now) : this.#exactly(want, want.ip, now);
  }

  /** An endpoint here has this address: as its record says. */
  use(network: NetworkId, ip: Ip, key: string): void {
    this.#usersOf(network).set(ip, key);
    this.#poolOf(network, ip)?.use(ipToNumber(ip), key);
  }

  /** It has it no more; the address rests. */
  release(network: NetworkId, ip: Ip, now: Instant): void {
    // A pool that is made for this has to know who had the address.
    const pool = this.#poolOf(network, ip);
    this.#usersOf(network).delete(ip);
    pool?.release(ipToNumber(ip), now + this.#options.restMs);
  }

  /** Before a restart an endpoint had it; it rests anew, unless somebody has it by now. */
  rest(network: NetworkId, ip: Ip, key: string, now: Instant): void {
    if (this.#users.get(network)?.has(ip) === true) return;
    this.#poolOf(network, ip)?.rest(ipToNumber(ip), key, now + this.#options.restMs);
  }

  /** A reservation that nothing came of: nobody has seen the address. */
  giveBack(network: NetworkId, ip: Ip): void {
    this.#usersOf(network).delete(ip);
    this.#poolOf(network, ip)?.giveBack(ipToNumber(ip));
  }

  /** Addresses of a network that rest here. */
  resting(network: NetworkId): Ip[] {
    return [...(this.#stocks.get(network)?.values() ?? [])].flatMap(({ pool }) =>
      pool.resting().map((address) => numberToIp(address, pool.family)),
    );
  }

  /** The network is gone. */
  forget(network: NetworkId): void {
    this.#stocks.delete(network);
    if (this.#usersOf(network).size === 0) this.#users.delete(network);
  }

  tick(now: Instant): void {
    this.#asks.tick(now);
    for (const stocks of this.#stocks.values())
      for (const { pool } of stocks.values()) pool.tick(now);
  }

  /** Whom to ask now so that we do not run dry, if we are about to. */
  prefetch(network: NetworkId, subnet: Cidr, now: Instant): Ask | undefined {
    const { family } = cidrRange(subnet);
    const owned = this.#owned(network, family);
    const free = this.#stock(network, subnet).pool.free(owned);
    if (!wantsMore(free, sizeOf(owned))) return undefined;
    const [size] = this.#sizes(network, subnet, now);
    // Not of who would then have to ask in turn: two that are short would ask each other for ever.
    const donors = this.#holders(network, family)
      .filter((each) => this.#canAsk(each.host))
      .filter((each) => !wantsMore(each.free - BigInt(size), each.owned - BigInt(size)));
    const question = { network, family, ip: undefined, sizes: [size], isAhead: true };
    const since = now - this.#options.deniedMs;
    const asking = this.#asks.ask(question, donors, { since, now });
    return asking.kind === "asking" && asking.isNew ? asking.ask : undefined;
  }

  /** A grant to us is known: its question is answered. */
  granted(request: string): void {
    this.#asks.granted(request);
  }

  /** A host has refused our question. */
  denied(from: HostId, request: string, reason: string, now: Instant): void {
    this.#asks.denied(from, request, reason, now);
  }

  /** Another host wants addresses. */
  donate(request: DonationRequest): Donation {
    const { network, from, ip, family } = request;
    const subnets = this.#ledger.network(network)?.subnets ?? [];
    const subnet = subnets.find((each) =>
      ip === undefined ? familyOf(each) === family : cidrContains(each, ip),
    );
    if (subnet === undefined) return { kind: "denied", reason: "the network is not known here" };
    const retired = [this.#self, from].find((host) => this.#surroundings.isFrozen(host));
    if (retired !== undefined) {
      const reason = `${this.#surroundings.hostName(retired)} was retired`;
      return { kind: "denied", reason };
    }
    const { pool } = this.#stock(network, subnet);
    const owned = this.#owned(network, familyOf(subnet));
    const written = this.#ledger.grantsBy(this.#self, network);
    const grant = donate(request, { pool, owned, given: [...written, ...pool.pledges()] });
    if (grant === undefined) return { kind: "denied", reason: this.#denial(network, ip) };
    const isNew = !this.#ledger.has(grant);
    if (isNew && !pool.pledges().includes(grant)) pool.pledge(grant);
    return { kind: "granted", grant, isNew };
  }

  /** The grant was certainly not written, and nobody was told. */
  withdraw(grant: Grant): void {
    for (const { pool } of this.#stocks.get(grant.network)?.values() ?? [])
      pool.endPledges((pledged) => pledged === grant);
  }

  /** What each host could hand out of a network; of others, what their records leave over. */
  freeCounts(network: NetworkId, family: Family): FreeCount[] {
    const counts = this.#holders(network, family).map(({ host, free }) => ({ host, free }));
    const self = { host: this.#self, free: this.#freeHere(network, family) };
    return [self, ...counts].map(({ host, free }) => ({
      network,
      family,
      host,
      free: Number(free < BigInt(Number.MAX_SAFE_INTEGER) ? free : Number.MAX_SAFE_INTEGER),
    }));
  }

  #any(want: AddressRequest, now: Instant): Allocation {
    const { network, subnet, key } = want;
    const { family } = cidrRange(subnet);
    const { pool } = this.#stock(network, subnet);
    const address = pool.next(this.#owned(network, family), key);
    if (address !== undefined) return this.#give(want, address, now);
    const sizes = [...this.#sizes(network, subnet, now), leastSize];
    const question = { network, family, ip: undefined, sizes, isAhead: false };
    const held = this.#holders(network, family);
    const name = this.#surroundings.networkName(network);
    const refusal = exhausted(name, held, this.#surroundings);
    const donors = held.filter(({ host, free }) => free > 0n && this.#canAsk(host));
    const asking = this.#asks.ask(question, donors, { since: want.since, now });
    if (asking.kind === "nobody") return { kind: "refused", refusal };
    return { ...asking, kind: "ask", refusal };
  }

  #exactly(want: AddressRequest, ip: Ip, now: Instant): Allocation {
    const { network, subnet, key } = want;
    const address = ipToNumber(ip);
    const { pool } = this.#stock(network, subnet);
    const { owner, grant } = this.#ledger.ownerOf(network, ip) ?? {};
    const state = pool.stateOf(address);
    if (!cidrContains(subnet, ip) || state.kind === "unusable" || owner === undefined)
      return { kind: "refused", refusal: outside(ip, [subnet]) };
    const hosts = this.#surroundings;
    const isTheirs = state.kind === "resting" && (want.mayRest || state.key === key);
    const isBack = isTheirs && owner === this.#self;
    const holder = hosts.holder(network, ip);
    if (holder !== undefined || (state.kind !== "free" && !isBack))
      return { kind: "refused", refusal: notFree(ip, state, { holder, hosts }) };
    if (owner === this.#self && grant !== undefined && hosts.isHeldBack(grant))
      return { kind: "refused", refusal: foreign(ip, grant.from, { reason: undefined, hosts }) };
    if (owner === this.#self) return this.#give(want, address, now);
    const family = familyOf(ip);
    const donors = this.#canAsk(owner) ? [{ host: owner, free: 1n }] : [];
    const question = { network, family, ip, sizes: [1], isAhead: false };
    const asking = this.#asks.ask(question, donors, { since: want.since, now });
    const reason = asking.kind === "nobody" ? asking.reasons.get(owner) : undefined;
    const refusal = foreign(ip, owner, { reason, hosts });
    return asking.kind === "nobody"
      ? { kind: "refused", refusal }
      : { ...asking, kind: "ask", refusal };
  }

  #give({ network, subnet, key }: AddressRequest, address: bigint, now: Instant): Allocation {
    const ip = numberToIp(address, familyOf(subnet));
    this.use(network, ip, key);
    this.#stock(network, subnet).recent.add(now);
    return { kind: "allocated", ip };
  }

  #denial(network: NetworkId, ip: Ip | undefined): string {
    if (ip === undefined) return "nothing to spare";
    const owner = this.#ledger.ownerOf(network, ip)?.owner;
    if (owner !== this.#self) return `${ip} is not in its range`;
    return `${ip} is taken by ${this.#surroundings.holder(network, ip) ?? "an endpoint there"}`;
  }

  /** What is worth asking for at once. */
  #sizes(network: NetworkId, subnet: Cidr, now: Instant): readonly [number] {
    const recent = this.#stock(network, subnet).recent.count(now);
    return [Math.max(this.#options.askSize, 2 * recent)];
  }

  #canAsk(host: HostId): boolean {
    return this.#surroundings.isReachable(host) && !this.#surroundings.isFrozen(host);
  }

  /** Other hosts, how much each owns, and what of it their records leave over; most first. */
  #holders(network: NetworkId, family: Family): Holder[] {
    const owned = new Map<HostId, bigint>();
    for (const { owner, block } of this.#ledger.holdings(network)) {
      if (owner === this.#self || block.family !== family) continue;
      owned.set(owner, (owned.get(owner) ?? 0n) + block.size);
    }
    const inUse = this.#surroundings.inUse(network, family);
    return [...owned]
      .map(([host, size]) => {
        const left = size - BigInt(inUse.get(host) ?? 0);
        return { host, owned: size, free: left < 0n ? 0n : left };
      })
      .toSorted((a, b) => (a.free === b.free ? 0 : a.free > b.free ? -1 : 1));
  }

  #owned(network: NetworkId, family: Family): Holding[] {
    return this.#ledger
      .blocksOf(network, this.#self)
      .filter(({ block }) => block.family === family)
      .filter(({ grant }) => grant === undefined || !this.#surroundings.isHeldBack(grant));
  }

  #freeHere(network: NetworkId, family: Family): bigint {
    const subnets = this.#ledger.network(network)?.subnets ?? [];
    return subnets
      .filter((subnet) => familyOf(subnet) === family)
      .map((subnet) => this.#stock(network, subnet).pool.free(this.#owned(network, family)))
      .reduce((sum, free) => sum + free, 0n);
  }

  #poolOf(network: NetworkId, ip: Ip): Pool | undefined {
    const subnets = this.#ledger.network(network)?.subnets ?? [];
    const subnet = subnets.find((each) => cidrContains(each, ip));
    return subnet === undefined ? undefined : this.#stock(network, subnet).pool;
  }

  #stock(network: NetworkId, subnet: Cidr): Stock {
    const stocks = this.#stocks.get(network) ?? new Map<Cidr, Stock>();
    this.#stocks.set(network, stocks);
    const stock = stocks.get(subnet) ?? this.#newStock(network, subnet);
    stocks.set(subnet, stock);
    // What the ledger has by now is not ours by the ledger.
    stock.pool.endPledges((grant) => this.#ledger.has(grant));
    return stock;
  }

  #newStock(network: NetworkId, subnet: Cidr): Stock {
    const pool = new Pool(subnet);
    for (const [ip, key] of this.#usersOf(network))
      if (cidrContains(subnet, ip)) pool.use(ipToNumber(ip), key);
    return { pool, recent: new RecentCount(this.#options.recentMs) };
  }

  #usersOf(network: NetworkId): Map<Ip, string> {
    const known = this.#users.get(network);
    if (known !== undefined) return known;
    const users = new Map<Ip, string>();
    this.#users.set(network, users);
    return users;
  }
}

type Holder = { readonly host: HostId; readonly owned: bigint; readonly free: bigint };

function sizeOf(holdings: readonly Holding[]): bigint {
  return holdings.reduce((sum, { block }) => sum + block.size, 0n);
}
