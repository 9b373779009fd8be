import assert from "node:assert/strict";
import fc from "fast-check";
import { median, quantiles } from "../../bench/quantiles.ts";

describe("quantiles", () => {
  it("are values that were measured, whatever the order they came in", () => {
    const sample = Array.from({ length: 200 }, (_, at) => 200 - at);
    assert.deepEqual(quantiles(sample), {
      count: 200,
      min: 1,
      p50: 100,
      p90: 180,
      p99: 198,
      max: 200,
    });
    assert.equal(median([3]), 3);
  });

  it("leave at least their share of the sample at or below them, and no smaller value does", () => {
    fc.assert(
      fc.property(fc.array(fc.integer(), { minLength: 1 }), (sample) => {
        const { p90 } = quantiles(sample);
        const share = (limit: number): number =>
          sample.filter((value) => value <= limit).length / sample.length;
        assert.ok(share(p90) >= 0.9);
        for (const value of sample) if (value < p90) assert.ok(share(value) < 0.9);
      }),
    );
  });
});
