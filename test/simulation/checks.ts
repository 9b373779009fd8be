/** What must be true of a simulated cluster: always, and once its faults have stopped. */
import assert from "node:assert/strict";
import type { Answer } from "../../agent/command.ts";
import type { EndpointView, StatusView } from "../../agent/view.ts";
import type { Cluster } from "./cluster.ts";
import type { SimulatedHost } from "./host.ts";
import { checkKernelsNow } from "./kernel-checks.ts";
import { blockOfIp } from "./witness.ts";

/** Everything that must be true at any instant. What a disk write breaks, the witness says. */
export function checkAlways(cluster: Cluster): void {
  checkAddresses(cluster);
  checkKernelsNow(cluster, cluster.schedule.now());
}

/** S5: at no instant do two endpoints that were promised hold one address. */
export function checkAddresses(cluster: Cluster): void {
  const holders = new Map<string, string>();
  for (const { id, networkId, addresses } of cluster.endpoints.values()) {
    for (const address of addresses) {
      const key = `${networkId} ${address}`;
      const other = holders.get(key);
      const isContested = cluster.witness.isContested(networkId, blockOfIp(bareOf(address)));
      if (other !== undefined && !isContested)
        assert.fail(`S5: ${key} is held by endpoint ${other} and by endpoint ${id}`);
      holders.set(key, id);
    }
  }
}

function bareOf(address: string): string {
  return address.split("/")[0] ?? "";
}

/**
 * After faults: one map on all hosts, it is the one that was promised, and each kernel is what the
 * map implies.
 */
export function checkAgreement(cluster: Cluster): void {
  const hosts = cluster.hosts.filter((host) => host.isUp && !cluster.witness.isLiar(host.id));
  const views = hosts.map((host) =>
    honestOf(cluster, endpointsOf(cluster.answer(host, everything))),
  );
  checkRoots(cluster, hosts);
  const [first = []] = views;
  const shown = new Map(first.map((view) => [view.id as string, view]));
  for (const { id, host } of cluster.endpoints.values()) {
    if (cluster.witness.isLiar(host.id)) continue;
    const isThere = shown.has(id) || !host.isUp;
    assert.ok(isThere, `S1: endpoint ${id} on host-${host.n} was acknowledged and is lost`);
  }
  const places = placesOf(hosts, views);
  for (const [id, { host }] of shown) {
    const holder = hosts.find((each) => each.id === host.id);
    if (holder === undefined) continue;
    const place = places.get(id) || cluster.places.get(id) || "";
    // Where an endpoint is plugged in goes with the disk.
    const isTorn = cluster.marks.has("write torn");
    const isForgotten = place === "" && (isTorn || cluster.lostDisks.has(holder));
    const isUncertain = cluster.uncertain.has(place) || isForgotten;
    const isRight = isUncertain || cluster.endpoints.has(id);
    assert.ok(isRight, `S4: endpoint ${id} was removed, or never promised, and is there`);
  }
  const held = first.flatMap((view) => view.addresses.map((ip) => `${view.network.id} ${ip}`));
  assert.equal(new Set(held).size, held.length, "S5: no address is in the map twice");
  checkNetworks(cluster, hosts);
  checkKernels(cluster, hosts, first);
}

/** S1, S4: networks that were created are there, those that were removed are not. */
function checkNetworks(cluster: Cluster, hosts: readonly SimulatedHost[]): void {
  for (const host of hosts) {
    const answer = cluster.answer(host, { kind: "networks" });
    const shown = answer.kind === "networks" ? answer.networks : [];
    const ids = new Set<string>(shown.map(({ id }) => id));
    for (const id of cluster.removed)
      assert.ok(!ids.has(id), `S4: network ${id} was removed, and host-${host.n} shows it`);
    for (const [id, creator] of cluster.created) {
      const name = cluster.nameOf(id);
      const isOpen = cluster.removing.has(name) || !creator.isUp;
      const isHonest = !cluster.witness.isLiar(creator.id);
      if (!isOpen && isHonest) assert.ok(ids.has(id), `S1: host-${host.n} lacks network ${id}`);
    }
  }
}

