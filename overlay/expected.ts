/**
 * What a dump would show of a kernel that holds exactly what is wanted: what we believe between two
 * dumps.
 */
import type { Actual, ActualGuard, ActualSegment, Segment, Wanted } from "./dataplane.ts";
import { guardOf } from "./guard.ts";

/** Planning against this is empty for the same wanted. */
export function actualOf(wanted: Wanted): Actual {
  const segments = new Map([...wanted.segments].map(([vni, segment]) => [vni, shown(segment)]));
  const ports = [...wanted.segments.values()].flatMap(({ vni, ports: own }) =>
    [...own].map(([endpoint, mac]) => [endpoint, { vni, isUp: true, macs: [mac] }] as const),
  );
  return {
    segments,
    ports: new Map(ports),
    guard: held(wanted),
    tunnels: [],
    routes: [],
    conflicts: [],
  };
}

function held(wanted: Wanted): ActualGuard {
  const guard = guardOf(wanted, []);
  return guard === undefined ? { kind: "absent" } : { kind: "present", guard };
}

function shown(segment: Segment): ActualSegment {
  const remotes = [...segment.remotes.values()];
  return {
    vni: segment.vni,
    bridge: {
      mac: segment.gatewayMac,
      mtu: segment.mtu,
      isUp: true,
      hasFlags: true,
      gateways: segment.gateways,
      neighbours: remotes.flatMap(({ mac, ips }) => ips.map((ip) => ({ ip, mac }))),
    },
    vxlan: {
      mac: segment.vxlanMac,
      mtu: segment.mtu,
      isUp: true,
      vtep: segment.vtep,
      port: segment.vxlanPort,
      isOnBridge: true,
      hasPortFlags: true,
      fdb: remotes.map(({ mac, vtep }) => ({ mac, vtep })),
      bridgeFdb: remotes.map(({ mac }) => mac),
    },
  };
}
