/** Passing address space on: at a network's creation to everybody alive, later to who asks. */
import type { Family, Ip } from "../base/address.ts";
import { familyOf, ipToNumber } from "../base/address.ts";
import type { HostId, NetworkId } from "../base/id.ts";
import {
  type Block,
  blockOf,
  cidrOfBlock,
  halves,
  holds,
  largestFree,
  powerOfTwo,
  smallestBlock,
} from "./block.ts";
import type { Grant, Holding, NetworkSpace } from "./ledger.ts";

export type DonationRequest = {
  readonly network: NetworkId;
  readonly from: HostId;
  /** The asker's name for it: asked again, the same grant answers. */
  readonly request: string;
  readonly family: Family;
  /** How many addresses would do. */
  readonly size: number;
  /** Only this one address will do. */
  readonly ip: Ip | undefined;
};

/**
 * Half of each subnet in equal blocks to the members alive; the creator keeps the rest for whoever
 * comes later.
 */
export function shareAtCreation(network: NetworkSpace, alive: readonly HostId[]): Grant[] {
  const { id, creator } = network;
  return network.subnets.flatMap((subnet) => {
    const [, upper] = halves(blockOf(subnet));
    const size = shareSize(upper.size, BigInt(alive.length));
    const fitting = alive.slice(0, Number(upper.size / size));
    return fitting.map((to, at) => ({
      network: id,
      block: cidrOfBlock({ ...upper, first: upper.first + BigInt(at) * size, size }),
      generation: 1,
      from: creator,
      to,
      request: "creation",
    }));
  });
}

/**
 * The grant that answers a request from these holdings of ours, or undefined where we have nothing
 * to give.
 */
export function donate(
  request: DonationRequest,
  ours: {
    readonly holdings: readonly Holding[];
    readonly given: readonly Grant[];
    readonly busy: readonly Ip[];
  },
): Grant | undefined {
  const before = ours.given.find(
    (grant) => grant.to === request.from && grant.request === request.request,
  );
  if (before !== undefined) return before;
  const busy = ours.busy.filter((ip) => familyOf(ip) === request.family).map(ipToNumber);
  const holdings = ours.holdings.filter(({ block }) => block.family === request.family);
  const { ip } = request;
  const part =
    ip === undefined
      ? spare(holdings, busy, BigInt(request.size))
      : single(holdings, busy, ipToNumber(ip));
  if (part === undefined) return undefined;
  const { network, from: to, request: name } = request;
  const { owner: from, generation } = part.holding;
  return {
    network,
    block: cidrOfBlock(part.block),
    generation: generation + 1,
    from,
    to,
    request: name,
  };
}

/** Whether a host should ask for more before it runs dry. */
export function wantsMore(free: number, owned: number): boolean {
  return free < 8 || free < owned / 4;
}

type Part = { readonly holding: Holding; readonly block: Block };

/** At most half of our largest free block, cut from its end. */
function spare(
  holdings: readonly Holding[],
  busy: readonly bigint[],
  asked: bigint,
): Part | undefined {
  let best: Part | undefined;
  for (const holding of holdings) {
    const block = largestFree(holding.block, busy);
    if (block !== undefined && (best === undefined || block.size > best.block.size))
      best = { holding, block };
  }
  if (best === undefined || best.block.size < 2n * smallestBlock) return undefined;
  const half = best.block.size / 2n;
  const size = powerOfTwo(asked < smallestBlock ? smallestBlock : asked);
  const given = size < half ? size : half;
  const { family, first, size: whole } = best.block;
  return { holding: best.holding, block: { family, first: first + whole - given, size: given } };
}

function single(
  holdings: readonly Holding[],
  busy: readonly bigint[],
  address: bigint,
): Part | undefined {
  const holding = holdings.find(({ block }) => holds(block, address));
  if (holding === undefined || busy.includes(address)) return undefined;
  return { holding, block: { family: holding.block.family, first: address, size: 1n } };
}

/** The largest power of two of which everybody can have one, down to the smallest block. */
function shareSize(space: bigint, hosts: bigint): bigint {
  let size = space;
  while (size > smallestBlock && size * hosts > space) size /= 2n;
  return size;
}
