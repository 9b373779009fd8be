/** What this namespace's kernel holds under our mark, out of what `ip -j` and `bridge -j` print. */
import {
  type Cidr,
  cidrOf,
  type Ip,
  type Mac,
  parseCidr,
  parseIp,
  parseVni,
  type Vni,
} from "../../base/address.ts";
import type { EndpointId } from "../../base/id.ts";
import type { Actual, ActualPort, ActualSegment } from "../dataplane.ts";
import { bridgeName, looksOurs, ownDevice } from "../names.ts";
import { type Readings, textOf } from "./reader.ts";
import { parseRows } from "./run.ts";

type Link = {
  readonly ifname: string;
  readonly ifalias?: string;
  readonly address: string;
  readonly mtu: number;
  readonly flags: readonly string[];
  readonly master?: string;
  readonly linkinfo?: {
    readonly info_kind?: string;
    readonly info_data?: {
      readonly local?: string;
      readonly local6?: string;
      readonly id?: number;
      readonly port?: number;
      readonly learning?: boolean;
      readonly stp_state?: number;
      readonly mcast_snooping?: number;
    };
    readonly info_slave_data?: { readonly [flag: string]: unknown };
  };
};
type AddressRow = {
  readonly ifname: string;
  readonly addr_info?: readonly {
    readonly local?: string;
    readonly prefixlen?: number;
    readonly scope?: string;
  }[];
};
type FdbRow = {
  readonly mac: string;
  readonly ifname: string;
  readonly dst?: string;
  readonly flags: readonly string[];
  readonly master?: string;
  readonly state?: string;
};
type NeighbourRow = { readonly dst: string; readonly dev: string; readonly lladdr?: string };
type RouteRow = { readonly dst: string; readonly dev?: string };

/** Everything but the guard, as printed. Throws a MeshError: DATAPLANE_REFUSED. */
export function actualOf(readings: Readings): Omit<Actual, "guard"> {
  const { links, neighbours, routes: routes4 } = shownIn(textOf(readings.shown));
  const routes6 = parseRows(textOf(readings.routes6)) as readonly RouteRow[];
  const fdb = parseRows(textOf(readings.fdb)) as readonly FdbRow[];
  const byDevice = {
    addresses: new Map(links.map((row) => [row.ifname, row])),
    fdb: grouped(fdb, ({ ifname }) => ifname),
    neighbours: grouped(neighbours, ({ dev }) => dev),
  };
  const found: Found = { segments: new Map(), ports: new Map() };
  for (const link of links) addLink(found, link, byDevice);
  const conflicts = links
    .filter(({ ifname, ifalias }) => looksOurs(ifname) && ownDevice(ifname, ifalias) === undefined)
    .map(({ ifname }) => ({ device: ifname, reason: "it has a name of ours and not our mark" }));
  const routes = [...routes4, ...routes6].flatMap(routeOf);
  return { ...found, conflicts, tunnels: links.flatMap(foreignTunnel), routes };
}

type Shown = {
  readonly links: readonly (Link & AddressRow)[];
  readonly neighbours: readonly NeighbourRow[];
  readonly routes: readonly RouteRow[];
};

/**
 * Links with their addresses, neighbours and IPv4 routes come from one process: starting one costs
 * more than what it does. An empty list prints nothing, so each row is told by its own fields.
 */
function shownIn(text: string): Shown {
  const rows = text
    .split("\n")
    .filter((line) => line.startsWith("["))
    .flatMap((line) => JSON.parse(line) as object[]);
  return {
    links: rows.filter((row) => "addr_info" in row) as (Link & AddressRow)[],
    neighbours: rows.filter((row) => "lladdr" in row) as NeighbourRow[],
    routes: rows.filter((row) => "dst" in row && !("lladdr" in row)) as RouteRow[],
  };
}

type ByDevice = {
  readonly addresses: ReadonlyMap<string, AddressRow>;
  readonly fdb: ReadonlyMap<string, readonly FdbRow[]>;
  readonly neighbours: ReadonlyMap<string, readonly NeighbourRow[]>;
};

type Found = {
  readonly segments: Map<Vni, ActualSegment>;
  readonly ports: Map<EndpointId, ActualPort>;
};

function addLink({ segments, ports }: Found, link: Link, byDevice: ByDevice): void {
  const own = ownDevice(link.ifname, link.ifalias);
  if (own?.kind === "port") ports.set(own.endpoint, portOf(link, byDevice));
  if (own === undefined || own.kind === "port") return;
  const { vni } = own;
  const segment = segments.get(vni) ?? { vni, bridge: undefined, vxlan: undefined };
  const part =
    own.kind === "bridge"
      ? { bridge: bridgeOf(link, byDevice) }
      : { vxlan: vxlanOf(link, vni, byDevice) };
  segments.set(vni, { ...segment, ...part });
}

