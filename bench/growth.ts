/** Whether agents grow: what each holds at quiet points, and the line through it. */
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pass } from "node:timers/promises";
import type { Agent } from "../test/lab/agent.ts";
import type { Inside } from "./probe.ts";
import { printTable } from "./report.ts";
import { usageOf, withDescendants } from "./usage.ts";

const probePath = "/run/lab/probe-";

/** What agents have to be started with to be sampled. */
export const probeEnv = {
  NODE_OPTIONS: `--expose-gc --import=${join(import.meta.dirname, "probe.ts")}`,
  STARLING_PROBE: probePath,
};

/** One agent at one instant, after a garbage collection. */
export type Sample = Inside & {
  readonly agent: string;
  readonly atMs: number;
  readonly rssMiB: number;
  /** Of the agent and its helpers. */
  readonly descriptors: number;
};

/** The lines through one agent's samples. */
export type Trends = ReturnType<typeof trend> & { readonly agent: string };

/** Of each of these agents. */
export function trendsOf(samples: readonly Sample[], agents: readonly string[]): Trends[] {
  return agents.map((agent) => ({
    agent,
    ...trend(samples.filter((sample) => sample.agent === agent)),
  }));
}

/** `atMs`: since the run began. */
export async function sampleOf(agent: Agent, atMs: number): Promise<Sample> {
  const path = `${probePath}${agent.pid}`;
  rmSync(path, { force: true });
  process.kill(agent.pid, "SIGUSR2");
  let inside: Inside | undefined;
  while (inside === undefined) {
    await pass(20);
    inside = readInside(path);
  }
  const { agentMiB: rssMiB } = await usageOf(agent);
  const counts = withDescendants(agent.pid).map(descriptorsOf);
  const descriptors = counts.reduce((sum, count) => sum + count, 0);
  return { ...inside, agent: agent.host.name, atMs, rssMiB, descriptors };
}

function descriptorsOf(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    // A helper that has ended meanwhile holds none.
    return 0;
  }
}

function readInside(path: string): Inside | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Inside;
  } catch {
    return undefined;
  }
}

/** One row for each agent. */
export function printTrends(rows: readonly Trends[], title: string): void {
  printTable(
    [title, "heap MiB", "MiB/h", "RSS MiB", "descriptors", "timers"],
    rows.map((row) => [
      `agent ${row.agent}`,
      `${row.heap.first.toFixed(1)} .. ${row.heap.last.toFixed(1)}`,
      row.heap.slope.toFixed(2),
      `${row.rss.first.toFixed(0)} .. ${row.rss.last.toFixed(0)}`,
      `${row.descriptors.least} .. ${row.descriptors.most}`,
      `${row.timers.least} .. ${row.timers.most}`,
    ]),
  );
}

function trend(samples: readonly Sample[]) {
  const of = (value: (sample: Sample) => number) => {
    const values = samples.map(value);
    const [first = 0, last = 0] = [values[0], values.at(-1)];
    const slope = slopePerHour(samples.map(({ atMs }, at) => [atMs, values[at] ?? 0]));
    return { first, last, least: Math.min(...values), most: Math.max(...values), slope };
  };
  return {
    heap: of(({ heapMiB }) => heapMiB),
    rss: of(({ rssMiB }) => rssMiB),
    descriptors: of(({ descriptors }) => descriptors),
    timers: of(({ timers }) => timers),
  };
}

/** Least squares, over milliseconds. */
function slopePerHour(points: readonly (readonly [number, number])[]): number {
  const mean = (at: 0 | 1) => points.reduce((sum, point) => sum + point[at], 0) / points.length;
  const [x, y] = [mean(0), mean(1)];
  const above = points.reduce((sum, [px, py]) => sum + (px - x) * (py - y), 0);
  const below = points.reduce((sum, [px]) => sum + (px - x) ** 2, 0);
  return below === 0 ? 0 : (above / below) * 3_600_000;
}
