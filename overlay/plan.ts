/**
 * Wanted minus actual, as a list of changes in a safe order: the guard before what it guards,
 * devices before what lives on them, additions before removals, whole segments last. Minimal:
 * planned against its own result, nothing is left.
 */
import type { Ip, Mac } from "../base/address.ts";
import type {
  Actual,
  ActualGuard,
  ActualSegment,
  DataplaneOp,
  Guard,
  RemoteEntry,
  Segment,
  Wanted,
} from "./dataplane.ts";
import { guardOf, isSameGuard } from "./guard.ts";
import { bridgeName, vxlanName } from "./names.ts";

/** The changes that make the kernel hold what is wanted. */
export function plan(wanted: Wanted, actual: Actual): DataplaneOp[] {
  const guard = guardOf(wanted, actual.tunnels);
  return [...planGuard(guard, actual.guard), ...planSegments(wanted, actual)];
}

/**
 * The guard is one object that is replaced whole, in one transaction. It comes first: a frame of a
 * new sender must pass before anything is sent that makes it answer.
 */
export function planGuard(guard: Guard | undefined, held: ActualGuard): DataplaneOp[] {
  if (held.kind === "unsupported") return [];
  if (guard === undefined) return held.kind === "absent" ? [] : [{ kind: "guard-remove" }];
  const isRight = held.kind === "present" && isSameGuard(guard, held.guard);
  return isRight ? [] : [{ kind: "guard-set", guard }];
}

/** The plan without the guard. */
export function planSegments(wanted: Wanted, actual: Actual): DataplaneOp[] {
  // A device of somebody else's with one of our names: nothing is built on it, and it is not
  // touched.
  const foreign = new Set(actual.conflicts.map(({ device }) => device));
  const isFree = ({ vni }: Segment) =>
    !foreign.has(bridgeName(vni)) && !foreign.has(vxlanName(vni));
  const kept = [...wanted.segments.values()]
    .filter(isFree)
    .flatMap((segment) => planSegment(segment, actual));
  const gone = [...actual.segments.values()].filter(({ vni }) => !wanted.segments.has(vni));
  return [
    ...kept,
    ...removePorts(wanted, actual),
    ...gone.map(({ vni }) => ({ kind: "segment-remove", vni }) as const),
  ];
}

function planSegment(segment: Segment, all: Actual): DataplaneOp[] {
  const actual = all.segments.get(segment.vni);
  return [
    ...(hasBridge(segment, actual) ? [] : [{ kind: "bridge-set", segment } as const]),
    ...(hasVxlan(segment, actual) ? [] : [{ kind: "vxlan-set", segment } as const]),
    ...planPorts(segment, all),
    ...planRemotes(segment, losesEntries(segment, actual) ? undefined : actual),
    ...planGateways(segment, actual),
  ];
}

/**
 * A bridge whose MAC changes forgets its neighbours, and a VXLAN device whose address or port
 * changes is another device: all entries are set again.
 */
function losesEntries(segment: Segment, actual: ActualSegment | undefined): boolean {
  const { bridge, vxlan } = actual ?? {};
  const isMacKept = bridge === undefined || bridge.mac === segment.gatewayMac;
  const isVxlanKept =
    vxlan === undefined || (vxlan.vtep === segment.vtep && vxlan.port === segment.vxlanPort);
  return !isMacKept || !isVxlanKept;
}

function hasBridge(segment: Segment, actual: ActualSegment | undefined): boolean {
  const bridge = actual?.bridge;
  return (
    bridge !== undefined &&
    bridge.isUp &&
    bridge.hasFlags &&
    bridge.mac === segment.gatewayMac &&
    bridge.mtu === segment.mtu &&
    segment.gateways.every((gateway) => bridge.gateways.includes(gateway))
  );
}

