/**
 * The agent's two doors: a unix socket for root and the group `starling`, and beside it one for
 * root alone (see doors.ts).
 */
import { execFile } from "node:child_process";
import { chown } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { getRequestListener } from "@hono/node-server";
import { describeError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { listenAt, makeFolder } from "../../base/node/unix-socket.ts";
import type { Desk } from "../command.ts";
import { type AppOptions, makeApp } from "./app.ts";
import { ControlClient } from "./client.ts";
import { rootSocket } from "./doors.ts";
import type { FeedLimits } from "./feed.ts";

/** What callers together may take. */
export type ControlLimits = FeedLimits & {
  readonly bodyBytes: number;
  readonly apiConnections: number;
  readonly apiRequestMs: number;
};

/** Where to serve whom. */
export type ControlServerOptions = {
  readonly path: string;
  readonly desk: Desk;
  readonly log: Log;
  readonly limits: ControlLimits;
};

const group = "starling";

/** Serves until disposed. Throws a MeshError: SOCKET_UNUSABLE. */
export async function openControlServer(options: ControlServerOptions): Promise<AsyncDisposable> {
  const { path, log } = options;
  const hand = handTo(await groupId(), log);
  await makeFolder(dirname(path), hand);
  await using opened = new AsyncDisposableStack();
  const closing = new AbortController();
  const make = (isForRoot: boolean) =>
    makeServer({ ...options, closing: closing.signal, isForRoot });
  const whoServes = nameOfAgent;
  const keep = () => Promise.resolve();
  const own = { path: rootSocket(path), mode: 0o600, hand: keep, whoServes };
  const doors = [
    opened.use(await listenAt(make(true), own)),
    opened.use(await listenAt(make(false), { path, mode: 0o660, hand, whoServes })),
  ];
  log.info("serving the API", { path });
  opened.move();
  return {
    [Symbol.asyncDispose]: async () => {
      const closed = doors.map((door) => door[Symbol.asyncDispose]());
      // After the doors: a reader whose feed ends asks again at once, and must find nobody.
      closing.abort();
      await Promise.all(closed);
    },
  };
}

function makeServer(options: AppOptions & { readonly limits: ControlLimits }): Server {
  const { limits } = options;
  const server = createServer(
    {
      headersTimeout: limits.apiRequestMs,
      requestTimeout: limits.apiRequestMs,
      // How often the two above are looked at.
      connectionsCheckingInterval: Math.min(1_000, limits.apiRequestMs),
    },
    getRequestListener(makeApp(options).fetch),
  );
  server.maxConnections = limits.apiConnections;
  return server;
}

/** In a user namespace the group may be there in name and not in number: then it goes without. */
function handTo(gid: number | undefined, log: Log): (path: string) => Promise<void> {
  return async (path) => {
    if (gid === undefined) return;
    await chown(path, -1, gid).catch((error: unknown) => {
      log.warn("not handed to the group", { path, name: group, error: describeError(error) });
    });
  };
}

/** The group's number; undefined where this host has no such group: then the socket is root's. */
async function groupId(): Promise<number | undefined> {
  const line = await promisify(execFile)("getent", ["group", group]).then(
    ({ stdout }) => stdout,
    () => "",
  );
  const id = /^[^:]+:[^:]*:([0-9]+):/.exec(line)?.[1];
  return id === undefined ? undefined : Number(id);
}

async function nameOfAgent(path: string): Promise<string> {
  try {
    const { host } = await new ControlClient(path, { answerMs: 1_000 }).status();
    return `the agent of host ${host.name} (${host.address})`;
  } catch {
    return "another process";
  }
}
