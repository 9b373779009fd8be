import assert from "node:assert/strict";
import { type Envelope, encodeEnvelope } from "../../agent/envelope.ts";
import { encode } from "../../base/codec.ts";
import { decodeHello, encodeHello } from "../../membership/hello.ts";
import { bucketCount, stampBytes } from "../../store/digest.ts";
import type { Cluster } from "../simulation/cluster.ts";
import type { SimulatedHost } from "../simulation/host.ts";
import {
  done,
  formed,
  hostOf,
  linksOf,
  part,
  shownBy,
  statusOf,
  vtepsIn,
} from "./admission-world.ts";

/** Hosts on one network that host 3 has made, with an endpoint on each. */
function peopled(seed: number, hosts = 4): Cluster {
  const cluster = formed(seed, hosts);
  cluster.createNetwork(hostOf(cluster, 3), "web", "10.41.0.0/20");
  cluster.run(2_000);
  for (const host of cluster.hosts) cluster.attach(host, "web");
  cluster.run(4_000);
  assert.equal(cluster.endpoints.size, hosts);
  return cluster;
}

function revoke(cluster: Cluster, by: SimulatedHost, n: number, isForced = false) {
  const out = cluster.hosts[n - 1];
  if (out !== undefined) cluster.witness.revoke(out.id);
  return done(cluster, by, { kind: "revoke", host: `host-${n}`, isForced });
}

/** The others hold one map, in which host 3 is not, and no link and no kernel has to do with it. */
function assertOut(cluster: Cluster, rest = [1, 2, 4]): void {
  const hosts = rest.map((n) => hostOf(cluster, n));
  const roots = hosts.map((host) => statusOf(cluster, host).store.root);
  assert.equal(new Set(roots).size, 1, "one map");
  for (const host of hosts) {
    assert.deepEqual(shownBy(cluster, host), rest);
    assert.ok(!linksOf(cluster, host).includes(3), `host ${host.n} has no link with it`);
    const others = rest
      .filter((n) => n !== host.n)
      .map((n) => `10.0.${n}.1`)
      .toSorted();
    assert.deepEqual(vtepsIn(host), others, `host ${host.n}'s kernel sends to the rest only`);
  }
}

