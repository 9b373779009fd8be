/**
 * Says in one sentence what is wrong with a value that a schema refuses, and what was probably
 * meant.
 */
import { closest, distance } from "fastest-levenshtein";
import type * as v from "valibot";
import type { ErrorCode, Refusal } from "../../base/errors.ts";

/**
 * The first thing that is wrong. Fields that are subnets, addresses and the like have codes of
 * their own.
 */
export function faultOf(
  issues: readonly v.BaseIssue<unknown>[],
  known: readonly string[],
): Refusal {
  const [issue] = issues;
  const field = String(issue?.path?.[0]?.key ?? "");
  if (issue === undefined) return { code: "BAD_REQUEST", message: "the request is malformed" };
  if (issue.type === "strict_object" && issue.expected === "never") {
    return { code: "BAD_REQUEST", message: `unknown field ${field}${suggestion(field, known)}` };
  }
  if (issue.received === "undefined") {
    return { code: "BAD_REQUEST", message: `the field ${field} is missing` };
  }
  return {
    code: codeOf(field),
    message: field === "" ? issue.message : `${field}: ${issue.message}`,
  };
}

/** `; did you mean ...?` where a known word is near, else the known words. */
export function suggestion(word: string, known: readonly string[]): string {
  if (known.length === 0) return "";
  const near = closest(word, known);
  const isNear = distance(word, near) <= Math.max(2, Math.floor(word.length / 3));
  return isNear ? `; did you mean ${near}?` : `; known are ${known.join(", ")}`;
}

function codeOf(field: string): ErrorCode {
  return field === "subnets" ? "SUBNET_MALFORMED" : "BAD_REQUEST";
}

/** The field names of an object schema. */
export function fieldsOf(schema: v.GenericSchema): readonly string[] {
  return "entries" in schema ? Object.keys(schema.entries as object) : [];
}
