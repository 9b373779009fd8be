/**
 * The plain data of address space: who created it, who handed what to whom. The agent makes it from
 * records; nothing here knows of records.
 */
import type { Cidr, Family } from "../base/address.ts";
import type { HostId, NetworkId } from "../base/id.ts";
import { type Block, blockOf, compareBlocks } from "./block.ts";

/** A network's addresses. All of them are the creator's, at generation 0. */
export type NetworkSpace = {
  readonly id: NetworkId;
  readonly subnets: readonly Cidr[];
  readonly creator: HostId;
};

/** One hand-over, written by who gives, or of a retired host by who settles what it left. */
export type Grant = {
  readonly network: NetworkId;
  readonly block: Cidr;
  /** One more than that of the holding it is cut from. */
  readonly generation: number;
  readonly from: HostId;
  readonly to: HostId;
  /**
   * Who wrote it in the giver's stead, of a host that was retired: a bequest. Absent: the giver.
   */
  readonly by?: HostId;
  /** The asker's name for its request: the same request is answered by the same grant. */
  readonly request: string;
};

/** A block somebody owns, and how many hands it has gone through. */
export type Holding = {
  readonly block: Block;
  readonly generation: number;
  readonly owner: HostId;
  /** The last link of its chain; undefined: none, it is its creator's. */
  readonly grant: Grant | undefined;
};

/** How many addresses a host could hand out. Apart from ownership: it changes all the time. */
export type FreeCount = {
  readonly network: NetworkId;
  readonly family: Family;
  readonly host: HostId;
  readonly free: number;
};

/** A grant with its block read, which is dear, and a name that only equal grants share. */
export type PlacedGrant = { readonly grant: Grant; readonly block: Block; readonly id: string };

/** Reads a grant once. */
export function placed(grant: Grant): PlacedGrant {
  return { grant, block: blockOf(grant.block), id: grantId(grant) };
}

/** Equal of equal grants only. */
export function grantId({ network, block, generation, from, to, by, request }: Grant): string {
  return `${network} ${from} ${block} ${generation} ${to} ${by ?? ""} ${request}`;
}

/**
 * Order in which a chain is followed: by generation. What a retired host still granted, and nobody
 * knew of when what it left was settled, comes behind the bequests. Where a liar's grants overlap,
 * the larger, then the lower block comes first, so that every host lets the same one count.
 */
export function compareGrants(a: PlacedGrant, b: PlacedGrant): number {
  if (a.grant.generation !== b.grant.generation) return a.grant.generation - b.grant.generation;
  const bequests = compareBequests(a.grant.by, b.grant.by);
  if (bequests !== 0) return bequests;
  if (a.block.size !== b.block.size) return a.block.size > b.block.size ? -1 : 1;
  return compareBlocks(a.block, b.block) || (a.id < b.id ? -1 : 1);
}

/** Bequests first; of two who settle one host, which cannot be, the lower. */
function compareBequests(a: HostId | undefined, b: HostId | undefined): number {
  if (a === b) return 0;
  if (a === undefined || b === undefined) return a === undefined ? 1 : -1;
  return a < b ? -1 : 1;
}
