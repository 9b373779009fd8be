/**
 * Says in one sentence what is wrong with a value that a schema refuses, and what was probably
 * meant.
 */
import { closest, distance } from "fastest-levenshtein";
import * as v from "valibot";
import { type ErrorCode, MeshError } from "../../base/errors.ts";
import { limits } from "../config.ts";

/** An object schema: what bodies and queries are. */
export type Shape = v.GenericSchema & { readonly entries: Readonly<Record<string, unknown>> };

/**
 * The parsed value. Throws a MeshError that names the first thing wrong: BAD_REQUEST, or the code
 * that a subnet has of its own. `what` is what a field of it is called.
 */
export function readShape<Schema extends Shape>(
  schema: Schema,
  value: unknown,
  what: "field" | "parameter",
): v.InferOutput<Schema> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new MeshError("BAD_REQUEST", "the body must be a JSON object");
  }
  const known = Object.keys(schema.entries);
  // Not valibot's own check: that takes `constructor` for known, as every object has one.
  const unknown = Object.keys(value).find((field) => !Object.hasOwn(schema.entries, field));
  if (unknown !== undefined) {
    const hint = known.length === 0 ? "; there is none here" : suggestion(unknown, known);
    throw new MeshError("BAD_REQUEST", `unknown ${what} ${quoted(unknown)}${hint}`);
  }
  refuseLongLists(value);
  const parsed = v.safeParse(schema, value, { abortEarly: true });
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  const field = String(issue.path?.[0]?.key ?? "");
  if (issue.received === "undefined")
    throw new MeshError("BAD_REQUEST", `the ${what} ${field} is missing`);
  throw new MeshError(codeOf(field), `${field}: ${issue.message}`);
}

/**
 * Before the schema, which reads every entry before it counts them: a body of a megabyte would stop
 * the agent for seconds.
 */
function refuseLongLists(value: object): void {
  for (const [field, list] of Object.entries(value)) {
    if (!Array.isArray(list) || list.length <= longestList) continue;
    const message = `${field}: is a list of ${list.length}; expected ${longestList} at most`;
    throw new MeshError(codeOf(field), message);
  }
}

/** No list that we take may be longer; up to here the schema says so in its words. */
const longestList = limits.aliases;

/** A stranger's word in our sentence, which must stay one. */
function quoted(word: string): string {
  return JSON.stringify(word.length > 64 ? `${word.slice(0, 64)}...` : word);
}

/** `; did you mean ...?` where a known word is near, else the known words. */
export function suggestion(word: string, known: readonly string[]): string {
  const near = nearest(word, known);
  return near === undefined ? `; known are ${known.join(", ")}` : `; did you mean ${near}?`;
}

/** The known word that was probably meant. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  if (known.length === 0) return undefined;
  // The distance costs the product of both lengths, and a stranger chooses one of them.
  const start = word.slice(0, 64);
  const near = closest(start, known);
  return distance(start, near) <= Math.max(2, Math.floor(start.length / 3)) ? near : undefined;
}

function codeOf(field: string): ErrorCode {
  return field === "subnets" ? "SUBNET_MALFORMED" : "BAD_REQUEST";
}
