/**
 * Passing address space on: at a network's creation to everybody alive, later to who asks. A donor
 * gives at most half of its largest free block, so that nobody can ask it dry.
 */
import { type Family, type Ip, ipToNumber } from "../base/address.ts";
import type { HostId, NetworkId } from "../base/id.ts";
import {
  type Block,
  blockOf,
  cidrOfBlock,
  halves,
  holds,
  powerOfTwo,
  smallestBlock,
} from "./block.ts";
import type { Grant, Holding, NetworkSpace } from "./grant.ts";
import type { Part, Pool } from "./pool.ts";

/** A question for addresses. */
export type DonationRequest = {
  readonly network: NetworkId;
  /** Who asks. */
  readonly from: HostId;
  /** The asker's name for it: asked again, the same grant answers. */
  readonly request: string;
  readonly family: Family;
  /**
   * How many addresses would do. Below the smallest block it is the question of a host that has
   * asked everybody for one: then anything helps.
   */
  readonly size: number;
  /** Only this one address will do. */
  readonly ip: Ip | undefined;
};

/** What this host has of the network, of the request's family. */
export type Stock = {
  readonly pool: Pool;
  readonly owned: readonly Holding[];
  /** Grants it has written, or is writing. */
  readonly given: readonly Grant[];
};

/**
 * Half of each subnet in equal blocks to the members alive; the creator keeps the rest for whoever
 * comes later.
 */
export function shareAtCreation(network: NetworkSpace, alive: readonly HostId[]): Grant[] {
  const { id, creator } = network;
  const others = [...new Set(alive)].filter((host) => host !== creator);
  return network.subnets.flatMap((subnet) => {
    const [, upper] = halves(blockOf(subnet));
    const size = shareSize(upper.size, BigInt(others.length));
    const fitting = others.slice(0, Number(upper.size / size));
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

/** The grant that answers a request, or undefined where there is nothing to give. */
export function donate(request: DonationRequest, stock: Stock): Grant | undefined {
  const before = stock.given.find(
    (grant) =>
      grant.network === request.network &&
      grant.to === request.from &&
      grant.request === request.request,
  );
  if (before !== undefined) return before;
  const part = request.ip === undefined ? spare(request, stock) : single(request.ip, stock);
  if (part === undefined) return undefined;
  return {
    network: request.network,
    block: cidrOfBlock(part.block),
    generation: part.holding.generation + 1,
    from: part.holding.owner,
    to: request.from,
    request: request.request,
  };
}

/** Whether a host should ask for more before it runs dry: under a quarter free, or under eight. */
export function wantsMore(free: bigint, owned: bigint): boolean {
  return free < 8n || 4n * free < owned;
}

/** Cut from the end of the largest free block: the search for free addresses comes from below. */
function spare({ size: asked }: DonationRequest, { pool, owned }: Stock): Part | undefined {
  const largest = pool.largestFree(owned);
  if (largest === undefined) return undefined;
  const { family, first, size: whole } = largest.block;
  const wanted = powerOfTwo(BigInt(Math.max(1, Math.floor(asked))));
  const size = wanted < whole / 2n ? wanted : whole / 2n;
  const isTooSmall = size < (wanted < smallestBlock ? 1n : smallestBlock);
  if (isTooSmall) return undefined;
  return { holding: largest.holding, block: { family, first: first + whole - size, size } };
}

function single(ip: Ip, { pool, owned }: Stock): Part | undefined {
  const address = ipToNumber(ip);
  const holding = owned.find(({ block }) => holds(block, address));
  if (holding === undefined || pool.stateOf(address).kind !== "free") return undefined;
  const block: Block = { family: holding.block.family, first: address, size: 1n };
  return { holding, block };
}

/** The largest power of two of which everybody can have one, down to the smallest block. */
function shareSize(space: bigint, hosts: bigint): bigint {
  let size = space;
  while (size > smallestBlock && size * hosts > space) size /= 2n;
  return size;
}
