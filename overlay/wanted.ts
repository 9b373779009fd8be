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

/** One network's segment on this host. */
export function segmentOf(wish: {
  readonly underlay: Underlay;
  readonly vxlanPort: number;
  readonly vni: Vni;
  readonly subnets: readonly Cidr[];
  readonly endpoints: Iterable<Placed>;
  readonly crypto: Pick<Crypto, "hash">;
}): Segment {
  const { underlay, vxlanPort, vni, subnets, crypto } = wish;
  const remotes = new Map<Mac, RemoteEntry>();
  const ports = new Map<EndpointId, Mac>();
  for (const { id, mac, ips, vtep } of wish.endpoints) {
    if (vtep === undefined) ports.set(id, mac);
    else remotes.set(mac, { mac, vtep, ips });
  }
  return {
    vni,
    gateways: subnets.map((subnet) => `${gatewayOf(subnet)}/${cidrRange(subnet).prefix}`),
    gatewayMac: macFromBytes(crypto.hash(encode(["gateway", vni]))),
    vxlanMac: macFromBytes(crypto.hash(encode(["vxlan", vni, underlay.address]))),
    vtep: underlay.address,
    vxlanPort,
    mtu: overlayMtu(underlay),
    remotes,
    ports,
  };
}
