import assert from "node:assert/strict";
import { chaosStep } from "../simulation/chaos.ts";
import { checkAddresses, checkAgreement } from "../simulation/checks.ts";
import { Cluster } from "../simulation/cluster.ts";

const seeds = Number(process.env["STARLING_SEEDS"] ?? 60);
const firstSeed = Number(process.env["STARLING_SEED"] ?? 1);
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
    const marks = new Map<string, number>();
    for (let seed = firstSeed; seed < firstSeed + seeds; seed += 1) {
      try {
        for (const [mark, count] of play(seed).marks)
          marks.set(mark, (marks.get(mark) ?? 0) + count);
      } catch (cause) {
        const again = `STARLING_SEED=${seed} STARLING_SEEDS=1 npx mocha test/agent/chaos.test.ts`;
        throw new Error(`seed ${seed}: ${(cause as Error).message}; again: ${again}`, { cause });
      }
    }
    if (seeds < 20) return;
    for (const mark of [
      "attached",
      "detached",
      "vanished",
      "killed",
      "power lost",
      "split",
      "paused",
    ]) {
      assert.ok((marks.get(mark) ?? 0) > 0, `it happened: ${mark}`);
    }
  });

  it("do the same from the same seed", () => {
    const [one, two] = [play(7), play(7)];
    assert.equal(one.schedule.count, two.schedule.count);
    assert.deepEqual([...one.endpoints.keys()], [...two.endpoints.keys()]);
  });
});