function portOf(link: Link, byDevice: ByDevice): ActualPort {
  const flags = link.linkinfo?.info_slave_data;
  const isClosed = flags?.["learning"] === false && flags["flood"] === false;
  const rows = byDevice.fdb.get(link.ifname) ?? [];
  const macs = rows.filter(({ master, state }) => master !== undefined && state === "static");
  return {
    vni: vniOfBridge(link.master),
    isUp: isUp(link),
    macs: isClosed ? macs.map(({ mac }) => macOf(mac)) : undefined,
  };
}

function bridgeOf(link: Link, byDevice: ByDevice): ActualSegment["bridge"] {
  const addresses = byDevice.addresses.get(link.ifname)?.addr_info ?? [];
  const rows = byDevice.neighbours.get(link.ifname) ?? [];
  const settings = link.linkinfo?.info_data;
  return {
    mac: macOf(link.address),
    mtu: link.mtu,
    isUp: isUp(link),
    hasFlags: settings?.stp_state === 0 && settings.mcast_snooping === 0,
    gateways: addresses
      .filter(({ scope }) => scope === "global")
      .flatMap(({ local, prefixlen }) => {
        const ip = parseIp(local ?? "");
        return ip === undefined ? [] : [`${ip}/${prefixlen}`];
      }),
    neighbours: rows.flatMap(({ dst, lladdr }) => {
      const ip = parseIp(dst);
      return ip === undefined || lladdr === undefined ? [] : [{ ip, mac: macOf(lladdr) }];
    }),
  };
}

function vxlanOf(link: Link, vni: Vni, byDevice: ByDevice): ActualSegment["vxlan"] {
  const { info_data: device, info_slave_data: port } = link.linkinfo ?? {};
  const rows = byDevice.fdb.get(link.ifname) ?? [];
  return {
    mac: macOf(link.address),
    mtu: link.mtu,
    isUp: isUp(link),
    vtep: parseIp(device?.local ?? device?.local6 ?? ""),
    port: device?.port ?? 0,
    isOnBridge: link.master === bridgeName(vni),
    hasPortFlags:
      device?.learning === false &&
      port?.["neigh_suppress"] === true &&
      ["learning", "flood", "mcast_flood", "bcast_flood"].every((flag) => port[flag] === false),
    // Of any MAC: zeros and groups are never ours, and would send what must not leave.
    fdb: rows
      .filter(({ flags }) => flags.includes("self"))
      .map(({ mac, dst }) => ({ mac: macOf(mac), vtep: parseIp(dst ?? "") })),
    bridgeFdb: rows
      .filter(({ master, state }) => master !== undefined && state === "static")
      .map(({ mac }) => macOf(mac)),
  };
}

function foreignTunnel(link: Link): Actual["tunnels"][number][] {
  const { id, port = 0 } = link.linkinfo?.info_data ?? {};
  const vni = link.linkinfo?.info_kind === "vxlan" ? parseVni(id ?? 0) : undefined;
  const isOurs = ownDevice(link.ifname, link.ifalias) !== undefined;
  return vni === undefined || isOurs ? [] : [{ vni, port }];
}

function routeOf({ dst, dev }: RouteRow): { readonly cidr: Cidr; readonly device: string }[] {
  if (dev === undefined || looksOurs(dev) || dst === "default") return [];
  const ip = parseIp(dst);
  const cidr = ip === undefined ? parseCidr(dst) : hostRoute(ip);
  const isLinkLocal = cidr?.startsWith("fe80:") === true || cidr?.startsWith("ff00:") === true;
  return cidr === undefined || isLinkLocal ? [] : [{ cidr, device: dev }];
}

function hostRoute(ip: Ip): Cidr {
  return cidrOf(ip, ip.includes(":") ? 128 : 32);
}

function vniOfBridge(master: string | undefined): Vni | undefined {
  const digits = /^sl-([0-9]+)$/.exec(master ?? "")?.[1];
  return digits === undefined ? undefined : (Number(digits) as Vni);
}

function isUp({ flags }: Link): boolean {
  return flags.includes("UP");
}

/** As the kernel shows it: unlike an endpoint's it may be anything. */
function macOf(address: string): Mac {
  return address.toLowerCase() as Mac;
}

function grouped<Row>(rows: readonly Row[], key: (row: Row) => string): Map<string, Row[]> {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const group = groups.get(key(row)) ?? [];
    group.push(row);
    groups.set(key(row), group);
  }
  return groups;
}
