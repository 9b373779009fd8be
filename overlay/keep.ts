/**
 * What to want while the map may lack what the kernel rightly holds: after a crash the records of
 * others may be gone from our disk, and their endpoints are not. So until a peer has told us what
 * there is, what the kernel holds is wanted as well: nothing is pruned by absence. So it is with
 * our own ports: a disk put back from a backup knows nothing of the newest.
 */
import type { Ip, Mac, Vni } from "../base/address.ts";
import type { EndpointId } from "../base/id.ts";
import type { Actual, ActualSegment, RemoteEntry, Segment, Wanted } from "./dataplane.ts";

/** The wanted segments, and in them and beside them what the kernel holds of remote endpoints. */
export function keeping(wanted: Wanted, actual: Actual): Wanted {
  const segments = new Map(wanted.segments);
  for (const held of actual.segments.values()) {
    const segment = segments.get(held.vni) ?? segmentOf(held, actual);
    if (segment === undefined) continue;
    const remotes = new Map([...remotesOf(held), ...segment.remotes]);
    const ports = new Map([...portsOf(held.vni, actual), ...segment.ports]);
    segments.set(held.vni, { ...segment, remotes, ports });
  }
  return { segments };
}

/**
 * What was found, without what the map has held since and holds no more: that was removed, and is
 * not merely unknown.
 */
export function withoutRemoved(found: Actual, before: Wanted, after: Wanted): Actual {
  const macs = new Set<Mac>();
  const gone = new Set<EndpointId>();
  for (const [vni, held] of before.segments) {
    const still = after.segments.get(vni);
    if (still === held) continue;
    for (const mac of held.remotes.keys()) if (!still?.remotes.has(mac)) macs.add(mac);
    for (const port of held.ports.keys()) if (!still?.ports.has(port)) gone.add(port);
  }
  if (macs.size + gone.size === 0) return found;
  const ports = new Map([...found.ports].filter(([endpoint]) => !gone.has(endpoint)));
  const segments = [...found.segments].map(([vni, held]) => {
    const fdb = held.vxlan?.fdb.filter(({ mac }) => !macs.has(mac)) ?? [];
    return [vni, { ...held, vxlan: held.vxlan && { ...held.vxlan, fdb } }] as const;
  });
  return { ...found, ports, segments: new Map(segments) };
}

/** A segment that no record tells of, as it is; undefined where a part of it is missing. */
function segmentOf({ vni, bridge, vxlan }: ActualSegment, actual: Actual): Segment | undefined {
  if (bridge === undefined || vxlan?.vtep === undefined) return undefined;
  return {
    vni,
    gateways: bridge.gateways,
    gatewayMac: bridge.mac,
    vxlanMac: vxlan.mac,
    vtep: vxlan.vtep,
    vxlanPort: vxlan.port,
    mtu: bridge.mtu,
    remotes: new Map(),
    ports: portsOf(vni, actual),
  };
}

function remotesOf({ bridge, vxlan }: ActualSegment): Map<Mac, RemoteEntry> {
  const ips = new Map<Mac, Ip[]>();
  for (const { ip, mac } of bridge?.neighbours ?? []) ips.set(mac, [...(ips.get(mac) ?? []), ip]);
  const remotes = new Map<Mac, RemoteEntry>();
  for (const { mac, vtep } of vxlan?.fdb ?? [])
    if (vtep !== undefined) remotes.set(mac, { mac, vtep, ips: ips.get(mac) ?? [] });
  return remotes;
}

function portsOf(vni: Vni, { ports }: Actual): Map<EndpointId, Mac> {
  const own = new Map<EndpointId, Mac>();
  for (const [endpoint, port] of ports) {
    const [mac] = port.macs ?? [];
    if (port.vni === vni && mac !== undefined) own.set(endpoint, mac);
  }
  return own;
}
