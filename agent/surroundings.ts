/** What ipam has to know of hosts, networks and addresses in use, as records say it. */
import type { HostId } from "../base/id.ts";
import type { Grant } from "../ipam/grant.ts";
import type { Surroundings } from "../ipam/surroundings.ts";
import type { Tables } from "./tables.ts";

/** The surroundings that these tables tell of. */
export function surroundingsOf({
  tables,
  isReachable,
  isHeldBack,
}: {
  readonly tables: Tables;
  readonly isReachable: (host: HostId) => boolean;
  readonly isHeldBack: (grant: Grant) => boolean;
}): Surroundings {
  const hostName = (host: HostId) => tables.hosts.get(host)?.name ?? host.slice(-8);
  return {
    hostName,
    networkName: (network) => tables.networks.get(network)?.name ?? network,
    isReachable: (host) => isReachable(host) && tables.hosts.get(host)?.standing === undefined,
    isFrozen: (host) => tables.retirements.isRetired(host),
    isHeldBack,
    inUse: (network, family) => tables.usage.of(network, family),
    holder: (network, ip) => {
      const holder = tables.holderOf(network, ip);
      return holder && `endpoint ${holder.name ?? holder.id} on host ${hostName(holder.host)}`;
    },
  };
}