describe("a revoked host", () => {
  it("is out everywhere at once: links, maps and kernels; what others live on stays", () => {
    const cluster = peopled(1);
    const out = hostOf(cluster, 3);
    const before = vtepsIn(out);
    assert.notEqual(typeof revoke(cluster, hostOf(cluster, 1), 3), "string");
    cluster.run(1_000);
    assertOut(cluster);
    for (const n of [1, 2, 4]) {
      const networks = cluster.answer(hostOf(cluster, n), { kind: "networks" });
      assert.equal(networks.kind === "networks" && networks.networks[0]?.name, "web");
    }
    // It fails static, and says why nobody talks to it.
    assert.deepEqual(vtepsIn(out), before);
    assert.match(statusOf(cluster, out).warnings.join("\n"), /key was revoked/);
    cluster.run(60_000);
    assert.deepEqual([linksOf(cluster, out), vtepsIn(out)], [[], before]);
    assertOut(cluster);
  });

  it("is out of a cluster in which not all are linked, within a second", () => {
    const cluster = peopled(5, 14);
    const rest = cluster.hosts.map(({ n }) => n).filter((n) => n !== 3);
    const isFull = rest.every((n) => linksOf(cluster, hostOf(cluster, n)).length === 13);
    assert.equal(isFull, false);
    revoke(cluster, hostOf(cluster, 1), 3);
    cluster.run(1_000);
    assertOut(cluster, rest);
  });

  it("is known to be out after a restart, also where the disk refused that at first", () => {
    const cluster = formed(6, 3);
    const [admin, out] = [hostOf(cluster, 1), hostOf(cluster, 3)];
    cluster.diskFaults = 100;
    assert.equal(revoke(cluster, admin, 3), "STORE_DAMAGED");
    cluster.run(2_000);
    assert.deepEqual(linksOf(cluster, out), [], "in force all the same");
    cluster.diskFaults = 0;
    cluster.run(10_000);
    for (const host of cluster.hosts) host.crash();
    for (const host of cluster.hosts) host.boot();
    cluster.run(20_000);
    assert.deepEqual(linksOf(cluster, out), []);
  });

  it("leaves its addresses to others once it is forgotten as well", () => {
    const cluster = peopled(7);
    const [admin, out] = [hostOf(cluster, 1), hostOf(cluster, 3)];
    revoke(cluster, admin, 3);
    cluster.run(1_000);
    out.crash();
    const forget = () => {
      const said = { host: "host-3", isForced: false, waitMs: undefined };
      const answer = cluster.answer(admin, { kind: "forget", ...said });
      return answer.kind === "forgotten" ? answer.forgotten.addresses : JSON.stringify(answer);
    };
    cluster.retire(out);
    forget();
    cluster.run(10_000);
    assert.equal(forget(), "released");
    assertOut(cluster);
  });

  it("may take its endpoints away, and make nothing new", () => {
    const cluster = peopled(1);
    const out = hostOf(cluster, 3);
    revoke(cluster, hostOf(cluster, 1), 3);
    cluster.run(1_000);
    cluster.attach(out, "web");
    cluster.run(1_000);
    assert.equal(cluster.marks.get("refused REVOKED"), 1);
    const [own] = [...cluster.endpoints.values()].filter(({ host }) => host === out);
    assert.ok(own);
    cluster.detach(own);
    cluster.run(1_000);
    const ports = [...out.kernel.vnis()].length;
    assert.equal(ports, 0, "its segment went with its last endpoint");
  });

  it("stays out when it comes back after it was away, and when everybody has restarted", () => {
    const cluster = peopled(2);
    const out = hostOf(cluster, 3);
    out.crash();
    cluster.run(5_000);
    assert.notEqual(typeof revoke(cluster, hostOf(cluster, 1), 3), "string");
    cluster.run(1_000);
    out.boot();
    cluster.run(30_000);
    assertOut(cluster);
    for (const n of [1, 2, 4]) hostOf(cluster, n).crash();
    for (const n of [1, 2, 4]) hostOf(cluster, n).boot();
    cluster.run(30_000);
    assertOut(cluster);
  });

  it("is cut off by those who learn of it after a partition, before they take more of it", () => {
    for (let seed = 1; seed <= 10; seed += 1) {
      const cluster = peopled(seed);
      part(cluster, [1, 2], [3, 4]);
      cluster.run(8_000);
      assert.notEqual(typeof revoke(cluster, hostOf(cluster, 1), 3), "string");
      // Beyond the cut it goes on, with host 4 as its witness.
      cluster.createNetwork(hostOf(cluster, 3), "late", "10.42.0.0/24");
      cluster.attach(hostOf(cluster, 3), "web");
      cluster.run(3_000);
      assert.ok(linksOf(cluster, hostOf(cluster, 4)).includes(3));
      cluster.network.mendAll();
      cluster.run(20_000);
      assertOut(cluster);
      for (const n of [1, 2, 4]) {
        const networks = cluster.answer(hostOf(cluster, n), { kind: "networks" });
        const names = networks.kind === "networks" ? networks.networks.map(({ name }) => name) : [];
        assert.deepEqual(names, ["web"], `seed ${seed}: what it did after it was out is gone`);
      }
    }
  });

  it("is out by any of several admins, on both sides of a partition", () => {
    const cluster = peopled(3);
    done(cluster, hostOf(cluster, 1), { kind: "admin-add", host: "host-2" });
    cluster.run(2_000);
    part(cluster, [1], [2, 3, 4]);
    cluster.run(8_000);
    for (const by of [1, 2])
      assert.notEqual(typeof revoke(cluster, hostOf(cluster, by), 3), "string");
    cluster.run(1_000);
    cluster.network.mendAll();
    cluster.run(20_000);
    assertOut(cluster);
  });

  it("is revoked once, by an admin, and neither by accident itself nor as the last admin", () => {
    const cluster = formed(1, 3);
    const [admin, member] = [hostOf(cluster, 1), hostOf(cluster, 2)];
    assert.equal(revoke(cluster, member, 3), "NOT_PERMITTED");
    assert.equal(revoke(cluster, admin, 9), "UNKNOWN_HOST");
    assert.equal(revoke(cluster, admin, 1), "BAD_REQUEST");
    const command = { kind: "revoke", host: "host-3", isForced: false } as const;
    const isNew = [1, 2].map(() => {
      const answer = cluster.answer(admin, command);
      return answer.kind === "host" && answer.isNew;
    });
    assert.deepEqual(isNew, [true, false]);
    assert.equal(
      done(cluster, admin, { kind: "admin-remove", host: "host-1", isForced: false }),
      "LAST_ADMIN",
    );
    assert.notEqual(typeof revoke(cluster, admin, 1, true), "string");
    cluster.run(2_000);
    assert.deepEqual(linksOf(cluster, admin), []);
  });

  it("is known to be out after any crash of who was told first", () => {
    const answered = Array.from({ length: 20 }, (_, at) => {
      const cluster = formed(at + 1, 4);
      const [admin, out] = [hostOf(cluster, 1), hostOf(cluster, 3)];
      let isAnswered = false;
      cluster.ask(admin, { kind: "revoke", host: "host-3", isForced: false }, (answer) => {
        isAnswered = answer.kind === "host";
      });
      cluster.run(cluster.random.below(8));
      const others = cluster.hosts.filter((host) => host !== out);
      for (const host of others) host.crash();
      cluster.run(1_000);
      for (const host of others) host.boot();
      cluster.run(20_000);
      if (isAnswered) assert.deepEqual(linksOf(cluster, out), [], `seed ${at + 1}`);
      return isAnswered;
    });
    assert.ok(answered.includes(true) && answered.includes(false), "both have happened");
  });

  it("spreads over bad gossip, in any weather", () => {
    for (let seed = 1; seed <= 10; seed += 1) {
      const cluster = peopled(seed, 6);
      Object.assign(cluster.network.faults, { gossipLoss: 60, gossipRepeat: 20, linkBreak: 50 });
      assert.notEqual(typeof revoke(cluster, hostOf(cluster, 1), 3), "string");
      cluster.run(15_000);
      for (const n of [1, 2, 4, 5, 6])
        assert.ok(!shownBy(cluster, hostOf(cluster, n)).includes(3), `seed ${seed}, host ${n}`);
    }
  });
});

