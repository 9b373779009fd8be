/**
 * The iproute2 lines of each change. Every value in them comes from a parser of ours, so none can
 * be two words.
 */

import type { Mac } from "../../base/address.ts";
import type { EndpointId } from "../../base/id.ts";
import type { DataplaneOp, RemoteEntry, Segment } from "../dataplane.ts";
import { bridgeName, endpointMark, portName, segmentMark, vxlanName } from "../names.ts";

/**
 * Lines for `ip` and for `bridge`; those of `ip` come first. A line of `optional` may fail: what it
 * removes may be gone.
 */
export type Lines = {
  readonly ip: readonly string[];
  readonly bridge: readonly string[];
  readonly isOptional: boolean;
};

/** The line that makes the bridge. */
export function bridgeCreate({ vni, gatewayMac, mtu }: Segment): string {
  const kind = "type bridge stp_state 0 mcast_snooping 0";
  return `link add name ${bridgeName(vni)} address ${gatewayMac} mtu ${mtu} ${kind}`;
}

/**
 * What makes an existing bridge of ours as it should be. No device of ours has an IPv6 address of
 * the kernel's choosing: nobody is to be reached there, and looking for duplicates would be
 * traffic. The MAC is set only where it is another: set to what it is, the kernel still forgets all
 * neighbours.
 */
export function bridgeSet({ vni, gatewayMac, mtu, gateways }: Segment, hasMac: boolean): Lines {
  const device = bridgeName(vni);
  return {
    ip: [
      `link set dev ${device} alias "${segmentMark(vni)}"`,
      `link set dev ${device} addrgenmode none`,
      `link set dev ${device} type bridge stp_state 0 mcast_snooping 0`,
      ...(hasMac ? [] : [`link set dev ${device} address ${gatewayMac}`]),
      `link set dev ${device} mtu ${mtu} up`,
      ...gateways.map((gateway) => {
        // The same address is on every host, so looking for a duplicate would find one.
        const flags = gateway.includes(":") ? " nodad" : "";
        return `address replace ${gateway} dev ${device}${flags}`;
      }),
    ],
    bridge: [],
    isOptional: false,
  };
}

/** The line that makes the VXLAN device. */
export function vxlanCreate({ vni, vxlanMac, mtu, vtep, vxlanPort }: Segment): string {
  const kind = `type vxlan id ${vni} dstport ${vxlanPort} local ${vtep} nolearning`;
  return `link add name ${vxlanName(vni)} address ${vxlanMac} mtu ${mtu} ${kind}`;
}

/** What makes an existing VXLAN device of ours as it should be. */
export function vxlanSet({ vni, vxlanMac, mtu }: Segment): Lines {
  const device = vxlanName(vni);
  return {
    ip: [
      `link set dev ${device} alias "${segmentMark(vni)}"`,
      `link set dev ${device} addrgenmode none`,
      `link set dev ${device} address ${vxlanMac} mtu ${mtu} master ${bridgeName(vni)} up`,
    ],
    // Nothing is learned and nothing is flooded into the tunnel: what is not in the table is not
    // sent.
    bridge: [
      `link set dev ${device} learning off neigh_suppress on flood off mcast_flood off bcast_flood off`,
    ],
    isOptional: false,
  };
}

/** A port on its bridge; nobody inside can teach the bridge another MAC than the endpoint's own. */
export function portSet(
  vni: Segment["vni"],
  { endpoint, mac }: { readonly endpoint: EndpointId; readonly mac: Mac },
): Lines {
  const device = portName(endpoint);
  return {
    ip: [
      `link set dev ${device} alias "${endpointMark(endpoint)}"`,
      `link set dev ${device} addrgenmode none`,
      `link set dev ${device} master ${bridgeName(vni)} up`,
    ],
    bridge: [
      `link set dev ${device} learning off flood off`,
      `fdb replace ${mac} dev ${device} master static`,
    ],
    isOptional: false,
  };
}

/** Ops that make a device, and need to know whose it is if it is there. */
export type DeviceOp = Extract<DataplaneOp, { kind: "bridge-set" | "vxlan-set" }>;
/** Ops on the firewall, which iproute2 knows nothing of. */
export type GuardOp = Extract<DataplaneOp, { kind: "guard-set" | "guard-remove" }>;

/** The lines of an op that is about what lives on devices. */
export function linesOf(op: Exclude<DataplaneOp, DeviceOp | GuardOp>): Lines {
  switch (op.kind) {
    case "port-set":
      return portSet(op.vni, op);
    case "remote-set":
      return remoteSet(op.vni, op.remote);
    case "remote-remove":
      return remoteRemove(op.vni, op.mac);
    case "neighbour-remove":
      return neighbourRemove(op);
    case "gateway-remove":
      return optional([`address del ${op.gateway} dev ${bridgeName(op.vni)}`]);
    case "port-mac-remove":
      return macRemove(portName(op.endpoint), op.mac);
    case "port-remove":
      return optional([`link del dev ${portName(op.endpoint)}`]);
    case "segment-remove":
      return optional([`link del dev ${vxlanName(op.vni)}`, `link del dev ${bridgeName(op.vni)}`]);
  }
}

/** One line tells both tables: the device which VTEP, the bridge which port. */
function remoteSet(vni: Segment["vni"], { mac, vtep, ips }: RemoteEntry): Lines {
  return {
    ip: ips.map((ip) => `neigh replace ${ip} lladdr ${mac} dev ${bridgeName(vni)} nud permanent`),
    bridge: [`fdb replace ${mac} dev ${vxlanName(vni)} dst ${vtep} self master static`],
    isOptional: false,
  };
}

function remoteRemove(vni: Segment["vni"], mac: RemoteEntry["mac"]): Lines {
  const device = vxlanName(vni);
  return {
    ip: [],
    bridge: [`fdb del ${mac} dev ${device} self`, `fdb del ${mac} dev ${device} master`],
    isOptional: true,
  };
}

function macRemove(device: string, mac: Mac): Lines {
  return { ip: [], bridge: [`fdb del ${mac} dev ${device} master`], isOptional: true };
}

/**
 * Deleting a neighbour that is not there ends a batch; setting it first costs a line and cannot
 * fail.
 */
function neighbourRemove({
  vni,
  ip,
  mac,
}: Extract<DataplaneOp, { kind: "neighbour-remove" }>): Lines {
  const device = bridgeName(vni);
  return optional([
    `neigh replace ${ip} lladdr ${mac} dev ${device} nud permanent`,
    `neigh del ${ip} dev ${device}`,
  ]);
}

function optional(ip: readonly string[]): Lines {
  return { ip, bridge: [], isOptional: true };
}
