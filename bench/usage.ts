/** What an agent uses, read from /proc: nothing is asked of the agent. */
import { readFileSync } from "node:fs";
import type { Host } from "../test/lab/host.ts";

/** Of an agent's process, and of the helpers it keeps: iproute2's children and monitors. */
export type Usage = {
  /** Resident in the agent's process, and with each helper's, shared pages counted each time. */
  readonly agentMiB: number;
  readonly allMiB: number;
  /** The same with each shared page divided by those who share it. */
  readonly shareMiB: number;
  /** Processor time of all of them, and of all that have come and gone. */
  readonly cpuMs: number;
  readonly sentBytes: number;
  readonly sentPackets: number;
  readonly receivedBytes: number;
};

/** An agent of any product: its process, and the host on which it runs. */
type Measured = { readonly pid: number; readonly host: Host };

/** The kernel counts processor time in hundredths of a second for whoever reads it here. */
const jiffyMs = 10;

/** As of now, since the agent was started; traffic is the underlay's. */
export async function usageOf(agent: Measured): Promise<Usage> {
  const pids = withDescendants(agent.pid);
  const resident = pids.map((pid) => mebibytes(pid, "Rss"));
  const table = await agent.host.run(["cat", "/proc/net/dev"]);
  const line = new RegExp(`${agent.host.device}:(.*)`).exec(table)?.[1] ?? "";
  const counters = line.trim().split(/\s+/).map(Number);
  return {
    agentMiB: resident[0] ?? 0,
    allMiB: sum(resident),
    shareMiB: sum(pids.map((pid) => mebibytes(pid, "Pss"))),
    cpuMs: sum(pids.map(cpuMsOf)),
    receivedBytes: counters[0] ?? 0,
    sentBytes: counters[8] ?? 0,
    sentPackets: counters[9] ?? 0,
  };
}

/** What these processes hold together, each shared page divided by those who share it. */
export function proportionalMiB(pids: readonly number[]): number {
  return sum(pids.map((pid) => mebibytes(pid, "Pss")));
}

/** A process, its children, and theirs. */
export function withDescendants(pid: number): readonly number[] {
  const children = read(`/proc/${pid}/task/${pid}/children`).split(" ").filter(Boolean).map(Number);
  return [pid, ...children.flatMap(withDescendants)];
}

/** Its own time, and that of its children that have ended. */
function cpuMsOf(pid: number): number {
  // The name, which stands in parentheses, may hold spaces.
  const fields = read(`/proc/${pid}/stat`)
    .replace(/^.*\) /s, "")
    .split(" ");
  return sum(fields.slice(11, 15).map(Number)) * jiffyMs;
}

function mebibytes(pid: number, field: "Rss" | "Pss"): number {
  const line = new RegExp(`^${field}: +(\\d+) kB`, "m").exec(read(`/proc/${pid}/smaps_rollup`));
  return Number(line?.[1] ?? 0) / 1024;
}

/** A helper may end while we look; it then used nothing. */
function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
