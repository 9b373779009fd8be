/**
 * `starling run --detach`: a copy of this process, in a session of its own, does what we would have
 * done. It says over the channel between us how that began, and then we part.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import type { EndpointView } from "../agent/view.ts";
import { describeError, type ErrorCode, MeshError } from "../base/errors.ts";

/** How it began, as the copy says it. */
export type Beginning =
  | { readonly kind: "attached"; readonly endpoint: EndpointView }
  | { readonly kind: "refused"; readonly code: ErrorCode; readonly message: string };

/** Set for the copy alone. */
const mark = "STARLING_RUN_DETACHED";

/** Starts the copy, with its output in the log, and returns when its endpoint is there. */
export async function startDetached(
  log: string | undefined,
): Promise<{ readonly endpoint: EndpointView; readonly pid: number }> {
  const output = openLog(log);
  const child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
    detached: true,
    stdio: ["ignore", output, output, "ipc"],
    env: { ...process.env, [mark]: "1" },
  });
  closeSync(output);
  const beginning = await beginningOf(child);
  child.unref();
  if (beginning.kind === "refused") throw new MeshError(beginning.code, beginning.message);
  return { endpoint: beginning.endpoint, pid: child.pid ?? 0 };
}

/** Whether we are the copy. Asked once: the command that we run must not take itself for one. */
export function isDetached(): boolean {
  const isMarked = process.env[mark] !== undefined && process.send !== undefined;
  delete process.env[mark];
  return isMarked;
}

/** Says how it began, and parts from whoever started us. */
export function tellBeginning(beginning: Beginning): void {
  process.send?.(beginning, () => {
    if (process.connected) process.disconnect();
  });
}

/** Calls back if whoever started us goes before we have told how it began: nobody wants it then. */
export function whenAbandoned(callback: () => void): void {
  process.once("disconnect", callback);
}

function beginningOf(child: ChildProcess): Promise<Beginning> {
  return new Promise((resolve, reject) => {
    child.once("message", (message) => resolve(message as Beginning));
    child.once("error", reject);
    child.once("exit", (code, signal) => {
      const message = `the detached command ended before it began (${signal ?? code})`;
      resolve({ kind: "refused", code: "INTERNAL", message });
    });
  });
}

function openLog(log: string | undefined): number {
  try {
    return openSync(log ?? "/dev/null", "a", 0o600);
  } catch (cause) {
    const message = `cannot write the log ${log}: ${describeError(cause)}`;
    throw new MeshError("BAD_REQUEST", message);
  }
}
