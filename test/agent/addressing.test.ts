import assert from "node:assert/strict";
import type { Answer } from "../../agent/command.ts";
import { type Cidr, type Ip, parseCidr } from "../../base/address.ts";
import { type Name, parseName } from "../../base/id.ts";
import { Cluster } from "../simulation/cluster.ts";
import type { SimulatedHost } from "../simulation/host.ts";
import { plainWish } from "./samples.ts";

let containers = 0;

function host(cluster: Cluster, n: number): SimulatedHost {
  return cluster.hosts[n - 1] ?? assert.fail(`there is no host ${n}`);
}

function createNetwork(cluster: Cluster, by: number, ...subnets: readonly string[]): void {
  const cidrs = subnets.map((text) => parseCidr(text) as Cidr);
  const name = parseName("web") as Name;
  const command = { kind: "network-create", name, subnets: cidrs, waitMs: undefined } as const;
  assert.equal(cluster.answer(host(cluster, by), command).kind, "network");
  cluster.run(500);
}

/** A container comes to a host. */
function attach(
  cluster: Cluster,
  n: number,
  wish: { readonly name?: string; readonly addresses?: readonly string[] } = {},
): Answer {
  containers += 1;
  const netns = `/run/netns/t${containers}`;
  host(cluster, n).kernel.addNamespace(netns);
  return cluster.answer(host(cluster, n), {
    ...plainWish,
    place: { kind: "netns", netns, interface: "eth0" },
    name: wish.name as Name | undefined,
    addresses: (wish.addresses ?? []) as Ip[],
  });
}

function addressesOf(answer: Answer): readonly string[] {
  if (answer.kind !== "endpoint") return assert.fail(JSON.stringify(answer));
  return answer.endpoint.addresses;
}

function refusalOf(answer: Answer): string {
  return answer.kind === "refused" ? `${answer.refusal.code}: ${answer.refusal.message}` : "";
}

function detach(cluster: Cluster, n: number, name: string): void {
  const command = { kind: "endpoint-remove", endpoint: name, waitMs: undefined } as const;
  assert.equal(cluster.answer(host(cluster, n), command).kind, "removed");
}

function clusterOf(hosts: number, ...subnets: readonly string[]): Cluster {
  const cluster = new Cluster({ seed: 4, hosts });
  cluster.run(2_000);
  createNetwork(cluster, 1, ...subnets);
  return cluster;
}

describe("addresses over a restart", () => {
  it("that were released just before rest on, and go back only to who had them", () => {
    const cluster = clusterOf(1, "10.41.0.0/26");
    const before = ["a", "b", "c"].map((name) => addressesOf(attach(cluster, 1, { name }))[0]);
    detach(cluster, 1, "b");
    host(cluster, 1).crash((unsynced) => Math.min(unsynced, 0));
    cluster.run(1_000);
    host(cluster, 1).boot();
    cluster.run(1_000);
    // Of 61 addresses 2 are used and 1 rests.
    const others = Array.from({ length: 58 }, () => attach(cluster, 1)).flatMap(addressesOf);
    assert.ok(!others.includes(before[1] ?? ""), `${before[1]} was given to somebody else`);
    assert.match(refusalOf(attach(cluster, 1)), /^ADDRESSES_EXHAUSTED/);
    assert.deepEqual(addressesOf(attach(cluster, 1, { name: "b" })), [before[1]]);
  });

  it("rest no longer than a minute after it, and are then forgotten by the disk as well", () => {
    const cluster = clusterOf(1, "10.41.0.0/26");
    for (let at = 0; at < 61; at += 1) attach(cluster, 1, { name: at === 7 ? "b" : `a${at}` });
    detach(cluster, 1, "b");
    host(cluster, 1).crash();
    host(cluster, 1).boot();
    cluster.run(1_000);
    const rows = () =>
      [...host(cluster, 1).disk.rows("local")].filter(({ key }) => key.startsWith("rest/"));
    assert.equal(rows().length, 1);
    assert.match(refusalOf(attach(cluster, 1)), /^ADDRESSES_EXHAUSTED/);
    cluster.run(61_000);
    assert.equal(rows().length, 0);
    assert.equal(addressesOf(attach(cluster, 1)).length, 1);
  });

  it("come back with the MAC address they had", () => {
    const cluster = clusterOf(1, "10.41.0.0/24");
    const macOf = (answer: Answer) => (answer.kind === "endpoint" ? answer.endpoint.mac : "");
    const before = macOf(attach(cluster, 1, { name: "db" }));
    detach(cluster, 1, "db");
    host(cluster, 1).crash();
    host(cluster, 1).boot();
    cluster.run(1_000);
    assert.equal(macOf(attach(cluster, 1, { name: "db" })), before);
  });
});

