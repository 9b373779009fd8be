/**
 * What one network's devices should be on a host that has an endpoint in it. Static entries for
 * every remote endpoint, so nothing is learned and nothing is flooded; a gateway with the same
 * address and MAC on every host (anycast).
 */
import {
  type Cidr,
  cidrRange,
  familyOf,
  gatewayOf,
  type Ip,
  type Mac,
  macFromBytes,
  type Vni,
} from "../base/address.ts";
import { encode } from "../base/codec.ts";
import type { Crypto } from "../base/crypto.ts";
import type { EndpointId } from "../base/id.ts";
import type { RemoteEntry, Segment, Underlay } from "./dataplane.ts";

/** An endpoint as the overlay sees it; without a VTEP it is on this host. */
export type Placed = {
  readonly id: EndpointId;
  readonly mac: Mac;
  readonly ips: readonly Ip[];
  readonly vtep: Ip | undefined;
};

/**
 * MTU inside the overlay: what the underlay carries less outer IP, UDP, VXLAN and inner Ethernet
 * (RFC 7348).
 */
export function overlayMtu({ mtu, address }: Underlay): number {
  return mtu - (familyOf(address) === 4 ? 50 : 70);
}

/**
 * One network's segment on this host. What others say of their endpoints cannot displace what is
 * ours: a remote endpoint with a MAC of this host's, or with the gateway's address, is left out.
 */
export function segmentOf(wish: {
  readonly underlay: Underlay;
  readonly vxlanPort: number;
  readonly vni: Vni;
  readonly subnets: readonly Cidr[];
  readonly endpoints: Iterable<Placed>;
  readonly crypto: Pick<Crypto, "hash">;
}): Segment {
  const { underlay, vxlanPort, vni, subnets, crypto } = wish;
  const endpoints = [...wish.endpoints];
  const gatewayMac = macFromBytes(crypto.hash(encode(["gateway", vni])));
  const vxlanMac = macFromBytes(crypto.hash(encode(["vxlan", vni, underlay.address])));
  const local = endpoints.filter(({ vtep }) => vtep === undefined);
  return {
    vni,
    gateways: subnets.map((subnet) => `${gatewayOf(subnet)}/${cidrRange(subnet).prefix}`),
    gatewayMac,
    vxlanMac,
    vtep: underlay.address,
    vxlanPort,
    mtu: overlayMtu(underlay),
    remotes: remotesOf(endpoints, {
      macs: new Set([gatewayMac, vxlanMac, ...local.map(({ mac }) => mac)]),
      ips: new Set([...subnets.map(gatewayOf), ...local.flatMap(({ ips }) => ips)]),
    }),
    ports: new Map(local.map(({ id, mac }) => [id, mac])),
  };
}

/**
 * Where two claim one MAC or one address, the lower id has it: on every host the same one, and the
 * kernel is not set to one and the other in turn.
 */
function remotesOf(
  endpoints: readonly Placed[],
  own: { readonly macs: ReadonlySet<Mac>; readonly ips: ReadonlySet<Ip> },
): Map<Mac, RemoteEntry> {
  const byMac = new Map<Mac, EndpointId>();
  const byIp = new Map<Ip, EndpointId>();
  for (const { id, mac, ips, vtep } of endpoints) {
    if (vtep === undefined) continue;
    claim(byMac, mac, id);
    for (const ip of ips) claim(byIp, ip, id);
  }
  const remotes = new Map<Mac, RemoteEntry>();
  for (const { id, mac, ips, vtep } of endpoints) {
    if (vtep === undefined || own.macs.has(mac) || byMac.get(mac) !== id) continue;
    const held = ips.filter((ip) => byIp.get(ip) === id && !own.ips.has(ip));
    remotes.set(mac, { mac, vtep, ips: held });
  }
  return remotes;
}

function claim<Key>(holders: Map<Key, EndpointId>, key: Key, id: EndpointId): void {
  const holder = holders.get(key);
  if (holder === undefined || id < holder) holders.set(key, id);
}
