/**
 * The agent's two doors: a unix socket for the group `starling`, and beside it one for root alone.
 */
import { execFile } from "node:child_process";
import { chmod, chown, mkdir, rm, stat } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { connect } from "node:net";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { getRequestListener } from "@hono/node-server";
import { MeshError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import type { Desk } from "../command.ts";
import { makeApp } from "./app.ts";
import { rootSocket } from "./protocol.ts";

const connectionsAtMost = 64;
const requestMs = 10_000;
const group = "starling";

/** Serves until disposed. Throws a MeshError: PORT_BUSY, DATA_DIR_UNUSABLE. */
export async function openControlServer(options: {
  readonly path: string;
  readonly desk: Desk;
  readonly log: Log;
  readonly limits: { readonly bodyBytes: number };
}): Promise<AsyncDisposable> {
  const { path, desk, log, limits } = options;
  const stack = new AsyncDisposableStack();
  try {
    await makeFolder(dirname(path));
    for (const isForRoot of [false, true]) {
      const app = makeApp({ desk, log, bodyBytes: limits.bodyBytes, isForRoot });
      const at = isForRoot ? rootSocket(path) : path;
      const server = createServer(getRequestListener(app.fetch));
      stack.use(await listen(server, at));
      await chmod(at, isForRoot ? 0o600 : 0o660);
    }
    await handToGroup(path, log);
    return stack;
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

async function listen(server: Server, path: string): Promise<AsyncDisposable> {
  await refuseIfServed(path);
  await rm(path, { force: true });
  server.maxConnections = connectionsAtMost;
  server.requestTimeout = requestMs;
  server.headersTimeout = requestMs;
  // Nothing is readable or writable by others from the first instant on.
  const mask = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(path, resolve);
    });
  } catch (cause) {
    throw new MeshError("DATA_DIR_UNUSABLE", `cannot listen on ${path}; choose another --socket`, {
      cause,
    });
  } finally {
    process.umask(mask);
  }
  return {
    [Symbol.asyncDispose]: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

/** A socket file outlives its agent; one that answers does not. */
async function refuseIfServed(path: string): Promise<void> {
  const isServed = await new Promise<boolean>((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => resolve(true));
    socket.once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
  if (!isServed) return;
  throw new MeshError(
    "PORT_BUSY",
    `another agent serves ${path}; stop it, or choose another --socket`,
  );
}

async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o750 });
    if (!(await stat(folder)).isDirectory()) throw new Error("it is no folder");
  } catch (cause) {
    throw new MeshError("DATA_DIR_UNUSABLE", `cannot make the folder ${folder} for the socket`, {
      cause,
    });
  }
}

/** Without such a group the socket is root's. */
async function handToGroup(path: string, log: Log): Promise<void> {
  const line = await promisify(execFile)("getent", ["group", group]).then(
    ({ stdout }) => stdout,
    () => "",
  );
  const id = Number(line.split(":")[2]);
  if (!Number.isInteger(id) || line === "") return;
  try {
    await chown(path, -1, id);
    await chown(dirname(path), -1, id);
  } catch {
    log.warn("the socket could not be handed to its group", { path, name: group });
  }
}
