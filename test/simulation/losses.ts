/**
 * What cannot be promised any more once a disk is lost or an older one is back: exactly what came
 * after the newest version that the host's own disk, or anybody whom it could ask before it wrote
 * again, still holds (ARCHITECTURE.md, "A lost disk").
 */
import type { HostId } from "../../base/id.ts";
import { compareVersions, nothing, type Version } from "../../store/head.ts";
import type { Lost } from "./chronicle.ts";
import type { Acknowledged, Cluster } from "./cluster.ts";
import type { SimulatedHost } from "./host.ts";

/** Whoever is linked for so long has been asked, and has answered. */
const askedMs = 150;

/** The newest that those hold of a host whom it has been linked with for long enough to ask. */
export function knownOf(cluster: Cluster, host: HostId): Version {
  const { schedule, hosts, witness, network } = cluster;
  const now = schedule.now();
  const versions = hosts.flatMap(({ id }) => {
    const { heads, headAt } = witness.view(id);
    const isHeard = now - (headAt.get(host) ?? now) >= askedMs;
    const isAsked = network.linkedMs(host, id) >= askedMs && isHeard;
    return isAsked && !witness.isLiar(id) ? [heads.get(host) ?? nothing] : [];
  });
  return versions.toSorted((a, b) => compareVersions(b, a))[0] ?? nothing;
}

/** The last writes of these rows are lost: what they said is open. */
export function writesLost(cluster: Cluster, host: HostId, rows: readonly Lost[]): void {
  const n = cluster.hosts.find(({ id }) => id === host)?.n ?? 0;
  for (const { row, wasDeletion } of rows) {
    cluster.note(n, 12, () => `has lost that ${row} was ${wasDeletion ? "deleted" : "written"}`);
    const [kind, id = ""] = row.split("/");
    if (kind === "endpoint") release(cluster, id);
    if (kind === "network") networkLost(cluster, id);
    if (kind === "network" || kind === "removal") cluster.removed.delete(id);
  }
}

/** Interfaces that went: where one is plugged in may be known to nobody any more. */
export function portsLost(cluster: Cluster, host: SimulatedHost, before: readonly string[]): void {
  if (!cluster.lostDisks.has(host)) return;
  const after: readonly string[] = host.kernel.plugged();
  for (const id of before) if (!after.includes(id)) release(cluster, id);
}

/** Nobody knows it any more, and so its endpoints go, wherever they are. */
function networkLost(cluster: Cluster, network: string): void {
  cluster.created.delete(network);
  const isIn = ({ networkId }: Acknowledged) => networkId === network;
  for (const { id } of [...cluster.endpoints.values()].filter(isIn)) release(cluster, id);
}

function release(cluster: Cluster, endpoint: string): void {
  cluster.endpoints.delete(endpoint);
  const place = cluster.places.get(endpoint);
  if (place !== undefined) cluster.uncertain.add(place);
}
