/** The API's description (OpenAPI 3.1), made from the same schemas that check the bodies. */
import { toJsonSchema } from "@valibot/to-json-schema";
import { type Route, routes } from "./protocol.ts";

/** The document, as GET /v1/openapi.json serves it. */
export function openApi(): object {
  const paths: { [path: string]: { [method: string]: object } } = {};
  for (const route of routes) {
    const path = paths[route.path] ?? {};
    path[route.method] = operationOf(route);
    paths[route.path] = path;
  }
  return {
    openapi: "3.1.0",
    info: { title: "Starling agent", version: "1", license: { name: "MIT" } },
    servers: [{ url: "http://starling", description: "over the agent's unix socket" }],
    paths,
    components: { schemas: { Error: errorSchema } },
  };
}

const errorSchema = {
  type: "object",
  properties: {
    error: {
      type: "object",
      properties: { code: { type: "string" }, message: { type: "string" } },
      required: ["code", "message"],
    },
  },
  required: ["error"],
};

function operationOf(route: Route): object {
  const names = [...route.path.matchAll(/\{([a-z]+)\}/g)].map((match) => match[1]);
  const inPath = names.map((name) => parameter(name ?? "", "path", "a name, an id or its start"));
  const inQuery = Object.entries(route.query ?? {}).map(([name, text]) =>
    parameter(name, "query", text),
  );
  const content = (schema: object) => ({ "application/json": { schema } });
  const body = route.body && toJsonSchema(route.body, { typeMode: "input", errorMode: "ignore" });
  return {
    summary: route.isForRoot === true ? `${route.summary} (root's socket only)` : route.summary,
    parameters: [...inPath, ...inQuery],
    ...(body && { requestBody: { required: true, content: content(body) } }),
    responses: {
      "200": { description: "Done" },
      default: { description: "Refused", content: content({ $ref: "#/components/schemas/Error" }) },
    },
  };
}

function parameter(name: string, where: "path" | "query", description: string): object {
  return { name, in: where, description, required: where === "path", schema: { type: "string" } };
}