/** L1, L2: everybody holds the same map. */
function checkRoots(cluster: Cluster, hosts: readonly SimulatedHost[]): void {
  if (cluster.hosts.some(({ id }) => cluster.witness.isLiar(id))) {
    assert.ok(cluster.witness.agree(hosts), "L1: all hosts hold the same map, but for liars");
    return;
  }
  const roots = hosts.map((host) => statusOf(cluster.answer(host, { kind: "status" })).store.root);
  // All may have left, or been revoked.
  assert.ok(new Set(roots).size <= 1, "L1: all hosts hold the same map");
}

const everything = { kind: "endpoints", network: undefined } as const;

function checkKernels(
  cluster: Cluster,
  hosts: readonly SimulatedHost[],
  all: readonly EndpointView[],
): void {
  for (const host of hosts) {
    const networks = new Set(
      all.filter((view) => view.host.id === host.id).map((view) => view.network.id),
    );
    const remote = all.filter((view) => view.host.id !== host.id && networks.has(view.network.id));
    const held = host.kernel
      .vnis()
      .flatMap((vni) => [...host.kernel.remotes(vni).values()])
      .filter(({ vtep }) => !isLiarsVtep(cluster, vtep));
    assert.deepEqual(
      held.map(({ mac, vtep }) => `${mac} ${vtep}`).toSorted(),
      remote.map((view) => `${view.mac} ${vtepOf(cluster, view)}`).toSorted(),
      `S7: the kernel of host-${host.n} is what the map implies`,
    );
    checkTidy(host, all);
    checkGuard(cluster, host, all);
  }
}

/** S15: what no endpoint needs is gone, what one needs is there. */
function checkTidy(host: SimulatedHost, all: readonly EndpointView[]): void {
  const own = all.filter((view) => view.host.id === host.id);
  assert.deepEqual(
    host.kernel.ports().toSorted(),
    own.map(({ id }) => id).toSorted(),
    `S15: host-${host.n} has the interfaces of its endpoints`,
  );
  const networks = new Set(own.map((view) => view.network.id));
  const count = host.kernel.vnis().length;
  assert.equal(count, networks.size, `S15: host-${host.n} has a segment for each of its networks`);
}

/** S8: into a segment only those may send who have endpoints there. */
function checkGuard(cluster: Cluster, host: SimulatedHost, all: readonly EndpointView[]): void {
  const answer = cluster.answer(host, { kind: "networks" });
  const networks = answer.kind === "networks" ? answer.networks : [];
  for (const { id, vni } of networks) {
    if (!host.kernel.vnis().includes(vni)) continue;
    const there = all.filter((view) => view.network.id === id && view.host.id !== host.id);
    const allowed = [...(host.kernel.senders(vni) ?? ["anybody"])];
    assert.deepEqual(
      allowed.filter((vtep) => !isLiarsVtep(cluster, vtep)).toSorted(),
      [...new Set(there.map((view) => vtepOf(cluster, view)))].toSorted(),
      `S8: host-${host.n} lets in only who has endpoints in network ${id}`,
    );
  }
}

/** Which namespace each endpoint is in: only its own host knows. */
function placesOf(
  hosts: readonly SimulatedHost[],
  views: readonly (readonly EndpointView[])[],
): ReadonlyMap<string, string> {
  const own = views.flatMap((all, at) => all.filter(({ host }) => host.id === hosts[at]?.id));
  return new Map(own.map(({ id, netns }) => [id, netns ?? ""]));
}

function honestOf(cluster: Cluster, views: readonly EndpointView[]): readonly EndpointView[] {
  return views.filter(({ host }) => !cluster.witness.isLiar(host.id));
}

function isLiarsVtep({ hosts, witness }: Cluster, vtep: string): boolean {
  return hosts.some(({ id, address }) => address.startsWith(`${vtep}:`) && witness.isLiar(id));
}

function vtepOf(cluster: Cluster, view: EndpointView): string {
  const host = cluster.hosts.find(({ id }) => id === view.host.id);
  return host?.address.split(":")[0] ?? "";
}

function endpointsOf(answer: Answer): readonly EndpointView[] {
  assert.equal(answer.kind, "endpoints");
  return answer.kind === "endpoints" ? answer.endpoints : [];
}

function statusOf(answer: Answer): StatusView {
  if (answer.kind !== "status") return assert.fail(`a status, and not ${answer.kind}`);
  return answer.status;
}
