import assert from "node:assert/strict";
import { timing } from "../../agent/config.ts";
import { encodeEnvelope } from "../../agent/envelope.ts";
import type { MemberState } from "../../agent/view.ts";
import { clusterOf } from "../../membership/certificate.ts";
import { signReport } from "../../membership/report.ts";
import { Cluster } from "../simulation/cluster.ts";
import { simulatedCrypto, simulatedSigner } from "../simulation/crypto.ts";
import type { SimulatedHost } from "../simulation/host.ts";

const sizes = [3, 9, 10, 25, 50];

/** A cluster in which everybody knows everybody, and has had time to find its neighbours. */
function formed(hosts: number, seed = hosts): Cluster {
  const cluster = new Cluster({ seed, hosts });
  until(cluster, 5_000, () => say(cluster, cluster.hosts, "alive", cluster.hosts), "all see all");
  cluster.run(2 * timing.neighbours.lingerMs);
  return cluster;
}

/** Runs until it is so; returns after how many milliseconds. */
function until(cluster: Cluster, withinMs: number, isSo: () => boolean, what: string): number {
  const from = cluster.schedule.now();
  while (!isSo()) {
    assert.ok(cluster.schedule.now() - from < withinMs, `${what}: not within ${withinMs} ms`);
    cluster.run(20);
  }
  return cluster.schedule.now() - from;
}

/** What a host says of every host, at this instant. */
function statesOf(cluster: Cluster, host: SimulatedHost): ReadonlyMap<string, MemberState> {
  let states: ReadonlyMap<string, MemberState> | undefined;
  cluster.ask(host, { kind: "members" }, (answer) => {
    if (answer.kind === "members") states = new Map(answer.members.map((m) => [m.id, m.state]));
  });
  return states ?? assert.fail(`host ${host.n} does not answer`);
}

/** Whether each of `from` says this of each of `of`. */
function say(
  cluster: Cluster,
  from: readonly SimulatedHost[],
  state: MemberState,
  of: readonly SimulatedHost[],
): boolean {
  return from.every((host) => {
    const states = statesOf(cluster, host);
    return of.every(({ id }) => states.get(id) === state);
  });
}

/** For so long, nobody of `from` calls anybody of `of` unreachable. Some are asked each time. */
function nobodyDies(
  cluster: Cluster,
  forMs: number,
  from: readonly SimulatedHost[],
  of: readonly SimulatedHost[],
): void {
  const end = cluster.schedule.now() + forMs;
  for (let turn = 0; cluster.schedule.now() < end; turn += 1) {
    cluster.run(250);
    for (const host of from.filter(({ n }) => n % 8 === turn % 8)) {
      const states = statesOf(cluster, host);
      for (const { id, n } of of)
        assert.notEqual(states.get(id), "unreachable", `host ${n}, says host ${host.n}`);
    }
  }
}

/** The same at every instant, whoever is asked. */
function everybodyLives(
  cluster: Cluster,
  forMs: number,
  from: readonly SimulatedHost[],
  of: readonly SimulatedHost[],
): void {
  const end = cluster.schedule.now() + forMs;
  while (cluster.schedule.now() < end) {
    cluster.run(10);
    for (const host of from) {
      const dead = [...statesOf(cluster, host)].filter(([, state]) => state === "unreachable");
      const wrongly = of.filter(({ id }) => dead.some(([other]) => other === id));
      assert.equal(wrongly.length, 0, `${wrongly.length} are dead, says host ${host.n}`);
    }
  }
}

function rootsOf(cluster: Cluster): Set<string> {
  const roots = new Set<string>();
  for (const host of cluster.hosts) {
    cluster.ask(host, { kind: "status" }, (answer) => {
      if (answer.kind === "status") roots.add(answer.status.store.root);
    });
  }
  return roots;
}

function second(cluster: Cluster): SimulatedHost {
  return cluster.hosts[1] ?? assert.fail("no host");
}

function others(cluster: Cluster, ...not: SimulatedHost[]): SimulatedHost[] {
  return cluster.hosts.filter((host) => !not.includes(host));
}

