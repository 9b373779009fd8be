/** L1, L3, L4: what a healthy cluster owes whoever works with it. */
import assert from "node:assert/strict";
import { pick, type Random } from "../../base/random.ts";
import type { Cluster } from "./cluster.ts";
import type { SimulatedHost } from "./host.ts";

/** A silent host is known everywhere after so long, in milliseconds. */
const deathSeenMs = 5_000;
/** One change of a quiet cluster reaches everybody within so long. */
const quietMs = 1_000;

/** After everything has settled: one change, one death, and nobody else is accused. */
export function checkAfterlife(cluster: Cluster, random: Random): void {
  const alive = cluster.hosts.filter((host) => host.isUp && cluster.isIn(host));
  checkNobodyAccused(cluster, alive);
  if (random.below(3) === 0) checkQuietChange(cluster, alive, random);
  if (random.below(3) === 0) checkPause(cluster, alive, random);
  const victim = pick(random, alive);
  if (victim === undefined || alive.length < 3 || random.below(4) !== 0) return;
  checkDeath(cluster, alive, victim);
}

function checkNobodyAccused(cluster: Cluster, alive: readonly SimulatedHost[]): void {
  const accusation = accused(cluster, alive);
  if (accusation !== undefined) assert.fail(`L4: ${accusation}`);
}

/** Who of these that all run is said not to, and by whom. */
export function accused(cluster: Cluster, all: readonly SimulatedHost[]): string | undefined {
  // Who was caught lying is kept out for a while, and so looks dead.
  const alive = all.filter((host) => cluster.isIn(host) && !cluster.witness.isLiar(host.id));
  for (const host of alive) {
    for (const [id, state] of statesOf(cluster, host)) {
      const other = alive.find((each) => each.id === id);
      if (other !== undefined && state !== "alive")
        return `host-${host.n} calls host-${other.n} ${state}, which runs`;
    }
  }
  return undefined;
}

function checkQuietChange(cluster: Cluster, alive: readonly SimulatedHost[], random: Random): void {
  const host = pick(random, alive);
  if (host === undefined) return;
  const before = cluster.witness.view(host.id).heads.get(host.id);
  cluster.createNetwork(host, `quiet${random.below(1000)}`, "10.99.0.0/24");
  cluster.run(quietMs);
  const after = cluster.witness.view(host.id).heads.get(host.id);
  if (after === undefined || after.seq === before?.seq) return;
  for (const other of alive) {
    const seen = cluster.witness.view(other.id).heads.get(host.id);
    if (cluster.witness.isLiar(host.id)) continue;
    const isThere = seen !== undefined && seen.seq >= after.seq;
    assert.ok(isThere, `L1: host-${other.n} lacks a change of host-${host.n} after ${quietMs} ms`);
  }
  cluster.mark("quiet change");
}

/** L4: who slept does not accuse those who waited for it. */
function checkPause(cluster: Cluster, alive: readonly SimulatedHost[], random: Random): void {
  const sleeper = pick(random, alive);
  if (sleeper === undefined) return;
  cluster.does("sleeps", sleeper);
  sleeper.pause();
  cluster.run(1_300 + random.below(1_500));
  sleeper.resume();
  for (const [id, state] of statesOf(cluster, sleeper)) {
    const other = alive.find((each) => each.id === id);
    if (other !== undefined && state === "unreachable")
      assert.fail(`L4: host-${sleeper.n} slept, and calls host-${other.n} unreachable`);
  }
  cluster.run(3_000);
}

/** L3, L4: the dead is called dead by all, and only the dead. */
function checkDeath(
  cluster: Cluster,
  alive: readonly SimulatedHost[],
  victim: SimulatedHost,
): void {
  cluster.does("dies for good", victim);
  victim.crash();
  cluster.run(deathSeenMs);
  const others = alive.filter((host) => host !== victim);
  for (const host of others) {
    const state = statesOf(cluster, host).get(victim.id);
    const isSeen = state === "unreachable" || state === undefined;
    assert.ok(isSeen, `L3: host-${host.n} calls host-${victim.n} ${state}, which died`);
  }
  checkNobodyAccused(cluster, others);
}

function statesOf(cluster: Cluster, host: SimulatedHost): ReadonlyMap<string, string> {
  const answer = cluster.answer(host, { kind: "members" });
  if (answer.kind !== "members") return assert.fail("L1: members are shown");
  return new Map(answer.members.map(({ id, state }) => [id, state]));
}
