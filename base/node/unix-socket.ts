/**
 * A server on a unix socket that nobody can reach a moment too early: it is bound inside a 0700
 * folder, given its owner and mode there, and moved to its place by rename, which also replaces
 * what a dead agent left behind.
 */
import { lstatSync, rmSync } from "node:fs";
import { chmod, lstat, mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import type { Server } from "node:http";
import { connect } from "node:net";
import { dirname, join } from "node:path";
import { MeshError } from "../errors.ts";

/** Where to listen, and who may connect. */
export type Place = {
  readonly path: string;
  readonly mode: number;
  /** Gives a file to whoever else may use it. */
  readonly hand: (path: string) => Promise<void>;
  /** What answers there, for the message that the place is taken. */
  readonly whoServes: (path: string) => Promise<string>;
};

/** `sun_path` holds 108 bytes with the closing zero (unix(7)). */
const longestPath = 107;
/** Requests under way when we close may take so long to be answered; then they are cut off. */
const graceMs = 250;

/** Listens until disposed. Throws a MeshError: SOCKET_UNUSABLE. */
export async function listenAt(server: Server, place: Place): Promise<AsyncDisposable> {
  const { path } = place;
  if (Buffer.byteLength(path) > longestPath) {
    throw unusable(`${path} is longer than the ${longestPath} bytes that a socket's path may have`);
  }
  await refuseIfTaken(place);
  try {
    const inode = await bindAside(server, place);
    return { [Symbol.asyncDispose]: () => close(server, path, inode) };
  } catch (cause) {
    server.close();
    throw unusable(`cannot listen on ${path}`, cause);
  }
}

/** Makes the folder of a socket: others than root and the group cannot even look into it. */
export async function makeFolder(folder: string, hand: Place["hand"]): Promise<void> {
  try {
    const made = await mkdir(folder, { recursive: true, mode: 0o750 });
    if (made !== undefined) await hand(folder);
  } catch (cause) {
    throw unusable(`cannot make the folder ${folder} for the socket`, cause);
  }
}

async function bindAside(server: Server, { path, mode, hand }: Place): Promise<bigint> {
  // Not by join, which takes the dot for the folder itself.
  const folder = await mkdtemp(`${dirname(path)}/.`);
  const aside = join(folder, "s");
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(aside, () => {
        server.off("error", reject);
        resolve();
      });
    });
    await hand(aside);
    await chmod(aside, mode);
    const { ino } = await lstat(aside, { bigint: true });
    await rename(aside, path);
    return ino;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function close(server: Server, path: string, inode: bigint): Promise<void> {
  // Up to the first wait: who asks from now on finds nobody, and not a connection about to end.
  const found = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  // An agent started meanwhile may have put its own there.
  if (found?.ino === inode) rmSync(path, { force: true });
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const cutOff = setTimeout(() => server.closeAllConnections(), graceMs);
  await closed;
  clearTimeout(cutOff);
}

async function refuseIfTaken({ path, whoServes }: Place): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) return;
  if (!found.isSocket()) {
    throw unusable(`${path} is no socket; move it away, or choose another --socket`);
  }
  if (!(await isServed(path))) return;
  const who = await whoServes(path);
  throw unusable(`${path} is served by ${who}; stop that one, or choose another --socket`);
}

/** Only a refused connection says that nobody is there; a full queue does not. */
function isServed(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", (error: NodeJS.ErrnoException) => {
      resolve(error.code !== "ECONNREFUSED" && error.code !== "ENOENT");
    });
  });
}

function unusable(message: string, cause?: unknown): MeshError {
  return new MeshError("SOCKET_UNUSABLE", message, { cause });
}
