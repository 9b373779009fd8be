/** What people and machines do with a cluster meanwhile. */

import { pick } from "../../base/random.ts";
import type { Acknowledged, Cluster } from "./cluster.ts";
import { happens } from "./dice.ts";
import type { SimulatedHost } from "./host.ts";

type Act = { readonly weight: number; readonly act: (cluster: Cluster) => void };

/** Prefix lengths of networks: room for all, little room, hardly any. */
const prefixes = [24, 26, 27];
const networksAtMost = 4;

export const works: readonly Act[] = [
  { weight: 22, act: attachAnywhere },
  { weight: 8, act: attachAndWait },
  { weight: 5, act: attachNamed },
  { weight: 6, act: attachStatic },
  { weight: 12, act: (cluster) => withEndpoint(cluster, (endpoint) => cluster.detach(endpoint)) },
  { weight: 5, act: (cluster) => withEndpoint(cluster, (endpoint) => cluster.vanish(endpoint)) },
  { weight: 5, act: (cluster) => withEndpoint(cluster, (endpoint) => restart(cluster, endpoint)) },
  { weight: 3, act: burst },
  { weight: 2, act: createAnother },
  { weight: 1, act: removeNetwork },
];

/** Creates the n-th network, unless its host is down. */
export function createNumbered(cluster: Cluster, host: SimulatedHost, n: number): void {
  const prefix = prefixes[(n - 1) % prefixes.length];
  cluster.createNetwork(host, `n${n}`, `10.${40 + n}.0.0/${prefix}`);
}

function attachAnywhere(cluster: Cluster): void {
  const place = anyPlace(cluster);
  if (place !== undefined) cluster.attach(place.host, place.network);
}

function attachAndWait(cluster: Cluster): void {
  const place = anyPlace(cluster);
  if (place !== undefined) cluster.attach(place.host, place.network, { waitMs: 1_500 });
}

function attachNamed(cluster: Cluster): void {
  const place = anyPlace(cluster);
  const name = `app${cluster.work.below(6)}`;
  if (place !== undefined) cluster.attach(place.host, place.network, { name });
}

/** Somebody wants one certain address, in whosever range it is. */
function attachStatic(cluster: Cluster): void {
  const place = anyPlace(cluster);
  if (place === undefined) return;
  const at = Number(place.network.slice(1));
  const address = `10.${40 + at}.0.${2 + cluster.work.below(60)}`;
  cluster.mark("static request");
  cluster.attach(place.host, place.network, { address });
  if (!happens(cluster.work, 30)) return;
  cluster.mark("one address asked for twice at once");
  cluster.attach(place.host, place.network, { address });
}

function burst(cluster: Cluster): void {
  const place = anyPlace(cluster);
  if (place === undefined) return;
  cluster.mark("burst");
  for (let at = 0; at < 8; at += 1) cluster.attach(place.host, place.network);
}

/** Who comes back this soon is gone again at once: it crashes as it starts. */
const hastyMs = 100;

/** A container restarts: its namespace goes, and one with its name comes. */
function restart(cluster: Cluster, endpoint: Acknowledged): void {
  cluster.vanish(endpoint);
  const { host, network, name } = endpoint;
  cluster.mark("container restarted");
  const life = cluster.work.below(2_000);
  cluster.schedule.after(life, () => {
    if (!host.isUp || !cluster.networks.has(network)) return;
    const netns = cluster.attach(host, network, { name });
    // Some end before they have an interface.
    if (life < hastyMs) host.kernel.removeNamespace(netns);
  });
}

function createAnother(cluster: Cluster): void {
  const host = anyRunning(cluster);
  const n = 1 + cluster.work.below(networksAtMost);
  if (host === undefined || cluster.networks.has(`n${n}`)) return;
  createNumbered(cluster, host, n);
}

function removeNetwork(cluster: Cluster): void {
  const host = anyRunning(cluster);
  const name = pick(cluster.work, [...cluster.networks]);
  if (host === undefined || name === undefined || !happens(cluster.work, 30)) return;
  cluster.removeNetwork(host, name);
}

function anyPlace(cluster: Cluster): { host: SimulatedHost; network: string } | undefined {
  const host = anyRunning(cluster);
  const network = pick(cluster.work, [...cluster.networks]);
  return host === undefined || network === undefined ? undefined : { host, network };
}

function anyRunning({ hosts, work }: Cluster): SimulatedHost | undefined {
  const host = pick(work, hosts);
  return host?.isUp === true ? host : undefined;
}

function withEndpoint(cluster: Cluster, then: (endpoint: Acknowledged) => void): void {
  const endpoint = pick(cluster.work, [...cluster.endpoints.values()]);
  if (endpoint?.host.isUp === true) then(endpoint);
}
