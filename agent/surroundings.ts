/** What ipam has to know of hosts, networks and addresses in use, as records say it. */
import { type Family, familyOf } from "../base/address.ts";
import type { HostId, NetworkId } from "../base/id.ts";
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
    inUse: (network, family) => inUse(tables, network, family),
    holder: (network, ip) => {
      const holder = tables.holderOf(network, ip);
      return holder && `endpoint ${holder.name ?? holder.id} on host ${hostName(holder.host)}`;
    },
  };
}

function inUse(tables: Tables, network: NetworkId, family: Family): Map<HostId, number> {
  const counts = new Map<HostId, number>();
  for (const { host, ips } of tables.endpointsOf(network).values()) {
    const own = ips.filter((ip) => familyOf(ip) === family).length;
    counts.set(host, (counts.get(host) ?? 0) + own);
  }
  return counts;
}
