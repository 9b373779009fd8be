/** Requests in, commands to the desk, answers out. It opens nothing; `server.ts` does. */

import type { HttpBindings } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { describeError, MeshError, type Refusal } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import type { Answer, Desk } from "../command.ts";
import { hostNames } from "./doors.ts";
import { nearest } from "./faults.ts";
import { type FeedLimits, startFeed } from "./feed.ts";
import { openApi } from "./openapi.ts";
import { statusOf } from "./protocol.ts";
import { type Asked, type Route, routes } from "./routes.ts";

/** Whom it serves, and how much of it. */
export type AppOptions = {
  readonly desk: Desk;
  readonly log: Log;
  readonly limits: FeedLimits & { readonly bodyBytes: number };
  /** Aborts when the server closes. */
  readonly closing: AbortSignal;
  /** Whether this door is root's alone. */
  readonly isForRoot: boolean;
};

type Environment = { readonly Bindings: HttpBindings };
type Request = Context<Environment>;

/** The API as a handler of requests that node's HTTP server has parsed. */
export function makeApp(options: AppOptions): Hono<Environment> {
  const { log, limits } = options;
  const app = new Hono<Environment>();
  app.use(async (request, next) => {
    const fault = stranger(request) ?? wrongMethod(request) ?? wrongType(request);
    return fault === undefined ? next() : refuse(request, fault);
  });
  const message = `a body may have ${limits.bodyBytes} bytes at most`;
  app.use(
    bodyLimit({
      maxSize: limits.bodyBytes,
      onError: (request) => refuse(request, { code: "TOO_LARGE", message }),
    }),
  );
  for (const route of routes) {
    const path = route.path.replaceAll(/\{([a-z]+)\}/g, ":$1");
    app.on(route.method.toUpperCase(), path, (request) => serve(request, route, options));
  }
  app.notFound((request) => refuse(request, unknownRoute(request)));
  app.onError((error, request) => {
    if (error instanceof MeshError) return refuse(request, error);
    log.error("request failed", { path: request.req.path, error: describeError(error) });
    return refuse(request, { code: "INTERNAL", message: "the agent failed; its log says why" });
  });
  return app;
}

async function serve(request: Request, route: Route, options: AppOptions): Promise<Response> {
  const { desk, isForRoot } = options;
  if (route.isForRoot && !isForRoot) return refuse(request, rootOnly);
  const { purpose } = route;
  switch (purpose.kind) {
    case "command": {
      const asked = await read(request, route);
      return answer(request, route, await desk.ask(purpose.command(asked)));
    }
    case "watch":
      // Only here is the stream's own back pressure of use, and hono's streams hide it.
      startFeed(desk, request.env.outgoing, options);
      return RESPONSE_ALREADY_SENT;
    case "document":
      return request.json(openApi());
  }
}

async function read(request: Request, route: Route): Promise<Asked> {
  const body = route.body === undefined ? undefined : parseJson(await request.req.text());
  return { ref: request.req.param("ref"), query: request.req.query(), body };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const what = text === "" ? "the body is missing" : "the body is not JSON";
    throw new MeshError("BAD_REQUEST", what, { cause });
  }
}

function answer(request: Request, { method }: Route, given: Answer): Response {
  const done = method === "post" ? 201 : 200;
  switch (given.kind) {
    case "status":
      return request.json(given.status);
    case "members":
      return request.json(given.members);
    case "networks":
      return request.json(given.networks);
    case "endpoints":
      return request.json(given.endpoints);
    case "network": {
      const { network, wait } = given;
      return request.json(method === "get" ? network : { network, wait }, done);
    }
    case "endpoint": {
      const { endpoint, wait } = given;
      return request.json(method === "get" ? endpoint : { endpoint, wait }, done);
    }
    case "address":
      return request.json(given.address, done);
    case "removed":
      return request.json({ id: given.id, wait: given.wait });
    case "token": {
      const { id, token, command } = given;
      return request.json({ id, token, command }, done);
    }
    case "tokens":
      return request.json(given.tokens);
    case "admins":
      return request.json(given.admins);
    case "revocations":
      return request.json(given.revocations);
    case "host":
      return request.json({ host: given.host, isNew: given.isNew }, done);
    case "ipam":
      return request.json(given.ipam);
    case "forgotten":
      return request.json({ forgotten: given.forgotten, wait: given.wait });
    case "left":
      return request.json({ obstacle: given.obstacle }, done);
    case "refused":
      return refuse(request, given.refusal);
  }
}

/**
 * A browser has no business here: whatever a page can make it send carries one of these marks
 * (CVE-2022-41924).
 */
function stranger({ req }: Request): Refusal | undefined {
  const host = (req.header("host") ?? "").toLowerCase();
  const isKnown = hostNames.some((name) => name === host);
  const isPage = req.header("origin") !== undefined || req.header("referer") !== undefined;
  if (isKnown && !isPage) return undefined;
  const message = `requests from web pages are refused: Host must be ${hostNames.join(" or ")}, and neither Origin nor Referer be there`;
  return { code: "NOT_PERMITTED", message };
}

/** HEAD as well: hono would make a GET of it, and a watch of that never ends. */
function wrongMethod(request: Request): Refusal | undefined {
  const isKnown = ["GET", "POST", "DELETE"].includes(request.req.method);
  return isKnown ? undefined : unknownRoute(request);
}

function wrongType({ req }: Request): Refusal | undefined {
  const length = req.header("content-length");
  const hasBody = req.header("transfer-encoding") !== undefined || (length ?? "0") !== "0";
  const type = (req.header("content-type") ?? "").split(";")[0]?.trim().toLowerCase();
  if (type === "application/json" || (!hasBody && type === "")) return undefined;
  return { code: "BAD_REQUEST", message: "a body must be JSON: Content-Type: application/json" };
}

function unknownRoute({ req: { method, path } }: Request): Refusal {
  const paths = [...new Set(routes.map((route) => route.path))];
  const here = routes.filter((route) => route.path === path).map((route) => route.method);
  const near = nearest(path, paths);
  const hint =
    here.length > 0
      ? `; ${path} takes ${here.join(", ").toUpperCase()}`
      : near === undefined
        ? "; GET /v1/openapi.json lists what there is"
        : `; did you mean ${near}?`;
  return { code: "UNKNOWN_ROUTE", message: `there is no ${method} ${path}${hint}` };
}

const rootOnly: Refusal = {
  code: "NOT_PERMITTED",
  message:
    "tokens, admins and revocations are for root alone: they are served on the socket beside this one, which ends in .root",
};

function refuse(request: Context, { code, message }: Refusal): Response {
  return request.json({ error: { code, message } }, statusOf(code));
}
