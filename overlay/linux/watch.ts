/**
 * Tells that something of ours may have changed in the kernel: `ip monitor` and `bridge monitor`,
 * read line by line. The first line is told of at once, what follows it in one more call: ten
 * thousand entries are not ten thousand calls.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Log } from "../../base/log.ts";

const monitors = [
  ["ip", "monitor", "link", "address", "neigh"],
  ["bridge", "monitor", "fdb"],
] as const;

const namesOurs = /\b(slx?-[0-9]+|slp[0-9a-f]{12})\b/;
/** The kernel's own neighbours come and go while endpoints talk with the gateway; ours do not. */
const isRoutine = /\b(REACHABLE|STALE|DELAY|PROBE|INCOMPLETE|NOARP) *$/;

/** Between the death of a monitor and its next start. */
const restartMs = 1_000;
/** Between two calls. */
const gatherMs = 50;

/** Calls back soon after a line that names a device of ours. Returns how to stop. */
export function watchKernel(changed: () => void, log: Log): () => void {
  const children = new Set<ChildProcess>();
  const told = gather(changed);
  let isStopped = false;
  const start = (command: readonly string[]): void => {
    if (isStopped) return;
    // A monitor finds out that nobody reads when it has something to say: it is made to die with
    // us.
    const child = spawn("setpriv", ["--pdeathsig", "KILL", ...command], {
      stdio: ["ignore", "pipe", "ignore"],
      env: { ...process.env, LC_ALL: "C" },
    });
    children.add(child);
    createInterface({ input: child.stdout }).on("line", (line) => {
      if (namesOurs.test(line) && !isRoutine.test(line)) told.notice();
    });
    child.on("error", () => undefined);
    child.once("close", () => {
      children.delete(child);
      if (isStopped) return;
      log.warn("kernel monitor ended; starting it again", { kind: command.join(" ") });
      setTimeout(() => start(command), restartMs).unref();
      // What happened meanwhile went unseen.
      told.notice();
    });
  };
  for (const command of monitors) start(command);
  return () => {
    isStopped = true;
    told.stop();
    for (const child of children) child.kill();
  };
}

/** Calls at the first notice, and again after `gatherMs` if there were more. */
function gather(call: () => void): { notice(): void; stop(): void } {
  let timer: NodeJS.Timeout | undefined;
  let isMore = false;
  const open = (): void => {
    timer = setTimeout(() => {
      timer = undefined;
      if (isMore) notice();
    }, gatherMs).unref();
  };
  const notice = (): void => {
    isMore = timer !== undefined;
    if (isMore) return;
    open();
    call();
  };
  return { notice, stop: () => clearTimeout(timer) };
}
