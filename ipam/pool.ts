/**
 * The addresses one host can hand out by itself: inside its own holdings, never the subnet's
 * network, broadcast or gateway address, never one in use, reserved or resting. Next-fit, so that a
 * freed address is not the next one given.
 */
import {
  type Cidr,
  cidrContains,
  cidrRange,
  type Family,
  familyOf,
  gatewayOf,
  type Ip,
  ipToNumber,
  numberToIp,
} from "../base/address.ts";
import type { EndpointId, HostId, NetworkId } from "../base/id.ts";
import type { Instant } from "../base/time.ts";
import { type Block, holds, without } from "./block.ts";
import type { Holding, Ledger } from "./ledger.ts";

export type PoolOptions = {
  /** How long a released address is given to nobody but the endpoint that had it. */
  readonly restMs: number;
};

/** What a request for one family's address comes to. */
export type Allocation =
  | { readonly kind: "allocated"; readonly ip: Ip }
  /** The address asked for is not ours to give. */
  | { readonly kind: "foreign"; readonly owner: HostId }
  | { readonly kind: "taken"; readonly holder: EndpointId | undefined }
  | { readonly kind: "outside" }
  /** We have nothing left. */
  | { readonly kind: "empty" };

type Space = {
  /** Recorded or reserved. */
  readonly used: Map<Ip, EndpointId>;
  readonly resting: Map<Ip, Instant>;
  /** Where the search goes on, by family. */
  readonly cursor: Map<Family, bigint>;
  /** Blocks whose grant is being written: no longer ours, though no record says so yet. */
  readonly giving: Block[];
};

export class Pool {
  readonly #self: HostId;
  readonly #ledger: Ledger;
  readonly #options: PoolOptions;
  readonly #spaces = new Map<NetworkId, Space>();

  constructor(options: {
    readonly self: HostId;
    readonly ledger: Ledger;
    readonly options: PoolOptions;
  }) {
    this.#self = options.self;
    this.#ledger = options.ledger;
    this.#options = options.options;
  }

  /**
   * Gives the endpoint an address of this subnet: the one it asks for, or any. It is reserved until
   * released.
   */
  allocate(
    network: NetworkId,
    want: { readonly subnet: Cidr; readonly endpoint: EndpointId; readonly ip: Ip | undefined },
    now: Instant,
  ): Allocation {
    const found =
      want.ip === undefined
        ? this.#any(network, want.subnet, now)
        : this.#exactly(network, { subnet: want.subnet, ip: want.ip }, now);
    if (found.kind === "allocated") this.use(network, found.ip, want.endpoint);
    return found;
  }

  /** An endpoint of ours has this address. */
  use(network: NetworkId, ip: Ip, endpoint: EndpointId): void {
    const space = this.#space(network);
    space.used.set(ip, endpoint);
    space.resting.delete(ip);
  }

  /** A reservation that nothing came of: nobody has seen the address, so it need not rest. */
  giveBack(network: NetworkId, ip: Ip): void {
    this.#space(network).used.delete(ip);
  }

  /** The block is about to be granted to somebody: nothing is handed out of it any more. */
  give(network: NetworkId, block: Block): void {
    this.#space(network).giving.push(block);
  }

