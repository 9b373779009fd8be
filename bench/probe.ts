/**
 * Loaded into an agent that is measured, before its own code: on SIGUSR2 it collects all garbage
 * and writes what is left, and what is open, to the file that STARLING_PROBE names with its pid.
 */
import { renameSync, writeFileSync } from "node:fs";

/** What only the process itself can say. */
export type Inside = {
  readonly heapMiB: number;
  readonly timers: number;
  /** Sockets, pipes and the like. */
  readonly handles: number;
};

const path = process.env["STARLING_PROBE"];
if (path !== undefined) {
  process.on("SIGUSR2", () => {
    globalThis.gc?.();
    const open = process.getActiveResourcesInfo();
    const timers = open.filter((kind) => kind === "Timeout").length;
    const heapMiB = process.memoryUsage().heapUsed / 2 ** 20;
    const inside: Inside = { heapMiB, timers, handles: open.length - timers };
    writeFileSync(`${path}${process.pid}.new`, JSON.stringify(inside));
    renameSync(`${path}${process.pid}.new`, `${path}${process.pid}`);
  });
}
