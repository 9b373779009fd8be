/**
 * What this host's kernel should hold, from what the tables say: a segment for each network that
 * has an endpoint here, with every remote endpoint's way. Only networks that something touched are
 * worked out again.
 */
import type { Mac, Vni } from "../base/address.ts";
import type { Crypto } from "../base/crypto.ts";
import type { EndpointId, HostId, NetworkId } from "../base/id.ts";
import type { Segment, Underlay, Wanted } from "../overlay/dataplane.ts";
import type { PlacedIndex } from "../overlay/placed-index.ts";
import { emptySegment, indexFor, overlayMtu } from "../overlay/wanted.ts";
import { type Naming, nameNetworks } from "./network-names.ts";
import type { Endpoint, TableChange, Tables } from "./tables.ts";

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
  /** Networks to be worked out anew, and of others the endpoints that something touched. */
  readonly #dirty = new Set<NetworkId>();
  readonly #touched = new Map<NetworkId, Set<EndpointId>>();
  readonly #regions = new Map<NetworkId, Region>();
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

  /** Whether something has changed since `wanted` was last asked. */
  get isBehind(): boolean {
    return this.#dirty.size + this.#touched.size > 0;
  }

  /** Networks that have a segment here, as of the last `wanted`. */
  get here(): Iterable<NetworkId> {
    return this.#regions.keys();
  }

  /** Whether no network is to be built, and of those that are only a small part has changed. */
  get isMinor(): boolean {
    if (this.#dirty.size > 0) return false;
    let [touched, held] = [0, 0];
    for (const { size } of this.#touched.values()) touched += size;
    for (const { segment } of this.#regions.values()) held += segment.remotes.size;
    return touched < minorShare * held;
  }

  vniOf(network: NetworkId): Vni | undefined {
    return this.namings.get(network)?.vni;
  }

  /** A change of the tables; what it may concern is worked out again. */
  notice(change: TableChange): void {
    switch (change.kind) {
      case "host":
        // A VTEP may have moved: only the networks that the host has endpoints on can tell.
        for (const endpoint of this.#tables.endpointsOn(change.host).values())
          this.#touch(endpoint);
        break;
      case "network":
      case "removal":
        // One network's coming can move another's VNI: `wanted` looks whose.
        this.#namings = undefined;
        for (const id of networksOf(change)) this.#dirty.add(id);
        break;
      case "endpoint":
        for (const endpoint of [change.before, change.after]) {
          if (endpoint !== undefined) this.#touch(endpoint);
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
    if (!this.isBehind) return undefined;
    for (const [id, { segment }] of this.#regions) {
      if (segment.vni !== this.vniOf(id)) this.#dirty.add(id);
    }
    for (const network of this.#dirty) this.#build(network);
    for (const [network, endpoints] of this.#touched) this.#update(network, endpoints);
    this.#dirty.clear();
    this.#touched.clear();
    return {
      segments: new Map([...this.#regions.values()].map(({ segment }) => [segment.vni, segment])),
    };
  }

  #touch({ id, network }: Endpoint): void {
    const touched = this.#touched.get(network) ?? new Set();
    this.#touched.set(network, touched.add(id));
  }

  #build(id: NetworkId): void {
    this.#touched.delete(id);
    this.#regions.delete(id);
    const [network, vni] = [this.#tables.networks.get(id), this.vniOf(id)];
    if (network === undefined || vni === undefined || !this.#hasLocal(id)) return;
    const { subnets } = network;
    const [underlay, vxlanPort, crypto] = [this.#underlay, this.#vxlanPort, this.#crypto];
    const segment = emptySegment({ underlay, vxlanPort, vni, subnets, crypto });
    const index = indexFor(segment, subnets);
    for (const endpoint of this.#tables.endpointsOf(id).values()) this.#place(endpoint, index);
    this.#regions.set(id, { index, segment: this.#filled(id, segment, index) });
  }

  /** One endpoint among many costs what it costs alone. */
  #update(id: NetworkId, touched: ReadonlySet<EndpointId>): void {
    const region = this.#regions.get(id);
    if (region === undefined || !this.#hasLocal(id)) return this.#build(id);
    const { index, segment } = region;
    for (const each of touched) {
      const endpoint = this.#tables.endpointsOf(id).get(each);
      if (endpoint === undefined) index.remove(each);
      else this.#place(endpoint, index);
    }
    this.#regions.set(id, { index, segment: this.#filled(id, segment, index) });
  }

  #hasLocal(id: NetworkId): boolean {
    return (
      this.#making.some(({ network }) => network === id) ||
      this.#tables
        .endpointsOn(this.#self)
        .values()
        .some(({ network }) => network === id)
    );
  }

  #place({ id, mac, ips, host }: Endpoint, index: PlacedIndex): void {
    const vtep = host === this.#self ? undefined : this.#tables.hosts.get(host)?.vtep;
    if (vtep === undefined && host !== this.#self) index.remove(id);
    else index.put({ id, mac, ips, vtep });
  }

  #filled(id: NetworkId, segment: Segment, index: PlacedIndex): Segment {
    const attaching = this.#making.filter((one) => one.network === id && one.isAttaching);
    const ports = attaching.map((one) => [one.id, one.mac] as const);
    return { ...segment, remotes: index.remotes(), ports: new Map([...index.ports, ...ports]) };
  }
}

/** Each time a quarter more than before: all copies together are five times the last. */
const minorShare = 1 / 4;

function networksOf(change: Extract<TableChange, { kind: "network" | "removal" }>): NetworkId[] {
  if (change.kind === "removal") return [change.id];
  return [change.before, change.after].flatMap((network) => network?.id ?? []);
}

/** A network that has an endpoint here. */
type Region = { readonly index: PlacedIndex; readonly segment: Segment };

function isSame(a: readonly Making[], b: readonly Making[]): boolean {
  return (
    a.length === b.length &&
    a.every(({ id, isAttaching }, at) => id === b[at]?.id && isAttaching === b[at]?.isAttaching)
  );
}
