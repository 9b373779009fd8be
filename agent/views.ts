/** Turns what the core knows into what people and programs are shown. */
import { cidrRange, familyOf, gatewayOf } from "../base/address.ts";
import type { HostId, NetworkId } from "../base/id.ts";
import type { Instant } from "../base/time.ts";
import { prefixFor } from "./attachments.ts";
import type { PeerView } from "./contacts.ts";
import type { Naming } from "./network-names.ts";
import type { Place } from "./places.ts";
import type { Endpoint, Network, Tables } from "./tables.ts";
import type {
  EndpointState,
  EndpointView,
  HostRef,
  MemberState,
  MemberView,
  NetworkView,
} from "./view.ts";

/** What views are made of. */
export type Scene = {
  readonly self: HostId;
  readonly tables: Tables;
  readonly namings: ReadonlyMap<NetworkId, Naming>;
  readonly peer: (host: HostId) => PeerView | undefined;
  readonly place: (endpoint: Endpoint["id"]) => Place | undefined;
  /** Whether the link of an endpoint here is gone. */
  readonly isMissing: (endpoint: Endpoint["id"]) => boolean;
  /** Whether this host's kernel reflects the map. */
  readonly isSettled: boolean;
  readonly mtu: number;
  readonly freeHere: (network: NetworkId) => number;
  readonly startedAt: Instant;
  /** This host misses most of those it watches, and nobody else does. */
  readonly isIsolated: boolean;
};

/** A host by its name; one without a record, by the end of its id. */
export function hostRef(scene: Pick<Scene, "tables">, id: HostId): HostRef {
  const { hosts, hidden } = scene.tables;
  return { id, name: hosts.get(id)?.name ?? hidden.get(id) ?? id.slice(-8) };
}

/** All hosts that have a record, ourselves first, then by name. */
export function memberViews(scene: Scene, now: Instant): MemberView[] {
  const views = [...scene.tables.hosts.keys()].flatMap(
    (host) => memberView(scene, host, now) ?? [],
  );
  return views.toSorted(
    (a, b) => Number(b.isSelf) - Number(a.isSelf) || a.name.localeCompare(b.name),
  );
}

/** One host as it is seen from here, or undefined before its record is known. */
export function memberView(scene: Scene, host: HostId, now: Instant): MemberView | undefined {
  const record = scene.tables.hosts.get(host);
  if (record === undefined) return undefined;
  const isSelf = host === scene.self;
  const peer = scene.peer(host);
  return {
    id: host,
    name: record.name,
    isSelf,
    state: stateOf(scene, host),
    address: record.address,
    vtep: record.vtep,
    sinceMs: Math.round(now - (isSelf ? scene.startedAt : (peer?.since ?? now))),
    rttMs: peer?.rttMs,
    version: record.version,
  };
}

/** What its records say of a host that is out outranks how it looks. */
function stateOf({ tables, self, peer }: Scene, host: HostId): MemberState {
  if (tables.retirements.isRetired(host)) return "retired";
  if (tables.hosts.get(host)?.standing === "left") return "left";
  return host === self ? "alive" : (peer(host)?.reach ?? "suspect");
}

/** One network as it is shown. */
export function networkView(scene: Scene, network: Network): NetworkView {
  const { id, name, subnets, creator } = network;
  const naming = scene.namings.get(id);
  return {
    id,
    name,
    vni: naming?.vni as NetworkView["vni"],
    subnets,
    gateways: subnets.map(gatewayOf),
    mtu: scene.mtu,
    createdBy: hostRef(scene, creator),
    endpoints: scene.tables.endpointsOf(id).size,
    freeHere: scene.freeHere(id),
    addresses: usableAddresses(network),
    conflict:
      naming?.nameOwner === undefined
        ? undefined
        : `the older network ${naming.nameOwner} is called ${name} too: use this one by its id, or remove one of them`,
  };
}

/** One endpoint as it is shown; places only of our own. */
export function endpointView(scene: Scene, endpoint: Endpoint): EndpointView {
  const network = scene.tables.networks.get(endpoint.network);
  const isLocal = endpoint.host === scene.self;
  const place = isLocal ? scene.place(endpoint.id) : undefined;
  return {
    id: endpoint.id,
    name: endpoint.name,
    aliases: endpoint.aliases,
    network: { id: endpoint.network, name: network?.name ?? endpoint.network },
    mac: endpoint.mac,
    addresses: endpoint.ips.map((ip) => `${ip}/${prefixFor(ip, network?.subnets ?? [])}`),
    host: hostRef(scene, endpoint.host),
    state: endpointState(scene, endpoint),
    isLocal,
    netns: place?.kind === "netns" ? place.netns : undefined,
    interface: place?.kind === "netns" ? place.interface : undefined,
    link: place?.kind === "link" ? place.link : undefined,
    owner: place?.owner,
  };
}

function endpointState(scene: Scene, { id, host }: Endpoint): EndpointState {
  const isLocal = host === scene.self;
  if (!isLocal && scene.peer(host)?.reach === "unreachable") return "unreachable";
  if (isLocal && scene.isMissing(id)) return "missing";
  return scene.isSettled ? "up" : "pending";
}

/** Endpoints of this host whose owner begins so, in no order. */
export function ownedViews(scene: Scene, owner: string): EndpointView[] {
  const { tables, self, place } = scene;
  return [...tables.endpoints.values()]
    .filter(({ id, host }) => host === self && place(id)?.owner?.startsWith(owner) === true)
    .map((endpoint) => endpointView(scene, endpoint));
}

/** Endpoints of shown networks, by network, host and address. */
export function endpointViews(scene: Scene, network: NetworkId | undefined): EndpointView[] {
  const endpoints = [...scene.tables.endpoints.values()].filter(
    (endpoint) =>
      scene.tables.isShown(endpoint.network) &&
      (network === undefined || endpoint.network === network),
  );
  const views = endpoints.map((endpoint) => endpointView(scene, endpoint));
  const keyOf = (view: EndpointView) =>
    `${view.network.name} ${view.host.name} ${view.name ?? view.id}`;
  return views.toSorted((a, b) => keyOf(a).localeCompare(keyOf(b)));
}

/**
 * Addresses of the first subnet that endpoints can have; capped where a count means nothing any
 * more.
 */
function usableAddresses({ subnets }: Network): number {
  const [first] = subnets;
  if (first === undefined) return 0;
  const reserved = familyOf(first) === 4 ? 3n : 2n;
  const usable = cidrRange(first).size - reserved;
  return Number(usable > 2n ** 48n ? 2n ** 48n : usable);
}
