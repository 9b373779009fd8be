import { readdirSync, readFileSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pass } from "node:timers/promises";

const root = "/sys/fs/cgroup";
const endMs = 10_000;

/** The processes in a control group and all below it, by the lab's own numbers. */
export function processesIn(name: string): readonly number[] {
  const found = trees(name).flatMap((tree) => folders(tree).flatMap(members));
  return [...new Set(found)];
}

/** Kills all that is in a control group and takes the group away, in every hierarchy. */
export async function removeCgroup(name: string): Promise<void> {
  await killAll(processesIn(name));
  // A group is busy until the kernel has let go of its last process; it announces that to nobody.
  const deadline = performance.now() + endMs;
  while (!trees(name).every(isRemoved)) {
    if (performance.now() > deadline) throw new Error(`control group ${name} stays busy`);
    await pass(10);
  }
}

/** SIGKILL, and returns when none of them is there any more. */
export async function killAll(pids: readonly number[]): Promise<void> {
  for (const pid of pids) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It ended by itself.
    }
  }
  const deadline = performance.now() + endMs;
  while (pids.some(isAlive)) {
    if (performance.now() > deadline) throw new Error(`still there after SIGKILL: ${pids}`);
    await pass(5);
  }
}

function isAlive(pid: number): boolean {
  try {
    // A zombie waits for its parent only: it runs nothing and holds nothing.
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

/** Version 2 has one hierarchy at the root, version 1 one in each folder; there may be both. */
function trees(name: string): readonly string[] {
  const hierarchies = [root, ...readdirSync(root).map((entry) => join(root, entry))];
  return hierarchies.map((path) => join(path, name)).filter((path) => names(path) !== undefined);
}

/** This folder and all below it, the deepest first. */
function folders(path: string): readonly string[] {
  return [...(names(path) ?? []).flatMap((name) => folders(join(path, name))), path];
}

function names(path: string): readonly string[] | undefined {
  try {
    const entries = readdirSync(path, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  } catch {
    return undefined;
  }
}

function members(path: string): readonly number[] {
  try {
    const text = readFileSync(join(path, "cgroup.procs"), "utf8");
    return text
      .split("\n")
      .map(Number)
      .filter((pid) => pid > 0);
  } catch {
    return [];
  }
}

function isRemoved(tree: string): boolean {
  try {
    for (const folder of folders(tree)) rmdirSync(folder);
    return true;
  } catch {
    return names(tree) === undefined;
  }
}
