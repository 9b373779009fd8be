/**
 * What our devices are called, and the mark that makes them ours. A device with one of our names
 * but without the mark is somebody else's: it is reported and never touched.
 *
 *   sl-<vni>    bridge       slx-<vni>   VXLAN device       slp<last 12 digits of the endpoint id>   port      (15 at most)
 */
import { parseVni, type Vni } from "../base/address.ts";
import { type EndpointId, parseEndpointId } from "../base/id.ts";

/** Of the bridge of a network. */
export function bridgeName(vni: Vni): string {
  return `sl-${vni}`;
}

/** Of the VXLAN device of a network. */
export function vxlanName(vni: Vni): string {
  return `slx-${vni}`;
}

/** Of the host's end of an endpoint's interface. */
export function portName(endpoint: EndpointId): string {
  return `slp${endpoint.slice(-12)}`;
}

/** What a device's alias says it is. */
export function segmentMark(vni: Vni): string {
  return `starling segment ${vni}`;
}

/** What a port's alias says it is. */
export function endpointMark(endpoint: EndpointId): string {
  return `starling endpoint ${endpoint}`;
}

/** A device of ours, and what it is for. */
export type OwnDevice =
  | { readonly kind: "bridge"; readonly vni: Vni }
  | { readonly kind: "vxlan"; readonly vni: Vni }
  | { readonly kind: "port"; readonly endpoint: EndpointId };

/** Which device of ours this is, by name and mark together; undefined where either is not ours. */
export function ownDevice(name: string, alias: string | undefined): OwnDevice | undefined {
  const vni = parseVni(Number(/^starling segment ([0-9]+)$/.exec(alias ?? "")?.[1]));
  if (vni !== undefined && name === bridgeName(vni)) return { kind: "bridge", vni };
  if (vni !== undefined && name === vxlanName(vni)) return { kind: "vxlan", vni };
  const endpoint = parseEndpointId(/^starling endpoint ([0-9a-f]+)$/.exec(alias ?? "")?.[1] ?? "");
  return endpoint !== undefined && name === portName(endpoint)
    ? { kind: "port", endpoint }
    : undefined;
}

/** Whether a device has a name that we would give. */
export function looksOurs(name: string): boolean {
  return /^(slx?-[0-9]+|slp[0-9a-f]{12})$/.test(name);
}
