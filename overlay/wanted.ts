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
import type { Segment, Underlay } from "./dataplane.ts";
import { PlacedIndex } from "./placed-index.ts";
import { RemoteTable } from "./remote-table.ts";

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

/** What a segment is made from, but for its endpoints. */
export type SegmentWish = {
  readonly underlay: Underlay;
  readonly vxlanPort: number;
  readonly vni: Vni;
  readonly subnets: readonly Cidr[];
  readonly crypto: Pick<Crypto, "hash">;
};

/** One network's segment on this host, without endpoints. */
export function emptySegment(wish: SegmentWish): Segment {
  const { underlay, vxlanPort, vni, subnets, crypto } = wish;
  return {
    vni,
    gateways: subnets.map((subnet) => `${gatewayOf(subnet)}/${cidrRange(subnet).prefix}`),
    gatewayMac: macFromBytes(crypto.hash(encode(["gateway", vni]))),
    vxlanMac: macFromBytes(crypto.hash(encode(["vxlan", vni, underlay.address]))),
    vtep: underlay.address,
    vxlanPort,
    mtu: overlayMtu(underlay),
    remotes: RemoteTable.empty,
    ports: new Map(),
  };
}

/**
 * For its endpoints. What others say of theirs cannot displace what is ours: a remote endpoint with
 * a MAC of this host's, or with the gateway's address, is left out.
 */
export function indexFor(segment: Segment, subnets: readonly Cidr[]): PlacedIndex {
  const { gatewayMac, vxlanMac } = segment;
  return new PlacedIndex({
    macs: new Set([gatewayMac, vxlanMac]),
    ips: new Set(subnets.map(gatewayOf)),
  });
}

/** The segment with these endpoints. */
export function segmentOf(wish: SegmentWish & { readonly endpoints: Iterable<Placed> }): Segment {
  const segment = emptySegment(wish);
  const index = indexFor(segment, wish.subnets);
  for (const placed of wish.endpoints) index.put(placed);
  return { ...segment, remotes: new Map(index.remotes()), ports: new Map(index.ports) };
}
