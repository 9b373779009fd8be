/**
 * The addresses of one subnet as one host hands them out: only from blocks it holds, never the
 * subnet's network, gateway or broadcast address, never one in use, resting or being given away.
 * Next-fit, so that a freed address is not the next one given.
 */
import { type Cidr, cidrRange, type Family, gatewayOf, ipToNumber } from "../base/address.ts";
import type { Instant } from "../base/time.ts";
import { type Block, blockOf, halves, holds } from "./block.ts";
import type { Grant, Holding } from "./grant.ts";
import { SpanSet } from "./span-set.ts";

/** What an address is just now. */
export type AddressState =
  | { readonly kind: "free" }
  /** Recorded or reserved. */
  | { readonly kind: "used"; readonly key: string }
  | { readonly kind: "resting"; readonly key: string }
  /** In a block whose grant is being written: no longer ours, though no record says so yet. */
  | { readonly kind: "pledged"; readonly grant: Grant }
  /** Outside of the subnet, or its network, gateway or broadcast address. */
  | { readonly kind: "unusable" };

/** A part of a holding. */
export type Part = { readonly holding: Holding; readonly block: Block };

/** Counts addresses of a subnet that endpoints can have. */
export function usableIn(subnet: Cidr): bigint {
  return cidrRange(subnet).size - BigInt(unusableIn(subnet).length);
}

/** One subnet's addresses here. A key says for whom: it gets back what it released. */
export class Pool {
  readonly family: Family;
  readonly #subnet: Block;
  readonly #unusable: readonly bigint[];
  /** Everything that cannot be handed out now. */
  readonly #taken = new SpanSet();
  readonly #used = new Map<bigint, string>();
  /** In order of release, so that the first that still rests ends a search. */
  readonly #resting = new Map<bigint, { readonly key: string; readonly until: Instant }>();
  readonly #restingOf = new Map<string, bigint>();
  #pledges: readonly { readonly grant: Grant; readonly block: Block }[] = [];
  /** Where the search goes on. */
  #cursor: bigint;

  constructor(subnet: Cidr) {
    this.#subnet = blockOf(subnet);
    this.family = this.#subnet.family;
    this.#unusable = unusableIn(subnet);
    for (const address of this.#unusable) this.#taken.add(address, address);
    this.#cursor = this.#subnet.first;
  }

  stateOf(address: bigint): AddressState {
    if (!holds(this.#subnet, address) || this.#unusable.includes(address))
      return { kind: "unusable" };
    const key = this.#used.get(address);
    if (key !== undefined) return { kind: "used", key };
    const resting = this.#resting.get(address);
    if (resting !== undefined) return { kind: "resting", key: resting.key };
    const pledge = this.#pledges.find(({ block }) => holds(block, address));
    return pledge === undefined ? { kind: "free" } : { kind: "pledged", grant: pledge.grant };
  }

  /** An address from these blocks: the one that rests for this key, else the next that is free. */
  next(owned: readonly Holding[], key: string): bigint | undefined {
    const before = this.#restingOf.get(key);
    const isStillOurs = before !== undefined && owned.some(({ block }) => holds(block, before));
    return isStillOurs ? before : this.#nextFree(owned);
  }

  /** Somebody here has this address from now on. */
  use(address: bigint, key: string): void {
    this.#stopResting(address);
    this.#used.set(address, key);
    this.#taken.add(address, address);
  }

  /** Nobody has it any more; it rests. */
  release(address: bigint, until: Instant): void {
    const key = this.#used.get(address);
    if (key === undefined) return;
    this.#used.delete(address);
    this.rest(address, key, until);
  }

  /** Nobody has it, and nobody but this key gets it before then. */
  rest(address: bigint, key: string, until: Instant): void {
    this.#taken.add(address, address);
    this.#resting.set(address, { key, until });
    this.#restingOf.set(key, address);
  }

  /** What rests. */
  resting(): bigint[] {
    return [...this.#resting.keys()];
  }

  /** A reservation that nothing came of: nobody has seen the address, so it need not rest. */
  giveBack(address: bigint): void {
    if (this.#used.delete(address)) this.#taken.delete(address, address);
  }

  /** Ends rests that are over. */
  tick(now: Instant): void {
    for (const [address, { until }] of this.#resting) {
      if (until > now) break;
      this.#stopResting(address);
      this.#taken.delete(address, address);
    }
  }

  /** From now on nothing is handed out of the grant's block. */
  pledge(grant: Grant): void {
    const block = blockOf(grant.block);
    this.#pledges = [...this.#pledges, { grant, block }];
    this.#taken.add(block.first, block.first + block.size - 1n);
  }

  /** Grants that are being written. */
  pledges(): readonly Grant[] {
    return this.#pledges.map(({ grant }) => grant);
  }

  /** Forgets pledges: those that the ledger has by now, or that were certainly never written. */
  endPledges(isOver: (grant: Grant) => boolean): void {
    if (this.#pledges.length === 0) return;
    for (const { grant, block } of this.#pledges)
      if (isOver(grant)) this.#taken.delete(block.first, block.first + block.size - 1n);
    this.#pledges = this.#pledges.filter(({ grant }) => !isOver(grant));
  }

  /** How many addresses of these blocks could be handed out. */
  free(owned: readonly Holding[]): bigint {
    return owned.reduce((sum, { block: { first, size } }) => {
      return sum + size - this.#taken.count(first, first + size - 1n);
    }, 0n);
  }

  /** The largest part of these blocks that nobody uses any address of, the last of equals. */
  largestFree(owned: readonly Holding[]): Part | undefined {
    let best: Part | undefined;
    for (const holding of owned) {
      const block = this.#largestIn(holding.block, best?.block.size ?? 0n);
      if (block !== undefined) best = { holding, block };
    }
    return best;
  }

  /** At least this size, or undefined. What cannot be that large is not looked into. */
  #largestIn(block: Block, atLeast: bigint): Block | undefined {
    if (block.size < atLeast || block.size === 0n) return undefined;
    if (!this.#taken.meets(block.first, block.first + block.size - 1n)) return block;
    if (this.#taken.firstAbsent(block.first, block.first + block.size - 1n) === undefined)
      return undefined;
    const [low, high] = halves(block);
    const right = this.#largestIn(high, atLeast);
    const left = this.#largestIn(low, right === undefined ? atLeast : right.size + 1n);
    return left ?? right;
  }

  #nextFree(owned: readonly Holding[]): bigint | undefined {
    const ranges = owned.map(({ block: { first, size } }) => ({ first, last: first + size - 1n }));
    const ahead = ranges.map(({ first, last }) => ({ first: max(first, this.#cursor), last }));
    for (const { first, last } of [...ahead, ...ranges]) {
      const free = first <= last ? this.#taken.firstAbsent(first, last) : undefined;
      if (free === undefined) continue;
      this.#cursor = free + 1n;
      return free;
    }
    return undefined;
  }

  #stopResting(address: bigint): void {
    const resting = this.#resting.get(address);
    if (resting === undefined) return;
    this.#resting.delete(address);
    if (this.#restingOf.get(resting.key) === address) this.#restingOf.delete(resting.key);
  }
}

/** What no endpoint may have: network and gateway address, and in IPv4 the broadcast address. */
export function unusableIn(subnet: Cidr): bigint[] {
  const { family, first, last } = cidrRange(subnet);
  return [first, ipToNumber(gatewayOf(subnet)), ...(family === 4 ? [last] : [])];
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
