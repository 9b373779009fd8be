import type { Comparison } from "./gossip.ts";
import { isMet, printTable } from "./report.ts";

/** What is printed of a figure. `limit` is our target, where DESIGN.md, section 9 has one. */
type Measure = {
  readonly what: string;
  readonly unit: string;
  readonly digits: number;
  readonly limit?: number;
};

/** In the order of the table; those that ours has no target for are there to be compared. */
const measures: readonly Measure[] = [
  { what: "join storm", unit: "ms", digits: 0, limit: 2_000 },
  { what: "start storm", unit: "ms", digits: 0 },
  { what: "update p50", unit: "ms", digits: 1, limit: 10 },
  { what: "update p99", unit: "ms", digits: 1, limit: 50 },
  { what: "update max", unit: "ms", digits: 1, limit: 3_000 },
  { what: "update to the last p50", unit: "ms", digits: 1 },
  { what: "update to the last p99", unit: "ms", digits: 1 },
  { what: "bytes per update", unit: "B", digits: 0, limit: 2_600 },
  { what: "burst submitted", unit: "ms", digits: 0 },
  { what: "burst", unit: "ms", digits: 0, limit: 2_000 },
  { what: "burst, last that came", unit: "ms", digits: 0 },
  { what: "burst lost", unit: "%", digits: 1, limit: 0 },
  { what: "kill, first", unit: "ms", digits: 0 },
  { what: "kill, all", unit: "ms", digits: 0 },
  { what: "kill, worst", unit: "ms", digits: 0, limit: 1_000 },
  { what: "pause, all", unit: "ms", digits: 0 },
  { what: "pause, worst", unit: "ms", digits: 0, limit: 3_000 },
  { what: "woken", unit: "ms", digits: 0 },
  { what: "wrongly suspected", unit: "", digits: 0 },
  { what: "wrongly dead", unit: "", digits: 0, limit: 0 },
  { what: "heal, all alive", unit: "ms", digits: 0, limit: 3_000 },
  { what: "heal, all updates", unit: "ms", digits: 0, limit: 3_000 },
  { what: "idle CPU", unit: "%", digits: 2 },
  { what: "idle CPU, worst", unit: "%", digits: 2, limit: 1 },
  { what: "idle sent", unit: "B/s", digits: 0, limit: 2_000 },
  { what: "idle packets", unit: "/s", digits: 1 },
  { what: "RSS", unit: "MiB", digits: 1 },
  { what: "RSS, worst", unit: "MiB", digits: 1, limit: 120 },
  // Of the whole machine, at the end of the busiest phase: who shares it shows here.
  { what: "load", unit: "", digits: 1 },
];

/** All that was measured at one size, ours against our target and beside the other's. */
export function printComparison({ hosts, figures }: Comparison): void {
  const products = Object.keys(figures);
  const rows = measures.flatMap(({ what, unit, digits, limit }) => {
    const values = products.map((product) => figures[product]?.[what]);
    if (values.every((value) => value === undefined)) return [];
    const measured = figures["starling"]?.[what];
    const target = limit === undefined ? "" : `${limit}`;
    const verdict =
      limit === undefined || measured === undefined
        ? ""
        : isMet({ what, unit, measured, limit, kind: "at most" })
          ? "met"
          : "NOT MET";
    return [
      [`${what}${unit === "" ? "" : `, ${unit}`}`, ...values.map(text(digits)), target, verdict],
    ];
  });
  printTable([`${hosts} agents`, ...products, "at most", "starling"], rows);
}

function text(digits: number): (value: number | undefined) => string {
  return (value) => {
    if (value === undefined) return "-";
    return Number.isFinite(value) ? value.toFixed(digits) : "never";
  };
}
