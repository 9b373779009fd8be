import assert from "node:assert/strict";
import { availableParallelism } from "node:os";
import { type Batch, runBatch } from "./batch.ts";
import { keptSeeds } from "./kept-seeds.ts";
import { missingMarks, mustHappen } from "./marks.ts";
import { defaultSteps, drawRun, replayCommand, type Wishes } from "./options.ts";
import { describeFailure, play } from "./scenario.ts";

const seeds = Number(process.env["STARLING_SEEDS"] ?? 300);
const first = Number(process.env["STARLING_SEED"] ?? 1);
/** Fewer prove nothing about what is rare. */
const enough = 200;

const mixed: Wishes = { hosts: undefined, steps: undefined, faults: "mix" };

describe("simulated clusters", function () {
  this.timeout(600_000);

  it("keep every rule under a mix of faults, and become what was promised", async () => {
    const batch = await runBatch({
      first,
      count: seeds,
      jobs: availableParallelism(),
      wishes: mixed,
    });
    assertWell(batch, mixed);
    assert.ok(batch.repeats >= Math.floor(seeds / 100), "some seeds ran twice, and did the same");
    if (seeds < enough) return;
    assert.deepEqual(missingMarks(batch.marks), [], "everything that must happen happened");
    const attached = batch.marks.get("attached") ?? 0;
    assert.ok(attached >= 10 * seeds, `${attached} endpoints in ${seeds} runs are work enough`);
  });

  it("of twenty hosts keep them as well", async () => {
    const wishes: Wishes = { ...mixed, hosts: 20, steps: 30 };
    const count = Math.ceil(seeds / 5);
    assertWell(await runBatch({ first, count, jobs: availableParallelism(), wishes }), wishes);
  });

  for (const { seed, hosts, faults, cause } of keptSeeds) {
    it(`do not fail again at seed ${seed}: ${cause}`, () => {
      const result = play(drawRun(seed, { hosts, steps: defaultSteps, faults }));
      assert.equal(result.failure, undefined, describeFailure(result));
    });
  }

  it("do the same from the same seed, to the last event", () => {
    const [one, two] = [play(drawRun(3, mixed)), play(drawRun(3, mixed))];
    assert.equal(one.hash, two.hash);
    assert.notEqual(one.hash, play(drawRun(4, mixed)).hash);
  });

  it("have more than forty situations that must come about", () => {
    assert.ok(new Set(mustHappen).size >= 40);
  });
});

function assertWell({ failures }: Batch, wishes: Wishes): void {
  const [worst] = failures;
  if (worst === undefined) return;
  const result = play(drawRun(worst.seed, wishes), true);
  const again = replayCommand(result.options);
  assert.fail([describeFailure(result), ...result.story, `again: ${again}`].join("\n"));
}
