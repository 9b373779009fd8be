import assert from "node:assert/strict";
import { Admissions, outBy } from "./admissions.ts";
import { chaosStep } from "./chaos.ts";
import { checkAddresses } from "./checks.ts";
import { Cluster } from "./cluster.ts";
import type { SimulatedHost } from "./host.ts";
import type { FaultName } from "./options.ts";
import { assertHappened, playAll, seedsOr } from "./storm.ts";

const seeds = seedsOr(30);
const steps = 70;

const faults = new Set<FaultName>([
  ...(["crash", "power", "partition", "one-way", "pause", "slow", "clock"] as const),
  ...(["loss", "duplication", "delay", "reordering", "replay", "breaks"] as const),
]);

/** Runs one seed to its end and says how much happened. */
function play(seed: number): Cluster {
  const cluster = new Cluster({ seed, hosts: 4 + (seed % 5) });
  const admissions = new Admissions(cluster);
  cluster.run(3_000);
  cluster.createNetwork(cluster.anyHost(), "n1", "10.41.0.0/24");
  cluster.run(1_000);
  live(cluster, admissions);
  checkTokens(admissions);
  checkOut(cluster, admissions);
  return cluster;
}

/** Everything happens, and then all is well. */
function live(cluster: Cluster, admissions: Admissions): void {
  for (let step = 0; step < steps; step += 1) {
    chaosStep(cluster, faults);
    admissions.step();
    checkAddresses(cluster);
    checkTokens(admissions);
  }
  cluster.heal();
  cluster.run(40_000);
}

/** S11: no token has let in more hosts than it may. */
function checkTokens({ tokens }: Admissions): void {
  for (const { uses, admitted } of tokens)
    assert.ok(admitted.size <= uses, `S11: ${admitted.size} hosts by a token for ${uses}`);
}

/** S10: whoever is out is out for everybody, and the others are one cluster. */
function checkOut(cluster: Cluster, { revoked }: Admissions): void {
  const known = new Set(cluster.hosts.flatMap((host) => outBy(cluster, host)));
  for (const id of revoked) assert.ok(known.has(id), "S10: a revocation was promised and is lost");
  const isIn = ({ id }: SimulatedHost) => !known.has(id);
  const rest = cluster.hosts.filter(isIn);
  const expected = rest.map(({ n }) => `host-${n}`).toSorted();
  const roots = new Set<string>();
  for (const host of rest) {
    assert.deepEqual(
      outBy(cluster, host),
      [...known].toSorted(),
      `host-${host.n} knows who is out`,
    );
    const peers = cluster.network.peersOf(host.id);
    assert.ok(!peers.some((id) => known.has(id)), `S9: host-${host.n} is linked with who is out`);
    const members = cluster.answer(host, { kind: "members" });
    const names = members.kind === "members" ? members.members.map(({ name }) => name) : [];
    assert.deepEqual(names.toSorted(), expected, `host-${host.n} shows who is in`);
    const status = cluster.answer(host, { kind: "status" });
    if (status.kind === "status") roots.add(status.status.store.root);
    checkKernel(host, rest);
  }
  assert.ok(roots.size <= 1, "the others hold one map");
}

/** S7: no kernel sends to who is out. */
function checkKernel(host: SimulatedHost, rest: readonly SimulatedHost[]): void {
  const places = new Set(rest.map(({ address }) => address.split(":")[0]));
  for (const vni of host.kernel.vnis())
    for (const { vtep } of host.kernel.remotes(vni).values())
      assert.ok(places.has(vtep), `S7: host-${host.n}'s kernel sends to ${vtep}, which is out`);
}

describe("tokens, admins and revocations under every fault", () => {
  it("admit nobody too many and let nobody back, and leave the others one cluster", function () {
    this.timeout(240_000);
    const marks = playAll(seeds, "test/simulation/admission.test.ts", play);
    if (seeds.count < 30) return;
    assertHappened(marks, [
      ...["let in", "TOKEN_USED_UP", "ISSUER_UNREACHABLE", "admin added", "admin removed"],
      ...["revoked", "revoked already", "refused NOT_PERMITTED", "refused LAST_ADMIN"],
      ...["refused REVOKED", "split", "power lost"],
    ]);
  });
});
