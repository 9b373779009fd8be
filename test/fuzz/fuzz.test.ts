import assert from "node:assert/strict";
import { allowed, runCampaign } from "./campaign.ts";
import { targets } from "./targets.ts";

/** A share of what `npm run fuzz` runs; other inputs each day would make a failure hard to find. */
const executions = Number(process.env["STARLING_FUZZ"] ?? 1_500);

describe("whatever comes from outside", () => {
  for (const target of targets) {
    it(`neither crashes, stalls nor fills a host: ${target.name}`, function () {
      this.timeout(120_000);
      const { slowestMs, grownMiB } = runCampaign(target, { executions, seed: 1 });
      assert.ok(slowestMs <= allowed.inputMs, `an input took ${slowestMs} ms`);
      assert.ok(grownMiB <= allowed.grownMiB, `${grownMiB} MiB stayed in memory`);
    });
  }
});
