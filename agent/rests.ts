/**
 * What the journal remembers of endpoints that went, so that their addresses rest over a restart.
 */
import * as v from "valibot";
import { decode } from "../base/codec.ts";
import { type EndpointId, parseEndpointId } from "../base/id.ts";
import type { Instant } from "../base/time.ts";
import type { JournalOp } from "../store/journal.ts";
import { limits } from "./config.ts";
import { type EndpointRecord, endpointSchema, endpointValue } from "./schema.ts";

const restPrefix = "rest/";

/** Endpoints that went, and until when the journal remembers them. */
export class Rests {
  readonly #until = new Map<EndpointId, Instant>();

  begin(id: EndpointId, until: Instant): void {
    this.#until.set(id, until);
  }

  /** What the journal forgets now. */
  end(now: Instant): JournalOp[] {
    const over = [...this.#until].filter(([, until]) => until <= now).map(([id]) => id);
    for (const id of over) this.#until.delete(id);
    return over.map((id) => restOp(id, undefined));
  }
}

/** What the journal must know of an endpoint that goes. */
export function restOf(id: EndpointId, record: EndpointRecord): JournalOp {
  return restOp(id, endpointValue(record));
}

/** The endpoint of a row, or undefined where the row is none of ours, or makes no sense. */
export function restIn(
  key: string,
  value: Uint8Array,
): { readonly id: EndpointId; readonly record: EndpointRecord } | undefined {
  const id = key.startsWith(restPrefix) ? parseEndpointId(key.slice(restPrefix.length)) : undefined;
  const parsed = v.safeParse(endpointSchema, decode(value, limits.valueBytes));
  return id === undefined || !parsed.success ? undefined : { id, record: parsed.output };
}

function restOp(id: EndpointId, value: Uint8Array | undefined): JournalOp {
  return { table: "local", key: `${restPrefix}${id}`, value };
}
