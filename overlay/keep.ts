/**
 * What to want while the map may lack what the kernel rightly holds: after a crash the records of
 * others may be gone from our disk, and their endpoints are not. So until a peer has told us what
 * there is, what the kernel holds is wanted as well: nothing is pruned by absence.
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
    segments.set(held.vni, { ...segment, remotes });
  }
  return { segments };
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
