/** What must be true of a simulated cluster: always, and once its faults have stopped. */
import assert from "node:assert/strict";
import type { Answer } from "../../agent/command.ts";
import type { EndpointView } from "../../agent/view.ts";
import type { Cluster } from "./cluster.ts";

/** S5: at no instant do two endpoints that were promised hold one address. */
export function checkAddresses(cluster: Cluster): void {
  const holders = new Map<string, string>();
  for (const { id, network, addresses } of cluster.endpoints.values()) {
    for (const address of addresses) {
      const key = `${network} ${address}`;
      const other = holders.get(key);
      assert.equal(other, undefined, `${key} is held by ${other} and by ${id}`);
      holders.set(key, id);
    }
  }
}

/**
 * After faults: one map on all hosts, nothing promised is missing, and each kernel is what the map
 * implies.
 */
export function checkAgreement(cluster: Cluster): void {
  const views = cluster.hosts.map((host) => endpointsOf(cluster.answer(host, everything)));
  const statuses = cluster.hosts.map((host) => cluster.answer(host, { kind: "status" }));
  const roots = statuses.map((answer) =>
    answer.kind === "status" ? answer.status.store.root : "",
  );
  assert.equal(new Set(roots).size, 1, "all hosts hold the same map");
  const [first = []] = views;
  const shown = new Map(first.map((view) => [view.id as string, view]));
  for (const { id } of cluster.endpoints.values()) {
    assert.ok(shown.has(id), `endpoint ${id} was acknowledged and is lost`);
  }
  const places = placesOf(cluster, views);
  for (const id of shown.keys()) {
    const isUncertain = cluster.uncertain.has(places.get(id) ?? "");
    const isRight = isUncertain || cluster.endpoints.has(id);
    assert.ok(isRight, `endpoint ${id} was removed, or never promised, and is there`);
  }
  const held = first.flatMap((view) => view.addresses.map((ip) => `${view.network.id} ${ip}`));
  assert.equal(new Set(held).size, held.length, "no address is in the map twice");
  checkKernels(cluster, first);
}

const everything = { kind: "endpoints", network: undefined } as const;

function checkKernels(cluster: Cluster, all: readonly EndpointView[]): void {
  for (const host of cluster.hosts) {
    const networks = new Set(
      all.filter((view) => view.host.id === host.id).map((view) => view.network.id),
    );
    const remote = all.filter((view) => view.host.id !== host.id && networks.has(view.network.id));
    const held = host.kernel.vnis().flatMap((vni) => [...host.kernel.remotes(vni).values()]);
    assert.deepEqual(
      held.map(({ mac, vtep }) => `${mac} ${vtep}`).toSorted(),
      remote.map((view) => `${view.mac} ${vtepOf(cluster, view)}`).toSorted(),
      `host ${host.n}'s kernel is what the map implies`,
    );
    for (const view of all) {
      if (view.host.id === host.id)
        assert.ok(host.kernel.hasPort(view.id), `${view.id} has its port`);
    }
  }
}

/** Which namespace each endpoint is in: only its own host knows. */
function placesOf(
  cluster: Cluster,
  views: readonly (readonly EndpointView[])[],
): ReadonlyMap<string, string> {
  const own = views.flatMap((all, at) =>
    all.filter(({ host }) => host.id === cluster.hosts[at]?.id),
  );
  return new Map(own.map(({ id, netns }) => [id, netns ?? ""]));
}

function vtepOf(cluster: Cluster, view: EndpointView): string {
  const host = cluster.hosts.find(({ id }) => id === view.host.id);
  return host?.address.split(":")[0] ?? "";
}

function endpointsOf(answer: Answer): readonly EndpointView[] {
  assert.equal(answer.kind, "endpoints");
  return answer.kind === "endpoints" ? answer.endpoints : [];
}
