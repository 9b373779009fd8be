/** Named network namespaces, as `ip netns` keeps them. */
import { execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { promisify } from "node:util";
import { type ErrorCode, MeshError } from "../base/errors.ts";
import { resolvConfPath } from "./resolv-conf.ts";

const run = promisify(execFile);

/** Makes one with a name of its own. Throws a MeshError: NOT_PERMITTED, DATAPLANE_UNSUPPORTED. */
export async function makeNamespace(): Promise<string> {
  const name = `sl-${randomBytes(6).toString("hex")}`;
  try {
    await run("ip", ["netns", "add", name]);
    return name;
  } catch (cause) {
    throw failure("cannot make a network namespace", cause);
  }
}

/** Reads what only our death ends without a line. */
const heir = 'read -r _ || { rm -f "$2"; exec ip netns del "$1"; }';

/**
 * Sees to it that the name goes even if this process is killed and can see to nothing: a shell in a
 * session of its own waits for our end of a pipe to close. Disposed, it has nothing to do any more.
 */
export function removeAtDeath(name: string): Disposable {
  const child = spawn("sh", ["-c", heir, "sh", name, resolvConfPath(name)], {
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  child.on("error", () => undefined);
  child.stdin.on("error", () => undefined);
  return { [Symbol.dispose]: () => child.stdin.end("\n") };
}

/** Takes the name away, and with it the namespace unless a process is left in it. */
export async function removeNamespace(name: string): Promise<void> {
  try {
    await run("ip", ["netns", "del", name]);
  } catch (cause) {
    throw failure(`cannot remove the network namespace ${name}`, cause);
  }
}

function failure(what: string, cause: unknown): MeshError {
  const { code, stderr } = cause as { readonly code?: unknown; readonly stderr?: string };
  const fail = (as: ErrorCode, message: string) =>
    new MeshError(as, message, code === "ENOENT" ? {} : { cause: stderr?.trim() || cause });
  if (code === "ENOENT") return fail("DATAPLANE_UNSUPPORTED", `${what}: install iproute2`);
  if (process.geteuid?.() !== 0) return fail("NOT_PERMITTED", `${what}: run this as root`);
  return fail("DATAPLANE_REFUSED", what);
}