function hasVxlan(segment: Segment, actual: ActualSegment | undefined): boolean {
  const vxlan = actual?.vxlan;
  return (
    vxlan !== undefined &&
    vxlan.isUp &&
    vxlan.isOnBridge &&
    vxlan.hasPortFlags &&
    vxlan.mac === segment.vxlanMac &&
    vxlan.mtu === segment.mtu &&
    vxlan.vtep === segment.vtep &&
    vxlan.port === segment.vxlanPort
  );
}

/** A wanted port that is missing cannot be made from here: its namespace has to be looked at. */
function planPorts({ vni, ports }: Segment, actual: Actual): DataplaneOp[] {
  return [...ports].flatMap(([endpoint, mac]): DataplaneOp[] => {
    const port = actual.ports.get(endpoint);
    if (port === undefined) return [];
    const { macs } = port;
    const isRight = port.vni === vni && port.isUp && macs?.includes(mac) === true;
    const others = macs?.filter((other) => other !== mac) ?? [];
    return [
      ...(isRight ? [] : [{ kind: "port-set", vni, endpoint, mac } as const]),
      ...others.map((other) => ({ kind: "port-mac-remove", endpoint, mac: other }) as const),
    ];
  });
}

function removePorts(wanted: Wanted, actual: Actual): DataplaneOp[] {
  const kept = new Set([...wanted.segments.values()].flatMap(({ ports }) => [...ports.keys()]));
  const gone = [...actual.ports.keys()].filter((endpoint) => !kept.has(endpoint));
  return gone.map((endpoint) => ({ kind: "port-remove", endpoint }) as const);
}

/** Additions first: a MAC that moved is replaced in place, and no frame finds the table empty. */
function planRemotes({ vni, remotes }: Segment, actual: ActualSegment | undefined): DataplaneOp[] {
  const held = heldRemotes(actual);
  const sets = [...remotes.values()].filter((remote) => !isHeld(remote, held.get(remote.mac)));
  const gone = [...held.values()].filter(({ mac }) => !remotes.has(mac));
  const wanted = new Set([...remotes.values()].flatMap(({ ips }) => ips));
  const stale = (actual?.bridge?.neighbours ?? []).filter(({ ip }) => !wanted.has(ip));
  return [
    ...sets.map((remote) => ({ kind: "remote-set", vni, remote }) as const),
    ...gone
      .filter(({ vteps, isOnBridge }) => vteps.length > 0 || isOnBridge)
      .map(({ mac }) => ({ kind: "remote-remove", vni, mac }) as const),
    ...stale.map(({ ip, mac }) => ({ kind: "neighbour-remove", vni, ip, mac }) as const),
  ];
}

type Held = { readonly mac: Mac; vteps: Ip[]; ips: Ip[]; isOnBridge: boolean };

function heldRemotes(actual: ActualSegment | undefined): Map<Mac, Held> {
  const held = new Map<Mac, Held>();
  const of = (mac: Mac): Held => {
    const known = held.get(mac) ?? { mac, vteps: [], ips: [], isOnBridge: false };
    held.set(mac, known);
    return known;
  };
  for (const { mac, vtep } of actual?.vxlan?.fdb ?? [])
    if (vtep !== undefined) of(mac).vteps.push(vtep);
  for (const mac of actual?.vxlan?.bridgeFdb ?? []) of(mac).isOnBridge = true;
  for (const { ip, mac } of actual?.bridge?.neighbours ?? []) of(mac).ips.push(ip);
  return held;
}

function isHeld(remote: RemoteEntry, held: Held | undefined): boolean {
  return (
    held !== undefined &&
    held.isOnBridge &&
    held.vteps.length === 1 &&
    held.vteps[0] === remote.vtep &&
    remote.ips.every((ip) => held.ips.includes(ip))
  );
}

function planGateways(
  { vni, gateways }: Segment,
  actual: ActualSegment | undefined,
): DataplaneOp[] {
  const extra = (actual?.bridge?.gateways ?? []).filter((gateway) => !gateways.includes(gateway));
  return extra.map((gateway) => ({ kind: "gateway-remove", vni, gateway }) as const);
}
