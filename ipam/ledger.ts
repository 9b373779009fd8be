/**
 * Who owns which addresses, from grants alone.
 *
 *   creator --(block, 1)--> b --(part of it, 2)--> c          an address's owner is the end of its chain
 *
 * A link of generation g+1 counts only if whoever holds the block at g wrote it, and everybody
 * writes only their own: so each link has one writer, chains are unique by induction in any
 * partition, and there is no merge rule to get wrong. What a retired host still held is bequeathed
 * by the one host that settles it, at the same generation, and that outranks whatever the retired
 * host itself may yet say. The order in which grants arrive does not
 * matter: what does not fit yet is kept, and counts when its chain is complete.
 */
import type { Ip } from "../base/address.ts";
import { familyOf, ipToNumber } from "../base/address.ts";
import type { HostId, NetworkId } from "../base/id.ts";
import { overlaps } from "./block.ts";
import {
  compareGrants,
  type Grant,
  grantId,
  type Holding,
  type NetworkSpace,
  type PlacedGrant,
  placed,
} from "./grant.ts";
import { Partition } from "./partition.ts";

/** A grant that counts for nothing. */
export type IgnoredGrant = {
  readonly grant: Grant;
  /**
   * `not-owner`: its writer does not hold the block at that generation, as far as is known here; in
   * a view that lags that is usual. `overlap`: its writer held it, and has granted it twice.
   */
  readonly reason: "not-owner" | "overlap";
};

type Known = {
  space: NetworkSpace | undefined;
  readonly grants: Map<string, PlacedGrant>;
  /** Undefined when it must be worked out anew. */
  worked: Worked | undefined;
};

type Worked = { readonly partition: Partition; readonly ignored: Map<string, PlacedGrant> };

/** Every network's owners, kept up to date grant by grant. */
export class Ledger {
  readonly #networks = new Map<NetworkId, Known>();

  setNetwork(space: NetworkSpace): void {
    const known = this.#known(space.id);
    known.space = space;
    known.worked = undefined;
  }

  /** Its grants stay, until they are removed: the network's record may come again. */
  removeNetwork(id: NetworkId): void {
    const known = this.#known(id);
    known.space = undefined;
    known.worked = undefined;
    this.#dropEmpty(id, known);
  }

  addGrant(grant: Grant): void {
    const known = this.#known(grant.network);
    const added = placed(grant);
    if (known.grants.has(added.id)) return;
    known.grants.set(added.id, added);
    const { worked } = known;
    if (worked === undefined) return;
    // A block that meets no grant in waiting cannot change what became of the others, and where
    // its writer holds it, that is all there is to it.
    const isAlone = worked.ignored.values().every(({ block }) => !overlaps(block, added.block));
    if (!isAlone || !worked.partition.cut(added)) known.worked = undefined;
  }

  removeGrant(grant: Grant): void {
    const known = this.#known(grant.network);
    if (known.grants.delete(grantId(grant))) known.worked = undefined;
    this.#dropEmpty(grant.network, known);
  }

  network(id: NetworkId): NetworkSpace | undefined {
    return this.#networks.get(id)?.space;
  }

  /** Networks whose record is known. */
  networks(): NetworkId[] {
    return [...this.#networks].filter(([, { space }]) => space !== undefined).map(([id]) => id);
  }

  /** The grants a host has written for a network, bequests too, whether they count or not. */
  grantsBy(host: HostId, network: NetworkId): Grant[] {
    const all = [...(this.#networks.get(network)?.grants.values() ?? [])];
    return all.map(({ grant }) => grant).filter(({ from, by }) => (by ?? from) === host);
  }

  /** All that a host has been given by another, whether it counts or not. */
  grantsBetween(from: HostId, to: HostId): Grant[] {
    const all = [...this.#networks.values()].flatMap(({ grants }) => [...grants.values()]);
    return all.map(({ grant }) => grant).filter((grant) => grant.from === from && grant.to === to);
  }

  /** Whether exactly this grant is known. */
  has(grant: Grant): boolean {
    return this.#networks.get(grant.network)?.grants.has(grantId(grant)) ?? false;
  }

  /**
   * All of a network's addresses, each in one holding, by place. Empty while its record is unknown.
   */
  holdings(network: NetworkId): readonly Holding[] {
    return this.#worked(network)?.partition.all() ?? [];
  }

  /** What a host holds of a network. The same array until that changes. */
  blocksOf(network: NetworkId, host: HostId): readonly Holding[] {
    return this.#worked(network)?.partition.of(host) ?? [];
  }

  ownerOf(network: NetworkId, ip: Ip): Holding | undefined {
    return this.#worked(network)?.partition.at(familyOf(ip), ipToNumber(ip));
  }

  /** Grants that count for nothing, and why. */
  ignored(network: NetworkId): IgnoredGrant[] {
    const worked = this.#worked(network);
    if (worked === undefined) return [];
    const counting = [...(this.#networks.get(network)?.grants.values() ?? [])].filter(
      ({ id }) => !worked.ignored.has(id),
    );
    return [...worked.ignored.values()].map((ignored) => {
      const isTwice = counting.some((other) => isSameHand(ignored, other));
      return { grant: ignored.grant, reason: isTwice ? "overlap" : "not-owner" };
    });
  }

  #worked(id: NetworkId): Worked | undefined {
    const known = this.#networks.get(id);
    if (known?.space === undefined) return undefined;
    known.worked ??= workOut(known.space, known.grants.values());
    return known.worked;
  }

  #known(id: NetworkId): Known {
    const known = this.#networks.get(id);
    if (known !== undefined) return known;
    const made: Known = { space: undefined, grants: new Map(), worked: undefined };
    this.#networks.set(id, made);
    return made;
  }

  #dropEmpty(id: NetworkId, { space, grants }: Known): void {
    if (space === undefined && grants.size === 0) this.#networks.delete(id);
  }
}

/** What becomes of a network by these grants: in order of generations, each cut from the last. */
function workOut(space: NetworkSpace, grants: Iterable<PlacedGrant>): Worked {
  const partition = new Partition(space);
  const ignored = new Map<string, PlacedGrant>();
  for (const each of [...grants].toSorted(compareGrants))
    if (!partition.cut(each)) ignored.set(each.id, each);
  return { partition, ignored };
}

/** Whether two grants hand out the same addresses at the same turn of their chain. */
function isSameHand(a: PlacedGrant, b: PlacedGrant): boolean {
  const isTurn = a.grant.from === b.grant.from && a.grant.generation === b.grant.generation;
  return isTurn && overlaps(a.block, b.block);
}
