/**
 * What this host's kernel should hold, from what the tables say: a segment for each network that
 * has an endpoint here, with every remote endpoint's way. Only networks that something touched are
 * worked out again.
 */
import type { Mac, Vni } from "../base/address.ts";
import type { Crypto } from "../base/crypto.ts";
import type { EndpointId, HostId, NetworkId } from "../base/id.ts";
import type { Segment, Underlay, Wanted } from "../overlay/dataplane.ts";
import { overlayMtu, type Placed, segmentOf } from "../overlay/wanted.ts";
import { type Naming, nameNetworks } from "./network-names.ts";
import type { Endpoint, Network, TableChange, Tables } from "./tables.ts";

/** An endpoint of ours that no record tells of yet. */
export type Making = {
  readonly id: EndpointId;
  readonly network: NetworkId;
  readonly mac: Mac;
  /** Its interface is being made, so its port belongs on the bridge. */
  readonly isAttaching: boolean;
};

/** The wanted state of this kernel, kept up to date change by change. */
export class Landscape {
  readonly #self: HostId;
  readonly #tables: Tables;
  readonly #underlay: Underlay;
  readonly #vxlanPort: number;
  readonly #crypto: Crypto;
  readonly #dirty = new Set<NetworkId>();
  readonly #segments = new Map<NetworkId, Segment>();
  #namings: ReadonlyMap<NetworkId, Naming> | undefined;
  #making: readonly Making[] = [];

  constructor(options: {
    readonly self: HostId;
    readonly tables: Tables;
    readonly underlay: Underlay;
    readonly vxlanPort: number;
    readonly crypto: Crypto;
  }) {
    this.#self = options.self;
    this.#tables = options.tables;
    this.#underlay = options.underlay;
    this.#vxlanPort = options.vxlanPort;
    this.#crypto = options.crypto;
  }

  /** MTU of endpoints on this host. */
  get mtu(): number {
    return overlayMtu(this.#underlay);
  }

  /** Name and VNI of every network that stands. */
  get namings(): ReadonlyMap<NetworkId, Naming> {
    this.#namings ??= nameNetworks(this.#tables.shownNetworks());
    return this.#namings;
  }

  vniOf(network: NetworkId): Vni | undefined {
    return this.namings.get(network)?.vni;
  }

  /** A change of the tables; what it may concern is worked out again. */
  notice(change: TableChange): void {
    switch (change.kind) {
      case "host":
        // A VTEP may have moved: only the networks that the host has endpoints on can tell.
        for (const { network } of this.#tables.endpointsOn(change.host).values())
          this.#dirty.add(network);
        break;
      case "network":
      case "removal":
        // One network's coming can move another's VNI.
        this.#namings = undefined;
        for (const network of this.#tables.networks.keys()) this.#dirty.add(network);
        for (const network of this.#segments.keys()) this.#dirty.add(network);
        break;
      case "endpoint":
        for (const endpoint of [change.before, change.after]) {
          if (endpoint !== undefined) this.#dirty.add(endpoint.network);
        }
        break;
      case "grant":
      case "appointment":
      case "out":
        break;
    }
  }

  /** All segments, if anything has changed since the last call. */
  wanted(making: readonly Making[]): Wanted | undefined {
    if (!isSame(making, this.#making)) {
      for (const { network } of [...this.#making, ...making]) this.#dirty.add(network);
    }
    this.#making = making;
    if (this.#dirty.size === 0) return undefined;
    for (const network of this.#dirty) this.#work(network);
    this.#dirty.clear();
    return {
      segments: new Map([...this.#segments.values()].map((segment) => [segment.vni, segment])),
    };
  }

  #work(id: NetworkId): void {
    const segment = this.#segmentOf(id);
    if (segment === undefined) this.#segments.delete(id);
    else this.#segments.set(id, segment);
  }

  #segmentOf(id: NetworkId): Segment | undefined {
    const [network, vni] = [this.#tables.networks.get(id), this.vniOf(id)];
    const making = this.#making.filter((one) => one.network === id);
    const endpoints = [...this.#tables.endpointsOf(id).values()];
    const hasLocal = making.length > 0 || endpoints.some(({ host }) => host === this.#self);
    if (network === undefined || vni === undefined || !hasLocal) return undefined;
    const segment = this.#build(network, vni, endpoints);
    const attaching = making.filter(({ isAttaching }) => isAttaching);
    const ports = attaching.map((one) => [one.id, one.mac] as const);
    return { ...segment, ports: new Map([...segment.ports, ...ports]) };
  }

  #build(network: Network, vni: Vni, endpoints: readonly Endpoint[]): Segment {
    const placed = endpoints.flatMap(({ id, mac, ips, host }): Placed[] => {
      if (host === this.#self) return [{ id, mac, ips, vtep: undefined }];
      const vtep = this.#tables.hosts.get(host)?.vtep;
      return vtep === undefined ? [] : [{ id, mac, ips, vtep }];
    });
    return segmentOf({
      underlay: this.#underlay,
      vxlanPort: this.#vxlanPort,
      vni,
      subnets: network.subnets,
      endpoints: placed,
      crypto: this.#crypto,
    });
  }
}

function isSame(a: readonly Making[], b: readonly Making[]): boolean {
  return (
    a.length === b.length &&
    a.every(({ id, isAttaching }, at) => id === b[at]?.id && isAttaching === b[at]?.isAttaching)
  );
}
