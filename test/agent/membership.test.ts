import assert from "node:assert/strict";
import type { MemberState } from "../../agent/view.ts";
import { Cluster } from "../simulation/cluster.ts";
import type { SimulatedHost } from "../simulation/host.ts";

const sizes = [3, 9, 10, 25, 50];

/** A cluster in which everybody knows everybody. */
function formed(hosts: number, seed = hosts): Cluster {
  const cluster = new Cluster({ seed, hosts });
  const before = cluster.schedule.now();
  until(cluster, 15_000, () => say(cluster, cluster.hosts, "alive", cluster.hosts), "all see all");
  assert.ok(cluster.schedule.now() - before < 15_000);
  cluster.run(20_000);
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

function first(cluster: Cluster): SimulatedHost {
  return cluster.hosts[1] ?? assert.fail("no host");
}

function others(cluster: Cluster, ...not: SimulatedHost[]): SimulatedHost[] {
  return cluster.hosts.filter((host) => !not.includes(host));
}

describe("members", () => {
  for (const size of sizes) {
    it(`of ${size} see a killed host unreachable within a second, and nobody else`, () => {
      const cluster = formed(size);
      const victim = first(cluster);
      const rest = others(cluster, victim);
      victim.crash();
      const isKnown = () => say(cluster, rest, "unreachable", [victim]);
      until(cluster, 1_000, isKnown, "all know");
      for (let at = 0; at < 20; at += 1) {
        cluster.run(500);
        assert.ok(say(cluster, rest, "alive", rest));
      }
    });

    it(`of ${size} see a silent host unreachable within three seconds, and nobody else`, () => {
      const cluster = formed(size);
      const victim = first(cluster);
      const rest = others(cluster, victim);
      cluster.separate([victim], rest, false);
      const isKnown = () => say(cluster, rest, "unreachable", [victim]);
      until(cluster, 3_000, isKnown, "all know");
      assert.ok(say(cluster, rest, "alive", rest));
      until(cluster, 2_000, () => say(cluster, [victim], "unreachable", rest), "it knows itself");
    });
  }
});
