/**
 * What an agent costs its host: the wait until it serves, and memory, processor and traffic while
 * nothing happens.
 */
import { setTimeout as pass } from "node:timers/promises";
import type { Agent } from "../test/lab/agent.ts";
import { formCluster } from "../test/lab/cluster.ts";
import { Lab } from "../test/lab/lab.ts";
import { benchDisk } from "./disk.ts";
import { compiledStarling } from "./package.ts";
import { quantiles } from "./quantiles.ts";
import { printQuantiles, printTable, printTargets, writeResults } from "./report.ts";
import { type Usage, usageOf } from "./usage.ts";

export type FootprintOptions = { readonly starts: number; readonly seconds: number };

/** Until what a start leaves behind, compiling and first contacts, has passed. */
const settleMs = 5_000;

export async function benchFootprint({ starts, seconds }: FootprintOptions): Promise<void> {
  const program = await compiledStarling();
  await using lab = await Lab.open({ hosts: ["a", "b", "c"], disk: benchDisk() });
  const cluster = await formCluster(lab, { program });
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
  writeResults("footprint", {
    isCompiled: program !== undefined,
    starts,
    seconds,
    startMs,
    idle: rows,
  });
}

type Idle = ReturnType<typeof idle>;

function printIdle(rows: readonly Idle[], seconds: number): void {
  printTable(
    [
      `idle for ${seconds} s, 3 agents`,
      "RSS MiB",
      "with helpers",
      "PSS",
      "CPU %",
      "sent B/s",
      "received B/s",
    ],
    rows.map((row) => [
      `agent ${row.agent}`,
      row.agentMiB.toFixed(1),
      row.allMiB.toFixed(1),
      row.shareMiB.toFixed(1),
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
      measured: most((row) => row.agentMiB),
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
  readonly agentMiB: number;
  readonly allMiB: number;
  readonly shareMiB: number;
  readonly cpuPercent: number;
  readonly sentPerSecond: number;
  readonly receivedPerSecond: number;
} {
  const { before, after, seconds } = span;
  if (before === undefined || after === undefined) throw new Error("an agent was not measured");
  return {
    agent: agent.host.name,
    agentMiB: after.agentMiB,
    allMiB: after.allMiB,
    shareMiB: after.shareMiB,
    cpuPercent: (after.cpuMs - before.cpuMs) / (seconds * 10),
    sentPerSecond: (after.sentBytes - before.sentBytes) / seconds,
    receivedPerSecond: (after.receivedBytes - before.receivedBytes) / seconds,
  };
}
