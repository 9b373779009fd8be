/** The API's description (OpenAPI 3.1), made from the routes and schemas that serve it. */
import { toJsonSchema } from "@valibot/to-json-schema";
import type * as v from "valibot";
import { errorCodes } from "../../base/errors.ts";
import { version } from "../../base/version.ts";
import { answers } from "./answers.ts";
import { hostNames } from "./doors.ts";
import type { Shape } from "./faults.ts";
import { statusOf } from "./protocol.ts";
import { type Route, routes } from "./routes.ts";

/** The document, as GET /v1/openapi.json serves it. */
export function openApi(): object {
  const paths: { [path: string]: { [method: string]: object } } = {};
  for (const route of routes) {
    paths[route.path] = { ...paths[route.path], [route.method]: operationOf(route) };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Starling agent",
      description: `HTTP over a unix socket. Host must be ${hostNames.join(" or ")}; Origin and Referer must be absent.`,
      version,
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: `http://${hostNames[0]}`, description: "the agent's unix socket" }],
    paths,
    components: { schemas: { Error: schemaOf(answers.error) } },
  };
}

function operationOf(route: Route): object {
  const { method, path, summary, body, purpose, isForRoot } = route;
  const success = method === "post" ? "201" : "200";
  const type = purpose.kind === "watch" ? "text/event-stream" : "application/json";
  return {
    operationId: operationId(route),
    summary: isForRoot ? `${summary} (on root's own socket only)` : summary,
    parameters: [...pathParameters(path), ...queryParameters(route.query)],
    ...(body && { requestBody: { required: true, content: jsonOf(body) } }),
    responses: {
      [success]: {
        description: purpose.kind === "watch" ? "One event for each change" : "Done",
        content: { [type]: { schema: schemaOf(route.answer) } },
      },
      default: { description: refusals, content: { "application/json": { schema: errorRef } } },
    },
  };
}

const errorRef = { $ref: "#/components/schemas/Error" };

const refusals = `Refused: ${errorCodes.map((code) => `${statusOf(code)} ${code}`).join(", ")}`;

/** `deleteNetworksRef` for DELETE /v1/networks/{ref}. */
function operationId({ method, path }: Route): string {
  const words = path.split(/[^a-z]+/).filter((word) => word !== "" && word !== "v");
  return method + words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join("");
}

function pathParameters(path: string): object[] {
  return [...path.matchAll(/\{([a-z]+)\}/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    description: "a name, an id, or the start of an id; of endpoints also name.network",
    schema: { type: "string" },
  }));
}

function queryParameters(query: Shape): object[] {
  const { properties = {}, required = [] } = schemaOf(query) as {
    readonly properties?: Readonly<Record<string, { readonly description?: string }>>;
    readonly required?: readonly string[];
  };
  return Object.entries(properties).map(([name, { description, ...schema }]) => ({
    name,
    in: "query",
    required: required.includes(name),
    description,
    schema,
  }));
}

function jsonOf(schema: v.GenericSchema): object {
  return { "application/json": { schema: schemaOf(schema) } };
}

/** What our parsers check beyond JSON Schema stands in the descriptions. */
function schemaOf(schema: v.GenericSchema): object {
  const { $schema: _, ...rest } = toJsonSchema(schema, { typeMode: "input", errorMode: "ignore" });
  return rest;
}
