/**
 * What an agent costs its host: the wait until it serves, and memory, processor and traffic while
 * nothing happens.
 */
import { readFileSync } from "node:fs";
import { setTimeout as pass } from "node:timers/promises";
import type { Agent } from "../test/lab/agent.ts";
import { formCluster } from "../test/lab/cluster.ts";
import { Lab } from "../test/lab/lab.ts";
import { benchDisk } from "./disk.ts";
import { quantiles } from "./quantiles.ts";
import { printQuantiles, printTable, printTargets, writeResults } from "./report.ts";

export type FootprintOptions = { readonly starts: number; readonly seconds: number };

/** Totals over an agent's process and all that it started. */
type Usage = {
  readonly rssMiB: number;
  readonly pssMiB: number;
  readonly cpuMs: number;
  readonly sentBytes: number;
  readonly receivedBytes: number;
};

/** The kernel counts processor time in hundredths of a second for whoever reads it here. */
const jiffyMs = 10;
/** Until what a start leaves behind, compiling and first contacts, has passed. */
const settleMs = 5_000;

export async function benchFootprint({ starts, seconds }: FootprintOptions): Promise<void> {
  await using lab = await Lab.open({ hosts: ["a", "b", "c"], disk: benchDisk() });
  const cluster = await formCluster(lab);
  const { agents } = cluster;
  await cluster.network("web", "10.32.0.0/16");
  for (const { name } of lab.hosts) await cluster.endpoint(name, { network: "web", name });

  const startMs = await timeStarts(cluster.agent("a"), starts);
  printQuantiles("ms, start to ready with existing data", { "agent a": quantiles(startMs) });

  await pass(settleMs);
  const before = await Promise.all(agents.map(usageOf));
  await pass(seconds * 1_000);
  const after = await Promise.all(agents.map(usageOf));
  const rows = agents.map((agent, at) =>
    idle(agent, { before: before[at], after: after[at], seconds }),
  );
  printIdle(rows, seconds);
  printVerdicts(rows, startMs);
  writeResults("footprint", { starts, seconds, startMs, idle: rows });
}

type Idle = ReturnType<typeof idle>;

function printIdle(rows: readonly Idle[], seconds: number): void {
  printTable(
    [`idle for ${seconds} s, 3 agents`, "RSS MiB", "PSS MiB", "CPU %", "sent B/s", "received B/s"],
    rows.map((row) => [
      `agent ${row.agent}`,
      row.rssMiB.toFixed(1),
      row.pssMiB.toFixed(1),
      row.cpuPercent.toFixed(2),
      row.sentPerSecond.toFixed(0),
      row.receivedPerSecond.toFixed(0),
    ]),
  );
}

function printVerdicts(rows: readonly Idle[], startMs: readonly number[]): void {
  const most = (of: (row: (typeof rows)[number]) => number): number => Math.max(...rows.map(of));
  const target = { kind: "at most" } as const;
  printTargets([
    {
      what: "start to ready, p90",
      measured: quantiles(startMs).p90,
      limit: 700,
      unit: "ms",
      ...target,
    },
    {
      what: "idle RSS, worst agent",
      measured: most((row) => row.rssMiB),
      limit: 120,
      unit: "MiB",
      ...target,
    },
    {
      what: "idle CPU, worst agent",
      measured: most((row) => row.cpuPercent),
      limit: 1,
      unit: "%",
      ...target,
    },
    {
      what: "control traffic sent, worst agent",
      measured: most((row) => row.sentPerSecond),
      limit: 2_000,
      unit: "B/s",
      ...target,
    },
  ]);
}

async function timeStarts(agent: Agent, starts: number): Promise<readonly number[]> {
  const times: number[] = [];
  for (let start = 0; start < starts; start += 1) {
    await agent.stop();
    const from = performance.now();
    await agent.restart();
    times.push(performance.now() - from);
  }
  return times;
}

function idle(
  agent: Agent,
  span: {
    readonly before: Usage | undefined;
    readonly after: Usage | undefined;
    readonly seconds: number;
  },
): {
  readonly agent: string;
  readonly rssMiB: number;
  readonly pssMiB: number;
  readonly cpuPercent: number;
  readonly sentPerSecond: number;
  readonly receivedPerSecond: number;
} {
  const { before, after, seconds } = span;
  if (before === undefined || after === undefined) throw new Error("an agent was not measured");
  return {
    agent: agent.host.name,
    rssMiB: after.rssMiB,
    pssMiB: after.pssMiB,
    cpuPercent: (after.cpuMs - before.cpuMs) / (seconds * 10),
    sentPerSecond: (after.sentBytes - before.sentBytes) / seconds,
    receivedPerSecond: (after.receivedBytes - before.receivedBytes) / seconds,
  };
}

async function usageOf(agent: Agent): Promise<Usage> {
  const pids = withDescendants(agent.pid);
  const memory = (field: "Rss" | "Pss"): number =>
    sum(pids.map((pid) => kibibytes(read(`/proc/${pid}/smaps_rollup`), field))) / 1024;
  const table = await agent.host.run(["cat", "/proc/net/dev"]);
  const counters =
    new RegExp(`${agent.host.device}:(.*)`).exec(table)?.[1]?.trim().split(/\s+/) ?? [];
  return {
    rssMiB: memory("Rss"),
    pssMiB: memory("Pss"),
    cpuMs: sum(pids.map(cpuMsOf)),
    receivedBytes: Number(counters[0]),
    sentBytes: Number(counters[8]),
  };
}

function withDescendants(pid: number): readonly number[] {
  const threads = read(`/proc/${pid}/task/${pid}/children`).trim();
  const children = threads === "" ? [] : threads.split(" ").map(Number);
  return [pid, ...children.flatMap(withDescendants)];
}

function cpuMsOf(pid: number): number {
  // The name, which stands in parentheses, may hold spaces.
  const fields = read(`/proc/${pid}/stat`)
    .replace(/^.*\) /s, "")
    .split(" ");
  return (Number(fields[11]) + Number(fields[12])) * jiffyMs;
}

function kibibytes(rollup: string, field: "Rss" | "Pss"): number {
  return Number(new RegExp(`^${field}: +(\\d+) kB`, "m").exec(rollup)?.[1] ?? 0);
}

function read(path: string): string {
  return readFileSync(path, "utf8");
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
