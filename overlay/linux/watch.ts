/**
 * Tells that something of ours may have changed in the kernel: `ip monitor`, `bridge monitor` and
 * `nft monitor`, read line by line. The first line is told of at once, what follows it in one more
 * call: ten thousand entries are not ten thousand calls.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Log } from "../../base/log.ts";

type Monitor = {
  readonly command: readonly string[];
  /** Whether a line of its output may be about something of ours. */
  readonly isOurs: (line: string) => boolean;
};

const namesOurs = /\b(slx?-[0-9]+|slp[0-9a-f]{12})\b/;
/** The kernel's own neighbours come and go while endpoints talk with the gateway; ours do not. */
const isRoutine = /\b(REACHABLE|STALE|DELAY|PROBE|INCOMPLETE|NOARP) *$/;
const isOurDevice = (line: string) => namesOurs.test(line) && !isRoutine.test(line);
/** Of a table, or of a chain, set or rule in it: `delete chain inet starling input`. */
const isOurTable = (line: string) => / (inet|bridge) starling\b/.test(line);

const monitors: readonly Monitor[] = [
  { command: ["ip", "monitor", "link", "address", "neigh"], isOurs: isOurDevice },
  { command: ["bridge", "monitor", "fdb"], isOurs: isOurDevice },
  { command: ["nft", "monitor"], isOurs: isOurTable },
];

/**
 * Between the death of a monitor and its next start, at first; twice as long after each that had
 * said nothing, for a kernel without nftables has nothing to monitor.
 */
const restartMinMs = 1_000;
const restartMaxMs = 60_000;
/** Between two calls. */
const gatherMs = 50;
/** What a shell, and setpriv, ends with where the command is not installed. */
const notInstalled = 127;

/** Calls back soon after a line that names something of ours. Returns how to stop. */
export function watchKernel(changed: () => void, log: Log): () => void {
  const told = gather(changed);
  const stops = monitors.map((monitor) => keep(monitor, told.notice, log));
  return () => {
    told.stop();
    for (const stop of stops) stop();
  };
}

/** Keeps one monitor running. Returns how to stop. */
function keep({ command, isOurs }: Monitor, notice: () => void, log: Log): () => void {
  let child: ChildProcess | undefined;
  let isStopped = false;
  let restartMs = restartMinMs;
  const start = (): void => {
    if (isStopped) return;
    child = startMonitor(command, (line) => {
      restartMs = restartMinMs;
      if (!isStopped && isOurs(line)) notice();
    });
    child.once("close", (code) => {
      if (isStopped) return;
      const kind = command.join(" ");
      if (code === notInstalled) return log.info("no such monitor on this host", { kind });
      log.warn("kernel monitor ended; starting it again", { kind });
      setTimeout(start, restartMs).unref();
      restartMs = Math.min(2 * restartMs, restartMaxMs);
      // What happened meanwhile went unseen.
      notice();
    });
  };
  start();
  return () => {
    isStopped = true;
    child?.kill();
  };
}

/** A monitor learns that nobody reads only when it has something to say: it dies with us. */
function startMonitor(command: readonly string[], heard: (line: string) => void): ChildProcess {
  const child = spawn("setpriv", ["--pdeathsig", "KILL", ...command], {
    stdio: ["ignore", "pipe", "ignore"],
    env: { ...process.env, LC_ALL: "C" },
  });
  createInterface({ input: child.stdout }).on("line", heard);
  child.on("error", () => undefined);
  return child;
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
