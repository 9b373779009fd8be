/** Why an endpoint gets no address, in words that say who has what is wanted. */
import type { Cidr, Ip } from "../base/address.ts";
import type { Refusal } from "../base/errors.ts";
import type { HostId, NetworkId } from "../base/id.ts";
import type { AddressState } from "./pool.ts";
import type { Surroundings } from "./surroundings.ts";

/** Where hosts are named and known to answer or not. */
type Hosts = Pick<Surroundings, "hostName" | "isReachable" | "isFrozen">;

/** The record of a network is not here, or not any more. */
export function unknownNetwork(network: NetworkId): Refusal {
  return { code: "UNKNOWN_NETWORK", message: `network ${network} is not known on this host` };
}

/** This host was retired, and may give addresses to nobody. */
export function selfRetired(): Refusal {
  return {
    code: "NOT_PERMITTED",
    message: "this host was retired from the cluster; its addresses are no longer its own",
  };
}

/** No endpoint can have this address. */
export function outside(ip: Ip, subnets: readonly Cidr[]): Refusal {
  const what = `${ip} is no endpoint's address in ${subnets.join(" and ")}`;
  const why = "it lies outside, or is the network, gateway or broadcast address";
  return { code: "ADDRESS_OUTSIDE", message: `${what}: ${why}` };
}

/** The address is somebody's. `holder` has it by its record; else its state here says whose. */
export function notFree(
  ip: Ip,
  state: AddressState,
  { holder, hosts }: { readonly holder: string | undefined; readonly hosts: Hosts },
): Refusal {
  return { code: "ADDRESS_TAKEN", message: `${ip} is taken by ${holder ?? user(state, hosts)}` };
}

function user(state: AddressState, hosts: Hosts): string {
  switch (state.kind) {
    case "resting":
      return "an endpoint removed less than a minute ago";
    case "pledged":
      return `host ${hosts.hostName(state.grant.to)}, which has just been granted it`;
    case "used":
    case "free":
    case "unusable":
      return "an endpoint that is being made";
  }
}

/** Why another host's address cannot be had. */
export function foreign(
  ip: Ip,
  owner: HostId,
  { reason, hosts }: { readonly reason: string | undefined; readonly hosts: Hosts },
): Refusal {
  const why = hosts.isFrozen(owner)
    ? "which was retired"
    : !hosts.isReachable(owner)
      ? "which is not reachable"
      : reason === undefined
        ? "which has not answered"
        : `which does not give it away: ${reason}`;
  const whose = `${ip} lies in the range of host ${hosts.hostName(owner)}, ${why}`;
  return { code: "ADDRESS_TAKEN", message: `${whose}; choose another, or attach it there` };
}

/** Nothing is free here, and who has what is free, most first. */
export function exhausted(
  network: string,
  held: readonly { readonly host: HostId; readonly free: bigint }[],
  hosts: Hosts,
): Refusal {
  const shares = held
    .filter(({ free }) => free > 0n)
    .map(({ host, free }) => `${hosts.hostName(host)} has ${free}${remark(host, hosts)}`);
  const whose = shares.length === 0 ? "all are in use" : `of others, ${shares.join(", ")}`;
  return {
    code: "ADDRESSES_EXHAUSTED",
    message: `no free address in network ${network} here; ${whose}`,
  };
}

function remark(host: HostId, hosts: Hosts): string {
  if (hosts.isFrozen(host)) return " (retired)";
  return hosts.isReachable(host) ? "" : " (unreachable)";
}
