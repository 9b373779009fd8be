/**
 * What a map implies for one host's kernel, in the census's lines. Written apart from the product's
 * own planning, from the documents, so that each checks the other.
 */
import type { EndpointView, MemberView, NetworkView } from "../../agent/view.ts";

/** What one agent says the cluster is. */
export type Shown = {
  readonly members: readonly MemberView[];
  readonly networks: readonly NetworkView[];
  readonly endpoints: readonly EndpointView[];
};

/** Sorted. MACs of devices are not in the map, so they stand as `mac *`. */
export function impliedLines({ members, networks, endpoints }: Shown, host: string): string[] {
  const vteps = new Map(members.map(({ id, vtep }) => [id as string, vtep as string]));
  const segments = networks.flatMap((network) => {
    const all = endpoints.filter((endpoint) => endpoint.network.id === network.id);
    const local = all.filter((endpoint) => endpoint.host.id === host);
    const remote = all.filter((endpoint) => endpoint.host.id !== host);
    return local.length === 0 ? [] : [{ network, local, remote }];
  });
  const lines = segments.flatMap(({ network, local, remote }) => [
    ...deviceLines(network, vteps.get(host)),
    ...local.flatMap((endpoint) => portLines(endpoint, network)),
    ...remote.flatMap((endpoint) => remoteLines(endpoint, network, vteps.get(endpoint.host.id))),
  ]);
  // Two endpoints of one host make it a sender once.
  return [...new Set([...lines, ...(segments.length === 0 ? [] : guardLines)])].toSorted();
}

/** In what a census says, each device's MAC as `*`, but for those of endpoints. */
export function withoutMacs(lines: readonly string[]): string[] {
  return lines.map((line) => line.replace(/ mac [0-9a-f:]{17}/, " mac *"));
}

const guardLines = [
  "chain bridge forward at forward accept",
  "chain inet input at input accept",
  "rule bridge forward",
  "rule inet input",
];

function deviceLines({ vni, gateways, subnets, mtu }: NetworkView, vtep = "nowhere"): string[] {
  const prefix = (at: number) => subnets[at]?.split("/")[1];
  return [
    `link sl-${vni} up on none mtu ${mtu} mac *`,
    `link slx-${vni} up on sl-${vni} closed mtu ${mtu} mac * vni ${vni} of ${vtep}:4789`,
    ...gateways.map((gateway, at) => `address sl-${vni} ${gateway}/${prefix(at)}`),
    `vnis ${vni}`,
  ];
}

function portLines({ id, mac }: EndpointView, { vni, mtu }: NetworkView): string[] {
  const port = `slp${id.slice(-12)}`;
  return [`link ${port} up on sl-${vni} closed mtu ${mtu}`, `bridged ${port} ${mac}`];
}

function remoteLines(
  { mac, addresses }: EndpointView,
  { vni }: NetworkView,
  vtep = "nowhere",
): string[] {
  const senders = vtep.includes(":") ? "senders6" : "senders4";
  return [
    `frames slx-${vni} ${mac} to ${vtep}`,
    `bridged slx-${vni} ${mac}`,
    ...addresses.map((address) => `neighbour sl-${vni} ${address.split("/")[0]} ${mac}`),
    `${senders} ${vtep} ${vni}`,
  ];
}