describe("two hosts that know different revocations", () => {
  it("tell each other first of all when they meet", () => {
    const cluster = peopled(4);
    part(cluster, [1, 2], [3, 4]);
    cluster.run(8_000);
    revoke(cluster, hostOf(cluster, 1), 3);
    cluster.run(1_000);
    const [one, four] = [hostOf(cluster, 1), hostOf(cluster, 4)];
    for (const [from, to] of [
      [one, four],
      [four, one],
    ] as const)
      cluster.network.cut(from.id, to.id, false);
    while (!linksOf(cluster, four).includes(1)) cluster.run(1);
    cluster.run(50);
    assert.deepEqual(linksOf(cluster, four), [1]);
  });

  it("hear nothing else of each other until then", () => {
    const cluster = formed(1, 2);
    const [host, peer] = [hostOf(cluster, 1), hostOf(cluster, 2)];
    const agent = host.agent();
    const said = decodeHello(peer.hello());
    assert.ok(agent && said);
    const now = cluster.schedule.now();
    const hello = encodeHello({ ...said, revocations: new Uint8Array(16) });
    const effectsOf = (act: () => void) => {
      act();
      return agent
        .drain()
        .map((effect) => ("message" in effect ? effect.message.kind : effect.kind));
    };
    const hear = (message: Envelope) =>
      effectsOf(() => agent.received(peer.id, encodeEnvelope(message), now));
    const [root, reports] = [new Uint8Array(16), new Uint8Array(8)];
    const ping: Envelope = { kind: "ping", nonce: 1, root, reports };
    const link = { host: peer.id, hello, address: peer.address, isInbound: false };
    const first = effectsOf(() => agent.linkUp(link, now));
    assert.ok(first.includes("revocations") && !first.includes("pull"));
    assert.deepEqual(hear(ping), []);
    // What it asks for it gets: no answer would mean that there is nothing it lacks.
    const asked = encode({ kind: "compare", buckets: new Uint8Array(bucketCount * stampBytes) });
    assert.ok([...agent.serve(peer.id, asked)].length > 0);
    const last: Envelope = { kind: "revocations", entries: [], isLast: true };
    assert.ok(hear(last).includes("pull"), "then the maps are compared");
    assert.ok(hear(ping).includes("pong"));
  });
});