  /** What is ours and not about to be given away. */
  holdings(network: NetworkId): Holding[] {
    const { giving } = this.#space(network);
    return this.#ledger
      .blocksOf(network, this.#self)
      .flatMap((holding) => without(holding.block, giving).map((block) => ({ ...holding, block })));
  }

  /** The endpoint has it no more; it rests. */
  release(network: NetworkId, ip: Ip, now: Instant): void {
    const space = this.#space(network);
    if (space.used.delete(ip)) space.resting.set(ip, now + this.#options.restMs);
  }

  forget(network: NetworkId): void {
    this.#spaces.delete(network);
  }

  tick(now: Instant): void {
    for (const { resting } of this.#spaces.values()) {
      for (const [ip, until] of resting) {
        // In order of release, so the first that still rests ends the search.
        if (until > now) break;
        resting.delete(ip);
      }
    }
  }

  /** Addresses of a family that could be handed out now. */
  free(network: NetworkId, family: Family): number {
    const { used, resting } = this.#space(network);
    let free = 0n;
    for (const { block } of this.holdings(network)) {
      if (block.family === family) free += block.size;
    }
    const own = this.unusable(network).filter(
      (ip) => familyOf(ip) === family && this.#owns(network, ip),
    );
    const busy = new Set(
      [...used.keys(), ...resting.keys()].filter((ip) => familyOf(ip) === family),
    );
    for (const ip of own) busy.add(ip);
    const left = free - BigInt(busy.size);
    return Number(left > 2n ** 48n ? 2n ** 48n : left < 0n ? 0n : left);
  }

  /** Addresses in use, reserved or resting: what must not be given away with a block. */
  busy(network: NetworkId): Ip[] {
    const { used, resting } = this.#space(network);
    return [...used.keys(), ...resting.keys()];
  }

  /** Network, broadcast and gateway addresses of a network's subnets. */
  unusable(network: NetworkId): Ip[] {
    return (this.#ledger.network(network)?.subnets ?? []).flatMap(reserved);
  }

  #exactly(
    network: NetworkId,
    { subnet, ip }: { readonly subnet: Cidr; readonly ip: Ip },
    now: Instant,
  ): Allocation {
    if (!cidrContains(subnet, ip) || reserved(subnet).includes(ip)) return { kind: "outside" };
    const { used, resting, giving } = this.#space(network);
    const holder = used.get(ip);
    if (holder !== undefined) return { kind: "taken", holder };
    const owner = this.#ledger.ownerOf(network, ip)?.owner;
    if (owner === undefined || giving.some((block) => holds(block, ipToNumber(ip)))) {
      return { kind: "empty" };
    }
    if (owner !== this.#self) return { kind: "foreign", owner };
    const isResting = (resting.get(ip) ?? 0) > now;
    return isResting ? { kind: "taken", holder: undefined } : { kind: "allocated", ip };
  }

  #any(network: NetworkId, subnet: Cidr, now: Instant): Allocation {
    const { family, first: start, last: end } = cidrRange(subnet);
    const space = this.#space(network);
    const never = new Set(reserved(subnet));
    const from = space.cursor.get(family) ?? start;
    const blocks = this.holdings(network)
      .map(({ block }) => ({
        first: block.first,
        last: block.first + block.size - 1n,
        family: block.family,
      }))
      .filter((block) => block.family === family && block.first >= start && block.last <= end);
    const isFree = (ip: Ip) =>
      !never.has(ip) && !space.used.has(ip) && (space.resting.get(ip) ?? 0) <= now;
    const ranges = [
      ...blocks.map((block) => ({ ...block, first: block.first < from ? from : block.first })),
      ...blocks.map((block) => ({ ...block, last: block.last < from ? block.last : from - 1n })),
    ];
    for (const { first, last } of ranges) {
      for (let at = first; at <= last; at += 1n) {
        const ip = numberToIp(at, family);
        if (!isFree(ip)) continue;
        space.cursor.set(family, at + 1n);
        return { kind: "allocated", ip };
      }
    }
    return { kind: "empty" };
  }

  #owns(network: NetworkId, ip: Ip): boolean {
    return this.#ledger.ownerOf(network, ip)?.owner === this.#self;
  }

  #space(network: NetworkId): Space {
    const known = this.#spaces.get(network);
    if (known !== undefined) return known;
    const space: Space = { used: new Map(), resting: new Map(), cursor: new Map(), giving: [] };
    this.#spaces.set(network, space);
    return space;
  }
}

/** What no endpoint may have: network and gateway address, and in IPv4 the broadcast address. */
function reserved(subnet: Cidr): Ip[] {
  const { family, first, last } = cidrRange(subnet);
  const ends = family === 4 ? [first, last] : [first];
  return [gatewayOf(subnet), ...ends.map((address) => numberToIp(address, family))];
}
