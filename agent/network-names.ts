/**
 * What each network is called and which VNI it has, the same on every host that knows the same
 * networks: the older, by creation time and then id, keeps a contested name and its first-choice
 * VNI. Nothing is stored: it is a pure function.
 */
import { highestVni, lowestVni, parseVni, type Vni } from "../base/address.ts";
import type { NetworkId } from "../base/id.ts";
import type { Network } from "./tables.ts";

/** What a network is called by, next to all others. */
export type Naming = {
  readonly vni: Vni;
  /** The older network that owns the name, if it is not this one. */
  readonly nameOwner: NetworkId | undefined;
};

/** Resolves all networks together. */
export function nameNetworks(networks: Iterable<Network>): Map<NetworkId, Naming> {
  const inOrder = [...networks].sort(olderFirst);
  const vnis = new Set<number>();
  const owners = new Map<string, NetworkId>();
  const namings = new Map<NetworkId, Naming>();
  for (const { id, name } of inOrder) {
    const vni = freeVni(id, vnis);
    vnis.add(vni);
    namings.set(id, { vni, nameOwner: owners.get(name) });
    if (!owners.has(name)) owners.set(name, id);
  }
  return namings;
}

/** The order in which networks have a say: by creation, then by id. */
export function olderFirst(a: Network, b: Network): number {
  return a.created - b.created || (a.id < b.id ? -1 : 1);
}

/** The VNI a network would have if it were the only one. */
export function preferredVni(id: NetworkId): Vni {
  const span = highestVni - lowestVni + 1;
  return toVni(lowestVni + (Number.parseInt(id.slice(0, 12), 16) % span));
}

function freeVni(id: NetworkId, taken: ReadonlySet<number>): Vni {
  let vni: number = preferredVni(id);
  while (taken.has(vni)) vni = vni === highestVni ? lowestVni : vni + 1;
  return toVni(vni);
}

function toVni(value: number): Vni {
  const vni = parseVni(value);
  if (vni === undefined) throw new Error(`bug: no VNI ${value}`);
  return vni;
}
