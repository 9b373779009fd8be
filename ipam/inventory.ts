/**
 * What has become of one subnet's addresses, by host: whose ranges they are, and what of them is in
 * use, free, or out of reach just now.
 */
import { type Cidr, cidrContains, type Ip, ipToNumber } from "../base/address.ts";
import type { HostId } from "../base/id.ts";
import { blockOf, cidrOfBlock, contains, holds } from "./block.ts";
import type { Holding } from "./grant.ts";
import { unusableIn } from "./pool.ts";

/** Who can hand a range out: nobody a frozen one, an unreachable one only its host. */
export type RangeState = "ours" | "reachable" | "unreachable" | "frozen";

/** One block, and whose it is. */
export type Range = {
  readonly block: Cidr;
  /** How many hands it went through. */
  readonly generation: number;
  readonly state: RangeState;
};

/** One host's part of a subnet. Counts are of addresses, all of them together. */
export type Share = {
  readonly host: HostId;
  readonly ranges: readonly Range[];
  readonly size: bigint;
  /** Had by endpoints, as far as records tell. */
  readonly used: bigint;
  /** Released less than a minute ago; only known of this host. */
  readonly resting: bigint;
  /** Neither used, nor resting, nor the network's own (gateway, broadcast). */
  readonly free: bigint;
};

/** What the shares are worked out from. */
export type Inventory = {
  readonly subnet: Cidr;
  readonly holdings: readonly Holding[];
  /** Addresses that endpoints have, of any family. */
  readonly used: readonly Ip[];
  readonly resting: readonly Ip[];
  readonly stateOf: (holding: Holding) => RangeState;
};

/** Each host's share of a subnet, the largest first. */
export function sharesOf({ subnet, holdings, used, resting, stateOf }: Inventory): Share[] {
  const whole = blockOf(subnet);
  const own = holdings.filter(({ block }) => contains(whole, block));
  const countOf = (ips: readonly Ip[]) =>
    tally(own, ips.filter((ip) => cidrContains(subnet, ip)).map(ipToNumber));
  const [inUse, atRest, kept] = [countOf(used), countOf(resting), tally(own, unusableIn(subnet))];
  const shares = [...Map.groupBy(own, ({ owner }) => owner)].map(([host, mine]) => {
    const size = mine.reduce((sum, { block }) => sum + block.size, 0n);
    const counts = { used: inUse.get(host) ?? 0n, resting: atRest.get(host) ?? 0n };
    const free = size - counts.used - counts.resting - (kept.get(host) ?? 0n);
    const ranges = mine.map((holding) => ({
      block: cidrOfBlock(holding.block),
      generation: holding.generation,
      state: stateOf(holding),
    }));
    return { host, ranges, size, ...counts, free: free < 0n ? 0n : free };
  });
  return shares.toSorted((a, b) => (a.size === b.size ? 0 : a.size > b.size ? -1 : 1));
}

/** How many of these addresses each host owns. Both in order, so that one walk finds all. */
function tally(holdings: readonly Holding[], addresses: readonly bigint[]): Map<HostId, bigint> {
  const counts = new Map<HostId, bigint>();
  let at = 0;
  for (const address of addresses.toSorted((a, b) => (a < b ? -1 : 1))) {
    let holding = holdings[at];
    while (holding !== undefined && holding.block.first + holding.block.size <= address) {
      at += 1;
      holding = holdings[at];
    }
    if (holding !== undefined && holds(holding.block, address))
      counts.set(holding.owner, (counts.get(holding.owner) ?? 0n) + 1n);
  }
  return counts;
}
