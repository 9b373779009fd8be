/**
 * The plugin's socket. Docker waits for an answer for ever, so each call has an end; what it is
 * told then is shown to whoever ran the command.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { dirname } from "node:path";
import { describeError, MeshError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { listenAt, makeFolder } from "../../base/node/unix-socket.ts";
import type { Call } from "./driver.ts";

/** What Docker may take. */
export type PluginLimits = {
  readonly bodyBytes: number;
  readonly dockerConnections: number;
  /** Milliseconds for a request to arrive. */
  readonly apiRequestMs: number;
  /** Milliseconds for its answer. */
  readonly dockerCallMs: number;
};

/** Where to serve which calls. */
export type PluginServerOptions = {
  readonly path: string;
  /** The descriptor of a socket that listens there already, and goes on when we end. */
  readonly inherited: number | undefined;
  readonly calls: ReadonlyMap<string, Call>;
  readonly log: Log;
  readonly limits: PluginLimits;
};

const contentType = "application/vnd.docker.plugins.v1.2+json";

type Answer = { readonly status: number; readonly body: object };

/** Serves until disposed. Throws a MeshError: SOCKET_UNUSABLE. */
export async function openPluginServer(options: PluginServerOptions): Promise<AsyncDisposable> {
  const { path, inherited, log } = options;
  if (inherited !== undefined) return serveInherited(options, inherited);
  const keep = () => Promise.resolve();
  // Docker's own folder, where other plugins may have their sockets.
  await makeFolder(dirname(path), keep);
  const whoServes = () => Promise.resolve("another agent, or another plugin of this name");
  const door = await listenAt(makeServer(options), { path, mode: 0o600, hand: keep, whoServes });
  log.info("serving Docker", { path });
  return door;
}

/** Whoever holds the socket keeps callers waiting while there is no agent. */
async function serveInherited(options: PluginServerOptions, fd: number): Promise<AsyncDisposable> {
  const { path, log } = options;
  const server = makeServer(options);
  const listening = once(server, "listening");
  server.listen({ fd });
  await listening.catch((cause: unknown) => {
    throw new MeshError("SOCKET_UNUSABLE", `cannot serve the socket given for ${path}`, { cause });
  });
  log.info("serving Docker on a socket that was given to us", { path });
  return {
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function makeServer(options: PluginServerOptions): Server {
  const { apiRequestMs, dockerConnections } = options.limits;
  const server = createServer(
    {
      headersTimeout: apiRequestMs,
      requestTimeout: apiRequestMs,
      connectionsCheckingInterval: Math.min(1_000, apiRequestMs),
    },
    (request, response) => void serve(request, response, options),
  );
  server.maxConnections = dockerConnections;
  return server;
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  options: PluginServerOptions,
): Promise<void> {
  const { log } = options;
  const method = (request.url ?? "").slice(1);
  const startedAt = performance.now();
  const answer = await answerOf(request, method, options).catch((error: unknown) => {
    if (error instanceof MeshError) return failed(500, error.message);
    log.error("call failed", { kind: method.slice(0, 64), error: describeError(error) });
    return failed(500, "the agent failed; its log says why");
  });
  const ms = Math.round(performance.now() - startedAt);
  const kind = method.slice(0, 64);
  if (answer.status === 200) log.debug("call answered", { kind, ms });
  else log.warn("call refused", { kind, ms, reason: reasonOf(answer) });
  if (response.destroyed) return;
  const body = JSON.stringify(answer.body);
  // A body that was not read to its end would be taken for the next request.
  const close = request.complete ? {} : { connection: "close" };
  response.writeHead(answer.status, { "content-type": contentType, ...close });
  response.end(body);
}

async function answerOf(
  request: IncomingMessage,
  method: string,
  { calls, limits }: PluginServerOptions,
): Promise<Answer> {
  const call = calls.get(method);
  if (request.method !== "POST" || call === undefined)
    return failed(404, `there is no call ${request.method} /${method.slice(0, 64)}`);
  const body = await readAll(request, limits.bodyBytes);
  if (body === undefined) return failed(413, `a body may have ${limits.bodyBytes} bytes at most`);
  const late = new AbortController();
  const end = deadline(limits.dockerCallMs, late);
  try {
    return { status: 200, body: await Promise.race([call(body, late.signal), end.failed]) };
  } finally {
    clearTimeout(end.timer);
  }
}

/** Told to the call as well: what it makes after that, Docker does not know of. */
function deadline(ms: number, late: AbortController) {
  const { promise: failed, reject } = Promise.withResolvers<never>();
  // The race may be over before anybody looks.
  failed.catch(() => undefined);
  const timer = setTimeout(() => {
    const message = `not done within ${ms / 1_000} s; "starling status" may say why`;
    // First the call, which may know better why it is not done.
    late.abort();
    setImmediate(() => reject(new MeshError("TIMED_OUT", message)));
  }, ms);
  return { failed, timer };
}

/** Undefined: too long. Rejects where the caller goes away. */
async function readAll(request: IncomingMessage, maxBytes: number): Promise<string | undefined> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of request) {
    length += (part as Buffer).length;
    if (length > maxBytes) return undefined;
    parts.push(part as Buffer);
  }
  return Buffer.concat(parts).toString("utf8");
}

function failed(status: number, reason: string): Answer {
  return { status, body: { Err: reason } };
}

function reasonOf({ body }: Answer): string {
  return String((body as { readonly Err?: string }).Err);
}
