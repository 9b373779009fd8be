import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import Table from "cli-table3";
import type { Quantiles } from "./quantiles.ts";

/** A figure against its target: DESIGN.md, section 9. */
export type Target = {
  readonly what: string;
  readonly measured: number;
  readonly limit: number;
  readonly unit: string;
  readonly kind: "at most" | "at least";
};

export function printTable(head: readonly string[], rows: readonly (readonly string[])[]): void {
  const table = new Table({
    head: [...head],
    colAligns: head.map((_, at) => (at === 0 ? "left" : "right")),
    style: { head: [], border: [] },
  });
  table.push(...rows.map((row) => [...row]));
  process.stdout.write(`${table.toString()}\n`);
}

/** One row for each sample. */
export function printQuantiles(unit: string, samples: Readonly<Record<string, Quantiles>>): void {
  printTable(
    [unit, "n", "min", "p50", "p90", "p99", "max"],
    Object.entries(samples).map(([name, { count, min, p50, p90, p99, max }]) => [
      name,
      `${count}`,
      ...[min, p50, p90, p99, max].map((value) => value.toFixed(1)),
    ]),
  );
}

export function printTargets(targets: readonly Target[]): void {
  printTable(
    ["target", "measured", "limit", "verdict"],
    targets.map((target) => [
      target.what,
      `${round(target.measured)} ${target.unit}`,
      `${target.kind} ${round(target.limit)} ${target.unit}`,
      isMet(target) ? "met" : "NOT MET",
    ]),
  );
}

export function isMet({ measured, limit, kind }: Target): boolean {
  return kind === "at most" ? measured <= limit : measured >= limit;
}

/** Writes what was measured, with what it was measured on. */
export function writeResults(bench: string, results: Readonly<Record<string, unknown>>): void {
  const folder = join(import.meta.dirname, "results");
  const cores = cpus().length;
  const [load = 0] = loadavg();
  const machine = { cores, load, cpu: cpus()[0]?.model, node: process.version };
  if (load > cores + 1) {
    const what = `others were busy here too (load ${load.toFixed(1)} on ${cores} cores)`;
    process.stdout.write(`${what}: a quiet machine does better\n`);
  }
  const text = JSON.stringify(
    { bench, at: new Date().toISOString(), machine, ...results },
    null,
    2,
  );
  try {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `${bench}.json`), `${text}\n`);
    process.stdout.write(`written: bench/results/${bench}.json\n`);
  } catch (error) {
    // A checkout that only its owner may write to still gets its tables.
    process.stdout.write(`not written: ${error instanceof Error ? error.message : error}\n`);
  }
}

function round(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(value >= 10 ? 1 : 2);
}
