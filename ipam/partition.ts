/**
 * One network's addresses, cut into holdings: each address is in exactly one, from the first moment
 * to the last. Sorted by place, so that an address is found by halving.
 */
import type { Family } from "../base/address.ts";
import type { HostId } from "../base/id.ts";
import { blockOf, compareBlocks, contains, holds, without } from "./block.ts";
import type { Holding, NetworkSpace, PlacedGrant } from "./grant.ts";

/** Who holds which part. It only ever changes by cutting. */
export class Partition {
  readonly #holdings: Holding[];
  readonly #byOwner = new Map<HostId, readonly Holding[]>();

  constructor(network: NetworkSpace) {
    this.#holdings = network.subnets
      .map((subnet) => ({
        block: blockOf(subnet),
        generation: 0,
        owner: network.creator,
        grant: undefined,
      }))
      .toSorted((a, b) => compareBlocks(a.block, b.block));
  }

  /** All holdings, by place, IPv4 first. */
  all(): readonly Holding[] {
    return this.#holdings;
  }

  /** What a host holds. The same array until that changes. */
  of(host: HostId): readonly Holding[] {
    const known = this.#byOwner.get(host);
    if (known !== undefined) return known;
    const own = this.#holdings.filter(({ owner }) => owner === host);
    this.#byOwner.set(host, own);
    return own;
  }

  at(family: Family, address: bigint): Holding | undefined {
    const holding = this.#holdings[this.#indexOf(family, address)];
    const isInside =
      holding !== undefined && holding.block.family === family && holds(holding.block, address);
    return isInside ? holding : undefined;
  }

  /**
   * Cuts the grant's block out of what its writer holds and gives it to whom it names. False, and
   * nothing changes, where its writer does not hold the block at the generation before.
   */
  cut({ grant, block }: PlacedGrant): boolean {
    const at = this.#indexOf(block.family, block.first);
    const held = this.#holdings[at];
    if (held === undefined || !contains(held.block, block)) return false;
    if (held.owner !== grant.from || held.generation !== grant.generation - 1) return false;
    const kept = without(held.block, [block]).map((part) => ({ ...held, block: part }));
    const passed = { block, generation: grant.generation, owner: grant.to, grant };
    const parts = [...kept, passed].toSorted((a, b) => compareBlocks(a.block, b.block));
    this.#holdings.splice(at, 1, ...parts);
    this.#byOwner.delete(grant.from);
    this.#byOwner.delete(grant.to);
    return true;
  }

  /** Index of the last holding that begins at or before an address. */
  #indexOf(family: Family, address: bigint): number {
    let [low, high] = [0, this.#holdings.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const block = this.#holdings[middle]?.block;
      const isBefore =
        block !== undefined &&
        (block.family < family || (block.family === family && block.first <= address));
      if (isBefore) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}
