/** What the allocator may know of the cluster besides ownership, at the moment it is asked. */
import type { Family, Ip } from "../base/address.ts";
import type { HostId, NetworkId } from "../base/id.ts";
import type { Grant } from "./grant.ts";

/** None of it decides who owns what: wrong or old answers cost a question, never an address. */
export interface Surroundings {
  /** Whether it can be asked just now. */
  isReachable(host: HostId): boolean;
  /** Whether it was retired: nothing may be handed out of its blocks until they are released. */
  isFrozen(host: HostId): boolean;
  /** Whether a grant to us must not be used yet, since its giver was retired before we knew it. */
  isHeldBack(grant: Grant): boolean;
  /** How many addresses each host's endpoints have, as far as records tell. */
  inUse(network: NetworkId, family: Family): ReadonlyMap<HostId, number>;
  /** Who has an address, in words, as far as records tell. */
  holder(network: NetworkId, ip: Ip): string | undefined;
  /** A host's name, for people. */
  hostName(host: HostId): string;
  /** A network's name, for people. */
  networkName(network: NetworkId): string;
}