describe("members", function () {
  // Fifty hosts take seconds of a processor that may be shared.
  this.timeout(240_000);

  for (const size of sizes) {
    it(`of ${size} see a killed host unreachable within a second, and nobody else`, () => {
      const cluster = formed(size);
      const victim = second(cluster);
      const rest = others(cluster, victim);
      victim.crash();
      const isKnown = () => say(cluster, rest, "unreachable", [victim]);
      until(cluster, 1_000, isKnown, "all know");
      nobodyDies(cluster, 10_000, rest, rest);
      assert.ok(isKnown());
      victim.boot();
      until(cluster, 3_000, () => say(cluster, cluster.hosts, "alive", cluster.hosts), "is back");
    });

    it(`of ${size} see a silent host unreachable within three seconds, and nobody else`, () => {
      const cluster = formed(size);
      const victim = second(cluster);
      const rest = others(cluster, victim);
      cluster.separate([victim], rest, false);
      const isKnown = () => say(cluster, rest, "unreachable", [victim]);
      until(cluster, 3_000, isKnown, "all know");
      assert.ok(say(cluster, rest, "alive", rest));
      until(cluster, 2_000, () => say(cluster, [victim], "unreachable", rest), "it knows itself");
    });

    it(`of ${size} agree within three seconds after a split of a minute`, () => {
      const cluster = formed(size);
      const half = cluster.hosts.slice(0, Math.floor(size / 2));
      const rest = others(cluster, ...half);
      cluster.separate(half, rest, false);
      until(cluster, 3_500, () => say(cluster, half, "unreachable", rest), "one half knows");
      until(cluster, 500, () => say(cluster, rest, "unreachable", half), "so does the other");
      assert.ok(say(cluster, half, "alive", half) && say(cluster, rest, "alive", rest));
      cluster.createNetwork(half[0] ?? second(cluster), "here", "10.41.0.0/24");
      cluster.createNetwork(rest[0] ?? second(cluster), "there", "10.42.0.0/24");
      cluster.run(60_000);
      assert.equal(rootsOf(cluster).size, 2);
      cluster.network.mendAll();
      until(cluster, 3_000, () => rootsOf(cluster).size === 1, "all maps are equal");
      const isWhole = () => say(cluster, cluster.hosts, "alive", cluster.hosts);
      until(cluster, 3_000, isWhole, "all see all");
    });
  }

  for (const size of sizes.slice(0, -1)) {
    it(`of ${size} with a slow host and lossy links and gossip call nobody dead`, () => {
      const cluster = formed(size);
      Object.assign(cluster.network.faults, { gossipLoss: 10, jitterMs: 100, linkBreak: 20 });
      const slow = second(cluster);
      slow.slowMs = 10;
      nobodyDies(cluster, 60_000, others(cluster, slow), cluster.hosts);
    });

    it(`of ${size} miss a paused host only, which accuses nobody when it goes on`, () => {
      const cluster = formed(size);
      const sleeper = second(cluster);
      const rest = others(cluster, sleeper);
      sleeper.pause();
      nobodyDies(cluster, 10_000, rest, rest);
      assert.ok(say(cluster, rest, "unreachable", [sleeper]));
      sleeper.resume();
      const from = cluster.schedule.now();
      everybodyLives(cluster, 2_000, [sleeper], rest);
      const isBack = () => say(cluster, cluster.hosts, "alive", cluster.hosts);
      until(cluster, 10_000, isBack, "everybody sees everybody");
      assert.ok(cluster.schedule.now() - from < 12_000);
    });

    it(`of ${size} keep a host alive that one other alone cannot reach`, () => {
      const cluster = formed(size);
      const [a] = cluster.hosts;
      assert.ok(a);
      cluster.separate([a], [second(cluster)], true);
      nobodyDies(cluster, 60_000, cluster.hosts, cluster.hosts);
    });
  }

  it("have links by the dozen, not by the number of hosts", () => {
    const cluster = formed(50);
    for (const host of cluster.hosts) {
      const links = cluster.network.linksOf(host.id);
      // Twelve in the mean: eight by place, two drawn by chance, and two by whom others have drawn.
      assert.ok(links >= 6 && links <= 20, `${links} links`);
    }
  });

  it("live on when a member accuses everybody, in its own name and in others'", () => {
    const cluster = formed(12);
    const villain = second(cluster);
    const victims = others(cluster, villain);
    const lost = victims.map(({ id }) => ({ host: id, incarnation: 100 }));
    const key = simulatedCrypto(villain.id);
    const id = clusterOf(simulatedSigner(1).publicKey, key);
    for (const { id: host } of cluster.hosts) {
      const said = { host, incarnation: 0, serial: 1_000, isIsolated: false, lost, heard: [] };
      const message = { kind: "report", report: signReport(id, said, key) } as const;
      cluster.network.publish(villain.id, encodeEnvelope(message));
    }
    everybodyLives(cluster, 2_000, victims, victims);
    assert.ok(say(cluster, victims, "alive", victims));
  });

  it("see a host that flaps come and go, and go on speaking with everybody else", () => {
    const cluster = formed(12);
    const victim = second(cluster);
    const rest = others(cluster, victim);
    for (let turn = 0; turn < 10; turn += 1) {
      victim.crash();
      until(cluster, 1_000, () => say(cluster, rest, "unreachable", [victim]), "it is gone");
      victim.boot();
      until(cluster, 3_000, () => say(cluster, rest, "alive", [victim]), "it is back");
      assert.ok(say(cluster, rest, "alive", rest));
    }
  });
});
