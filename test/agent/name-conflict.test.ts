import assert from "node:assert/strict";
import { preferredVni } from "../../agent/network-names.ts";
import type { NetworkView } from "../../agent/view.ts";
import type { NetworkId } from "../../base/id.ts";
import { Cluster } from "../simulation/cluster.ts";
import type { SimulatedHost } from "../simulation/host.ts";

function host(cluster: Cluster, n: number): SimulatedHost {
  return cluster.hosts[n - 1] ?? assert.fail(`there is no host ${n}`);
}

function networksOf(cluster: Cluster, n: number): readonly NetworkView[] {
  const answer = cluster.answer(host(cluster, n), { kind: "networks" });
  return answer.kind === "networks" ? answer.networks : assert.fail();
}

/** Host 1 and 2 on one side, 3 and 4 on the other; each side creates a network. */
function apart(cluster: Cluster, names: readonly [string, string]): void {
  cluster.run(2_000);
  cluster.separate(cluster.hosts.slice(0, 2), cluster.hosts.slice(2), false);
  cluster.run(5_000);
  cluster.createNetwork(host(cluster, 1), names[0], "10.41.0.0/24");
  cluster.run(1_000);
  cluster.createNetwork(host(cluster, 3), names[1], "10.41.0.0/24");
  cluster.run(1_000);
  for (const n of [1, 2]) cluster.attach(host(cluster, n), names[0]);
  for (const n of [3, 4]) cluster.attach(host(cluster, n), names[1]);
  cluster.run(2_000);
  assert.equal(cluster.endpoints.size, 4, "both sides go on");
}

function together(cluster: Cluster): void {
  cluster.heal();
  cluster.run(10_000);
}

/** What frames of an endpoint's network leave to, by host. */
function remotesOn(cluster: Cluster, n: number): number[] {
  const { kernel } = host(cluster, n);
  return kernel.vnis().map((vni) => kernel.remotes(vni).size);
}

describe("two sides of a partition that create one network each", () => {
  it("both keep theirs under one name: the older owns it, and everybody says the same", () => {
    const cluster = new Cluster({ seed: 5, hosts: 4 });
    apart(cluster, ["web", "web"]);
    together(cluster);
    const [mine, ...others] = [1, 2, 3, 4].map((n) => networksOf(cluster, n));
    const summary = (views: readonly NetworkView[] | undefined) =>
      views?.map(({ id, vni, conflict, endpoints }) => ({ id, vni, conflict, endpoints }));
    for (const views of others) assert.deepEqual(summary(views), summary(mine));
    const [older, younger] = mine ?? [];
    assert.ok(older && younger);
    assert.deepEqual([older.endpoints, younger.endpoints], [2, 2]);
    assert.equal(older.createdBy.name, "host-1", "it was created first");
    assert.equal(older.conflict, undefined);
    assert.match(younger.conflict ?? "", new RegExp(`the older network ${older.id}`));
    assert.notEqual(older.vni, younger.vni);
    for (const n of [1, 2, 3, 4])
      assert.deepEqual(remotesOn(cluster, n), [1], "each endpoint sees only its own network");
    const status = cluster.answer(host(cluster, 4), { kind: "status" });
    assert.ok(status.kind === "status");
    assert.ok(status.status.warnings.some((text) => text.includes("use this one by its id")));
    // The way out that the warning names.
    const forced = { isForced: true, waitMs: undefined } as const;
    cluster.answer(host(cluster, 2), { kind: "network-remove", network: younger.id, ...forced });
    cluster.run(3_000);
    assert.deepEqual(
      networksOf(cluster, 3).map(({ id, conflict }) => [id, conflict]),
      [[older.id, undefined]],
    );
  });

  it("with one VNI move the younger to the next, in every kernel, and lose no endpoint", () => {
    const bytes = new Map([
      [1, Uint8Array.of(1, 2, 3, 4, 5, 6, 0, 1)],
      [3, Uint8Array.of(1, 2, 3, 4, 5, 6, 0, 2)],
    ]);
    const isOn = { value: false };
    const cluster = new Cluster({
      seed: 6,
      hosts: 4,
      chanceOf: (n, chance) => ({
        below: (bound) => chance.below(bound),
        bytes: (length) => {
          const rigged = isOn.value && length === 8 ? bytes.get(n) : undefined;
          if (rigged !== undefined) bytes.delete(n);
          return rigged ?? chance.bytes(length);
        },
      }),
    });
    isOn.value = true;
    apart(cluster, ["one", "two"]);
    assert.equal(bytes.size, 0, "both ids were drawn as planned");
    const alone = [1, 3].map((n) => host(cluster, n).kernel.vnis());
    assert.deepEqual(alone[0], alone[1], "apart, both have the VNI they would like");
    together(cluster);
    const views = networksOf(cluster, 2);
    const [older, younger] = ["one", "two"].map((name) => views.find((view) => view.name === name));
    assert.ok(older && younger);
    assert.equal(preferredVni(older.id as NetworkId), preferredVni(younger.id as NetworkId));
    assert.equal(younger.vni, older.vni + 1);
    assert.deepEqual(
      [1, 2, 3, 4].map((n) => host(cluster, n).kernel.vnis()),
      [[older.vni], [older.vni], [younger.vni], [younger.vni]],
    );
    for (const { id, host: at } of cluster.endpoints.values())
      assert.ok(at.kernel.hasPort(id as never), `endpoint ${id} has its port`);
    for (const n of [1, 2, 3, 4]) assert.deepEqual(remotesOn(cluster, n), [1]);
  });
});
