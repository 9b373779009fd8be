import assert from "node:assert/strict";
import { chaosStep } from "../simulation/chaos.ts";
import { checkAddresses, checkAgreement } from "../simulation/checks.ts";
import { Cluster } from "../simulation/cluster.ts";
import { assertHappened, playAll, seedsOr } from "../simulation/storm.ts";

const seeds = seedsOr(60);
const steps = 60;

/** Runs one seed to its end and says how much happened. */
function play(seed: number): Cluster {
  const cluster = new Cluster({ seed, hosts: 3 + (seed % 4) });
  cluster.run(3_000);
  cluster.createNetwork(cluster.anyHost(), "n1", "10.41.0.0/24");
  cluster.run(1_000);
  for (let step = 0; step < steps; step += 1) {
    chaosStep(cluster);
    checkAddresses(cluster);
  }
  cluster.heal();
  cluster.run(40_000);
  checkAddresses(cluster);
  checkAgreement(cluster);
  return cluster;
}

describe("agents under every fault", () => {
  it("never give an address twice, lose nothing they promised, and agree when it is over", function () {
    this.timeout(240_000);
    const marks = playAll(seeds, "test/agent/chaos.test.ts", play);
    if (seeds.count < 20) return;
    assertHappened(marks, [
      "attached",
      "detached",
      "vanished",
      "killed",
      "power lost",
      "split",
      "paused",
    ]);
  });

  it("do the same from the same seed", () => {
    const [one, two] = [play(7), play(7)];
    assert.equal(one.schedule.count, two.schedule.count);
    assert.deepEqual([...one.endpoints.keys()], [...two.endpoints.keys()]);
  });
});
