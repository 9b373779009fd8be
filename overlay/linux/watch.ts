/**
 * Tells that something of ours may have changed in the kernel: `ip monitor` and `bridge monitor`,
 * read line by line.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Log } from "../../base/log.ts";

const monitors = [
  ["ip", "monitor", "link", "address", "neigh"],
  ["bridge", "monitor", "fdb"],
] as const;

/** Between the death of a monitor and its next start. */
const restartMs = 1_000;

/** Calls back at each line that names a device of ours. Returns how to stop. */
export function watchKernel(changed: () => void, log: Log): () => void {
  const children = new Set<ChildProcess>();
  let isStopped = false;
  const start = (command: readonly string[]): void => {
    if (isStopped) return;
    const [tool = "", ...args] = command;
    const child = spawn(tool, args, {
      stdio: ["ignore", "pipe", "ignore"],
      env: { ...process.env, LC_ALL: "C" },
    });
    children.add(child);
    createInterface({ input: child.stdout }).on("line", (line) => {
      if (/\b(slx?-[0-9]+|slp[0-9a-f]{12})\b/.test(line)) changed();
    });
    child.on("error", () => undefined);
    child.once("close", () => {
      children.delete(child);
      if (isStopped) return;
      log.warn("kernel monitor ended; starting it again", { kind: command.join(" ") });
      setTimeout(() => start(command), restartMs).unref();
      // What happened meanwhile went unseen.
      changed();
    });
  };
  for (const command of monitors) start(command);
  return () => {
    isStopped = true;
    for (const child of children) child.kill();
  };
}
