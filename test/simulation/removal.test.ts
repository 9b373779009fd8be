import assert from "node:assert/strict";
import { chaosStep } from "./chaos.ts";
import { checkAddresses, checkAgreement } from "./checks.ts";
import { Cluster } from "./cluster.ts";
import { LedgerChecks } from "./ledger-checks.ts";
import type { FaultName } from "./options.ts";
import { withPlanted } from "./plants.ts";
import { removalPlants } from "./plants-removal.ts";
import { removalStep } from "./removals.ts";
import { assertHappened, playAll, seedsOr } from "./storm.ts";

const seeds = seedsOr(30);
const steps = 70;

const faults = new Set<FaultName>([
  "crash",
  "power",
  "partition",
  "one-way",
  "pause",
  "slow",
  "loss",
  "duplication",
  "delay",
  "reordering",
  "breaks",
]);

/** Seeds that failed once, each with its cause. */
const kept = [
  { seed: 445, cause: "it failed once, and its cause was never found" },
  { seed: 474, cause: "a port stayed whose record came after its host had been forgotten" },
];

/** Runs one seed to its end and says how much happened. */
function play(seed: number): Cluster {
  const isTraced = process.env["STARLING_TRACE"] !== undefined;
  const cluster = new Cluster({ ...sizeOf(seed), isTraced });
  const ledgers = live(cluster);
  cluster.heal();
  // Who had asked to leave may do so only now.
  cluster.run(30_000);
  cluster.heal();
  cluster.run(30_000);
  ledgers.check(cluster);
  checkAgreement(cluster);
  checkSettled(cluster);
  return cluster;
}

function sizeOf(seed: number): { readonly seed: number; readonly hosts: number } {
  return { seed, hosts: 4 + (seed % 4) };
}

/** The first phase: everything may happen, and each step is judged. */
function live(cluster: Cluster): LedgerChecks {
  const ledgers = new LedgerChecks();
  cluster.run(3_000);
  cluster.createNetwork(cluster.anyHost(), "n1", "10.41.0.0/24");
  cluster.run(1_000);
  for (let step = 0; step < steps; step += 1) {
    chaosStep(cluster, faults);
    removalStep(cluster);
    checkAddresses(cluster);
    ledgers.check(cluster);
  }
  return ledgers;
}

/** What is wrong, or undefined. */
function fault(run: () => void): string | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Nothing stays frozen once everybody hears everybody, but what nobody is left to settle. */
function checkSettled(cluster: Cluster): void {
  for (const host of cluster.hosts.filter(({ isUp }) => isUp)) {
    const status = cluster.answer(host, { kind: "status" });
    assert.ok(status.kind === "status");
    const { warnings } = status.status;
    const waits = warnings.filter((text) => /frozen until/.test(text));
    assert.deepEqual(waits, [], `host-${host.n} still waits`);
    if (warnings.some((text) => text.includes('run "starling forget'))) cluster.mark("orphaned");
    if (warnings.some((text) => text.includes("this host was forgotten by")))
      cluster.mark("zombie");
  }
}

describe("hosts that leave and are forgotten under every fault", () => {
  it("leave no address with two owners, ever, and none without one when it is over", function () {
    this.timeout(240_000);
    const marks = playAll(seeds, "test/simulation/removal.test.ts", play);
    if (seeds.count < 30) return;
    assertHappened(marks, [
      "left",
      "forgotten",
      "forgotten again",
      "forgotten on two hosts",
      "forgotten: released",
      "forgotten: frozen",
      "zombie",
      "forgotten host has not heard of it",
      "split",
      "power lost",
    ]);
  });

  for (const { seed, cause } of kept) {
    it(`do not fail again at seed ${seed}: ${cause}`, () => {
      play(seed);
    }).timeout(60_000);
  }

  for (const plant of removalPlants) {
    it(`would be caught with ${plant.name} (${plant.row})`, function () {
      this.timeout(240_000);
      for (let seed = 30; seed < 230; seed += 1) {
        const caught = withPlanted(plant, () => fault(() => live(new Cluster(sizeOf(seed)))));
        // Of two owners of an address a kernel may be the first to suffer: not yet the rule itself.
        if (caught !== undefined && /^(owners|generation|ownership|chains|S5)/.test(caught)) return;
      }
      assert.fail("200 seeds found nothing");
    });
  }
});
