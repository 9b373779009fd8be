/** Requests in, commands to the desk, answers out. */
import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { streamSSE } from "hono/streaming";
import * as v from "valibot";
import { describeError, MeshError, type Refusal } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import type { Answer, Command, Desk } from "../command.ts";
import { faultOf, fieldsOf } from "./faults.ts";
import { openApi } from "./openapi.ts";
import { endpointBody, hostNames, longestWaitMs, networkBody, statusOf } from "./protocol.ts";

export type AppOptions = {
  readonly desk: Desk;
  readonly log: Log;
  readonly bodyBytes: number;
  /** Whether this door is root's alone. */
  readonly isForRoot: boolean;
};

const heartbeatMs = 15_000;

/** The API as a handler of requests; it opens nothing. */
export function makeApp(options: AppOptions): Hono {
  const { desk, log, bodyBytes } = options;
  const app = new Hono();
  app.use(async (context, next) => refuseBrowsers(context) ?? (await next()));
  app.use(bodyLimit({ maxSize: bodyBytes, onError: (context) => tooLarge(context, bodyBytes) }));
  const reply = async (context: Context, command: Command) =>
    show(context, await desk.ask(command));

  app.get("/v1/status", (context) => reply(context, { kind: "status" }));
  app.get("/v1/members", (context) => reply(context, { kind: "members" }));
  app.get("/v1/networks", (context) => reply(context, { kind: "networks" }));
  app.get("/v1/networks/:ref", (context) =>
    reply(context, { kind: "network", network: context.req.param("ref") }),
  );
  app.get("/v1/endpoints", (context) =>
    reply(context, { kind: "endpoints", network: context.req.query("network") }),
  );
  app.get("/v1/endpoints/:ref", (context) =>
    reply(context, { kind: "endpoint", endpoint: context.req.param("ref") }),
  );
  changes(app, reply);
  app.get("/v1/watch", (context) => watch(context, desk));
  app.get("/v1/token", (context) =>
    options.isForRoot ? reply(context, { kind: "token" }) : refuse(context, rootOnly),
  );
  app.get("/v1/openapi.json", (context) => context.json(openApi()));
  app.notFound((context) => refuse(context, unknownRoute(context)));
  app.onError((error, context) => {
    if (error instanceof MeshError) return refuse(context, error);
    log.error("request failed", { path: context.req.path, error: describeError(error) });
    return refuse(context, { code: "INTERNAL", message: "the agent failed; its log says why" });
  });
  return app;
}

function changes(
  app: Hono,
  reply: (context: Context, command: Command) => Promise<Response>,
): void {
  app.post("/v1/networks", async (context) => {
    const body = await read(context, networkBody);
    return reply(context, { kind: "network-create", ...body, waitMs: waitOf(context) });
  });
  app.delete("/v1/networks/:ref", (context) =>
    reply(context, {
      kind: "network-remove",
      network: context.req.param("ref"),
      isForced: context.req.query("force") === "true",
      waitMs: waitOf(context),
    }),
  );
  app.post("/v1/endpoints", async (context) => {
    const { name, mac, ...body } = await read(context, endpointBody);
    return reply(context, { kind: "endpoint-add", ...body, name, mac, waitMs: waitOf(context) });
  });
  app.delete("/v1/endpoints/:ref", (context) =>
    reply(context, {
      kind: "endpoint-remove",
      endpoint: context.req.param("ref"),
      waitMs: waitOf(context),
    }),
  );
}

function show(context: Context, answer: Answer): Response {
  switch (answer.kind) {
    case "status":
      return context.json(answer.status);
    case "members":
      return context.json(answer.members);
    case "networks":
      return context.json(answer.networks);
    case "endpoints":
      return context.json(answer.endpoints);
    case "network":
      return context.json({ network: answer.network, wait: answer.wait });
    case "endpoint":
      return context.json({ endpoint: answer.endpoint, wait: answer.wait });
    case "removed":
      return context.json({ id: answer.id, wait: answer.wait });
    case "token":
      return context.json({ token: answer.token, command: answer.command });
    case "refused":
      return refuse(context, answer.refusal);
  }
}

function watch(context: Context, desk: Desk): Response {
  return streamSSE(context, async (stream) => {
    await stream.writeSSE({ event: "ready", data: "{}" });
    const stop = desk.watch((event) => void stream.writeSSE({ data: JSON.stringify(event) }));
    stream.onAbort(stop);
    while (!stream.aborted) {
      await stream.sleep(heartbeatMs);
      // A comment: it keeps the connection, and finds out that the reader has gone.
      await stream.write(": alive\n\n");
    }
  });
}

async function read<Schema extends v.GenericSchema>(
  context: Context,
  schema: Schema,
): Promise<v.InferOutput<Schema>> {
  const type = context.req.header("content-type") ?? "";
  if (!type.startsWith("application/json")) {
    throw new MeshError("BAD_REQUEST", "the body must be JSON: Content-Type: application/json");
  }
  const text = await context.req.text();
  const parsed = v.safeParse(schema, parseJson(text));
  if (parsed.success) return parsed.output;
  const fault = faultOf(parsed.issues, fieldsOf(schema));
  throw new MeshError(fault.code, fault.message);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new MeshError("BAD_REQUEST", "the body is not JSON", { cause });
  }
}

function waitOf(context: Context): number | undefined {
  const text = context.req.query("wait");
  if (text === undefined) return undefined;
  const ms = /^[0-9]{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (ms <= longestWaitMs) return ms;
  throw new MeshError("BAD_REQUEST", `wait takes milliseconds, at most ${longestWaitMs}`);
}

/** No browser has business here: what a page can make it send carries one of these marks. */
function refuseBrowsers(context: Context): Response | undefined {
  const host = (context.req.header("host") ?? "").replace(/:[0-9]*$/, "");
  const isForeign =
    context.req.header("origin") !== undefined ||
    context.req.header("referer") !== undefined ||
    !hostNames.some((name) => name === host);
  if (!isForeign) return undefined;
  const message = "requests from web pages are refused (Origin, Referer or a foreign Host)";
  return refuse(context, { code: "NOT_PERMITTED", message });
}

function refuse(context: Context, { code, message }: Refusal): Response {
  return context.json({ error: { code, message } }, statusOf(code));
}

function tooLarge(context: Context, bytes: number): Response {
  return refuse(context, { code: "TOO_LARGE", message: `a body may have ${bytes} bytes at most` });
}

function unknownRoute(context: Context): Refusal {
  const what = `${context.req.method} ${context.req.path}`;
  return {
    code: "UNKNOWN_ROUTE",
    message: `there is no ${what}; GET /v1/openapi.json lists what is`,
  };
}

const rootOnly: Refusal = {
  code: "NOT_PERMITTED",
  message: "the token is shown to root only: it is served on the socket beside this one",
};