describe("a host that starts", () => {
  it("hands out no address before another has confirmed that its records are its newest", () => {
    const cluster = clusterOf(3, "10.41.0.0/24");
    for (const n of [1, 2, 3]) host(cluster, n).crash();
    host(cluster, 2).boot();
    cluster.run(10_000);
    assert.match(refusalOf(attach(cluster, 2)), /^NOT_COMPARED: .* \(2 others are known/);
    host(cluster, 3).boot();
    cluster.run(3_000);
    assert.equal(addressesOf(attach(cluster, 2)).length, 1);
  });

  it("may do so where all others were forgotten", () => {
    const cluster = clusterOf(2, "10.41.0.0/24");
    for (const n of [1, 2]) host(cluster, n).crash();
    host(cluster, 2).boot();
    cluster.run(10_000);
    assert.match(refusalOf(attach(cluster, 2)), /^NOT_COMPARED/);
    cluster.answer(host(cluster, 2), {
      ...{ kind: "forget", host: "host-1", isForced: false, waitMs: undefined },
    });
    cluster.run(3_000);
    assert.equal(addressesOf(attach(cluster, 2)).length, 1);
  });

  it("from an old copy of its disk gives nothing that it gave away since", () => {
    const cluster = clusterOf(2, "10.41.0.0/26");
    const putBack = host(cluster, 1).disk.snapshot();
    const given = Array.from({ length: 36 }, () => attach(cluster, 2)).flatMap(addressesOf);
    host(cluster, 1).crash();
    cluster.loseDisk(host(cluster, 1), putBack);
    host(cluster, 1).boot();
    cluster.run(3_000);
    const later: string[] = [];
    for (let answer = attach(cluster, 1); answer.kind === "endpoint"; answer = attach(cluster, 1))
      later.push(...answer.endpoint.addresses);
    assert.ok(later.length > 0);
    assert.deepEqual(
      later.filter((address) => given.includes(address)),
      [],
    );
  });
});

describe("a network of two subnets", () => {
  it("gives each endpoint an address of each, also out of what others grant", () => {
    const cluster = clusterOf(3, "10.41.0.0/26", "fd00:41::/64");
    const all = [1, 2, 3, 1, 2, 3].map((n) => addressesOf(attach(cluster, n)));
    for (const addresses of all) {
      assert.match(addresses[0] ?? "", /^10\.41\.0\.[0-9]+\/26$/);
      assert.match(addresses[1] ?? "", /^fd00:41:.*\/64$/);
    }
    assert.equal(new Set(all.flat()).size, 12);
    const asked = attach(cluster, 2, { addresses: ["fd00:41::beef"] });
    assert.equal(addressesOf(asked)[1], "fd00:41::beef/64", "one is asked for, the other any");
    for (const each of cluster.hosts) {
      const [mapped] = [...each.kernel.remotes(each.kernel.vnis()[0] as never).values()];
      assert.equal(mapped?.ips.length, 2, "kernels know both");
    }
  });

  it("keeps nothing of one family where the other has run out, and says who has some", () => {
    const cluster = clusterOf(2, "10.41.0.0/26", "fd00:41::/64");
    const one = host(cluster, 1);
    const taken: Answer[] = [];
    for (let at = 0; at < 70; at += 1) taken.push(attach(cluster, 1));
    const got = taken.filter(({ kind }) => kind === "endpoint").length;
    assert.ok(got >= 32 && got < 61, `${got}`);
    const used = () => {
      const answer = cluster.answer(one, { kind: "ipam", network: "web" });
      if (answer.kind !== "ipam") return assert.fail();
      return answer.ipam.map(({ shares }) => shares.find((each) => each.host.id === one.id)?.used);
    };
    assert.deepEqual(used(), [got, got]);
    host(cluster, 2).crash();
    cluster.run(5_000);
    const refusal = refusalOf(attach(cluster, 1));
    assert.match(refusal, /^ADDRESSES_EXHAUSTED: no free address in network web here; /);
    assert.match(refusal, /host-2 has [0-9]+ \(unreachable\)/);
    const view = cluster.answer(one, { kind: "ipam", network: "web" });
    assert.ok(view.kind === "ipam" && view.ipam[0] && view.ipam[0].unreachable > 0);
  });
});
