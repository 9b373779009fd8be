import { median, quantiles } from "./quantiles.ts";
import { printTable, printTargets, type Target, writeResults } from "./report.ts";

/** What is measured of one container's life, in milliseconds; `what` is what a reader sees. */
export const rows = {
  entry: { what: "own port up -> entry in every other kernel", factor: 5 },
  gone: { what: "rm -f -> entry gone from every other kernel", factor: 1 },
  run: { what: "docker run returns", factor: 1 },
  reachable: { what: "docker run -> answers a ping from another host", factor: 1 },
  name: { what: "docker run -> name found from another host", factor: 1 },
  nameAfter: { what: "own port up -> name found from another host", factor: 5 },
  nameGone: { what: "rm -f -> name gone on another host", factor: 1 },
  again: { what: "docker run with an address just given back", factor: 1 },
} as const;

export type Row = keyof typeof rows;
export type Product = "starling" | "swarm";

export type Figures = {
  readonly rounds: number;
  readonly seconds: number;
  readonly samples: Readonly<Record<Product, readonly Readonly<Record<Row, number>>[]>>;
  /** Gbit/s of each run. */
  readonly tcp: Readonly<Record<Product, readonly number[]>>;
  /** Of the processes on the host that needs most; Docker's own among them. */
  readonly mebibytes: Readonly<Record<Product, number>>;
};

/** Prints both products' figures side by side with their targets, and writes them down. */
export function reportPeers(figures: Figures): void {
  const { samples, tcp, mebibytes } = figures;
  const targets: Target[] = [];
  const table: string[][] = [];
  for (const row of Object.keys(rows) as Row[]) {
    const { what, factor } = rows[row];
    const ours = quantiles(samples.starling.map((sample) => sample[row]));
    const theirs = quantiles(samples.swarm.map((sample) => sample[row]));
    const ratios = { p50: theirs.p50 / ours.p50, p99: theirs.p99 / ours.p99 };
    const cells = [ours.p50, ours.p99, theirs.p50, theirs.p99];
    table.push([
      what,
      ...cells.map((value) => value.toFixed(1)),
      ...[ratios.p50, ratios.p99].map((value) => `${value.toFixed(2)} x`),
    ]);
    for (const at of ["p50", "p99"] as const) {
      targets.push(times(`${what}, ${at}: times as fast`, ratios[at], factor));
    }
  }
  printTable(["ms", "ours p50", "p99", "swarm p50", "p99", "p50", "p99"], table);
  const speed = { ours: median(tcp.starling), theirs: median(tcp.swarm) };
  printTable(
    ["", "starling", "swarm"],
    [
      ["TCP between containers, Gbit/s", speed.ours.toFixed(2), speed.theirs.toFixed(2)],
      [
        "memory of all processes needed, MiB",
        mebibytes.starling.toFixed(0),
        mebibytes.swarm.toFixed(0),
      ],
    ],
  );
  targets.push(times("TCP: times as fast", speed.ours / speed.theirs, 1));
  printTargets(targets);
  writeResults("peers", { ...figures });
}

function times(what: string, measured: number, limit: number): Target {
  return { what, measured, limit, unit: "x", kind: "at least" };
}
