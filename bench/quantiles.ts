/** A sample's order statistics, in its own unit. */
export type Quantiles = {
  readonly count: number;
  readonly min: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
};

/** Nearest rank: each quantile is a value that was measured, never one in between. */
export function quantiles(sample: readonly number[]): Quantiles {
  const sorted = sample.toSorted((a, b) => a - b);
  const at = (share: number): number =>
    sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
  return {
    count: sorted.length,
    min: at(0),
    p50: at(0.5),
    p90: at(0.9),
    p99: at(0.99),
    max: at(1),
  };
}

export function median(sample: readonly number[]): number {
  return quantiles(sample).p50;
}
