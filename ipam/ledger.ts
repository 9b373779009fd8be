/**
 * Who owns which addresses, from grants alone.
 *
 *   creator --(block, 1)--> b --(part of it, 2)--> c          an address's owner is the end of its chain
 *
 * A link of generation g+1 counts only if whoever holds the block at g wrote it, and everybody
 * writes only their own: so each link has one writer, chains are unique by induction in any
 * partition, and there is no merge rule to get wrong.
 */
import type { Cidr, Ip } from "../base/address.ts";
import { familyOf, ipToNumber } from "../base/address.ts";
import type { HostId, NetworkId } from "../base/id.ts";
import { type Block, blockOf, compareBlocks, contains, holds, overlaps, without } from "./block.ts";

export type Grant = {
  readonly network: NetworkId;
  readonly block: Cidr;
  /** One more than that of the holding it is cut from. */
  readonly generation: number;
  readonly from: HostId;
  readonly to: HostId;
  /** The asker's name for its request: the same request is answered by the same grant. */
  readonly request: string;
};

/** A block somebody owns, and how many hands it has gone through. */
export type Holding = {
  readonly block: Block;
  readonly generation: number;
  readonly owner: HostId;
};

export type NetworkSpace = {
  readonly id: NetworkId;
  readonly subnets: readonly Cidr[];
  readonly creator: HostId;
};

export class Ledger {
  readonly #networks = new Map<NetworkId, NetworkSpace>();
  readonly #grants = new Map<NetworkId, Map<string, Grant>>();
  readonly #holdings = new Map<NetworkId, readonly Holding[]>();

  setNetwork(network: NetworkSpace): void {
    this.#networks.set(network.id, network);
    this.#holdings.delete(network.id);
  }

  removeNetwork(id: NetworkId): void {
    this.#networks.delete(id);
    this.#holdings.delete(id);
  }

  addGrant(grant: Grant): void {
    const grants = this.#grants.get(grant.network) ?? new Map<string, Grant>();
    grants.set(keyOf(grant), grant);
    this.#grants.set(grant.network, grants);
    this.#holdings.delete(grant.network);
  }

  removeGrant(grant: Grant): void {
    this.#grants.get(grant.network)?.delete(keyOf(grant));
    this.#holdings.delete(grant.network);
  }

  network(id: NetworkId): NetworkSpace | undefined {
    return this.#networks.get(id);
  }

  /** The grants a host has written for a network. */
  grantsBy(host: HostId, network: NetworkId): Grant[] {
    return [...(this.#grants.get(network)?.values() ?? [])].filter(({ from }) => from === host);
  }

  /**
   * All of a network's addresses, each in one holding, by place. Empty while its record is unknown.
   */
  holdings(network: NetworkId): readonly Holding[] {
    const known = this.#holdings.get(network);
    if (known !== undefined) return known;
    const worked = this.#workOut(network);
    this.#holdings.set(network, worked);
    return worked;
  }

  blocksOf(network: NetworkId, host: HostId): readonly Holding[] {
    return this.holdings(network).filter(({ owner }) => owner === host);
  }

  ownerOf(network: NetworkId, ip: Ip): Holding | undefined {
    const [family, address] = [familyOf(ip), ipToNumber(ip)];
    return this.holdings(network).find(
      ({ block }) => block.family === family && holds(block, address),
    );
  }

  #workOut(id: NetworkId): Holding[] {
    const network = this.#networks.get(id);
    if (network === undefined) return [];
    const grants = [...(this.#grants.get(id)?.values() ?? [])].map((grant) => ({
      grant,
      block: blockOf(grant.block),
    }));
    const holdings = network.subnets.flatMap((subnet) =>
      follow({ block: blockOf(subnet), generation: 0, owner: network.creator }, grants),
    );
    return holdings.toSorted(
      (a, b) => a.block.family - b.block.family || compareBlocks(a.block, b.block),
    );
  }
}

type Placed = { readonly grant: Grant; readonly block: Block };

/** What has become of a holding: what its owner kept, and what became of each part it gave away. */
function follow(holding: Holding, all: readonly Placed[]): Holding[] {
  const { block, generation, owner } = holding;
  const inside = all.filter((placed) => contains(block, placed.block));
  const given = firstOfOverlapping(
    inside.filter(({ grant }) => grant.from === owner && grant.generation === generation + 1),
  );
  const kept = without(
    block,
    given.map((part) => part.block),
  ).map((part) => ({ ...holding, block: part }));
  const passed = given.flatMap((part) =>
    follow({ block: part.block, generation: generation + 1, owner: part.grant.to }, inside),
  );
  return [...kept, ...passed];
}

/**
 * An honest owner never grants twice what it held once; of a liar's grants the larger, then the
 * lower, counts.
 */
function firstOfOverlapping(placed: readonly Placed[]): Placed[] {
  const chosen: Placed[] = [];
  const bySize = placed.toSorted(
    (a, b) => Number(b.block.size - a.block.size) || compareBlocks(a.block, b.block),
  );
  for (const candidate of bySize) {
    if (!chosen.some(({ block }) => overlaps(block, candidate.block))) chosen.push(candidate);
  }
  return chosen;
}

function keyOf({ from, block, generation }: Grant): string {
  return `${from} ${block} ${generation}`;
}
