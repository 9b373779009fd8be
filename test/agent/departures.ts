/** A cluster for tests of hosts that leave or are forgotten. */
import assert from "node:assert/strict";
import type { SubnetView } from "../../agent/view.ts";
import { Cluster } from "../simulation/cluster.ts";
import type { SimulatedHost } from "../simulation/host.ts";

/** By number, from 1 on. */
export function host(cluster: Cluster, n: number): SimulatedHost {
  return cluster.hosts[n - 1] ?? assert.fail(`there is no host ${n}`);
}

/** One network of host 1's, and an endpoint on each host. */
export function clusterOf(hosts: number, seed: number): Cluster {
  const cluster = new Cluster({ seed, hosts });
  cluster.run(2_000);
  cluster.createNetwork(host(cluster, 1), "n1", "10.41.0.0/24");
  cluster.run(1_000);
  for (const each of cluster.hosts) cluster.attach(each, "n1");
  cluster.run(2_000);
  assert.equal(cluster.endpoints.size, hosts);
  return cluster;
}

/** That network's addresses, as a host sees them. */
export function subnetOf(cluster: Cluster, n: number): SubnetView {
  const answer = cluster.answer(host(cluster, n), { kind: "ipam", network: "n1" });
  return (answer.kind === "ipam" && answer.ipam[0]) || assert.fail("an inventory");
}

/** The names of the hosts that have a share. */
export function ownersOf(view: SubnetView): string[] {
  return view.shares.map((share) => share.host.name).toSorted();
}
