/**
 * How the replica lies in the journal's table `origins`: one row for each head and each record, the
 * origin first, so that an origin is one run of rows.
 *
 *   <origin> h            the head
 *   <origin> r <key>      [seq, value]
 */
import * as v from "valibot";
import { decode, encode } from "../base/codec.ts";
import { type HostId, parseHostId } from "../base/id.ts";
import { countSchema } from "../base/schema.ts";
import { encodeRows } from "./bulk.ts";
import { type Delta, headSchema } from "./delta.ts";
import type { Head } from "./head.ts";
import type { JournalOp, JournalRow } from "./journal.ts";
import { type Entry, parseRecordKey, type RecordKey } from "./record.ts";
import type { Replica } from "./replica.ts";

/**
 * What the journal must take so that, loaded again, it gives the delta's head; `gone` are keys a
 * full set drops.
 */
export function rowsOf(delta: Delta, gone: readonly RecordKey[]): JournalOp[] {
  const { head, changes } = delta;
  const row = (rest: string, value: Uint8Array | undefined): JournalOp => ({
    table: "origins",
    key: `${head.origin} ${rest}`,
    value,
  });
  const written = changes.filter((change): change is Entry => change.value !== undefined);
  const values = encodeRows(written);
  return [
    row("h", encode(head)),
    ...gone.map((key) => row(`r ${key}`, undefined)),
    ...changes
      .filter(({ value }) => value === undefined)
      .map(({ key }) => row(`r ${key}`, undefined)),
    ...written.map(({ key }, at) => row(`r ${key}`, values[at])),
  ];
}

/** What rows with these keys of table `origins` must say now, whatever the disk has of them. */
export function rowsAgain(keys: Iterable<string>, replica: Replica): JournalOp[] {
  return [...keys].map((key): JournalOp => {
    const [origin = "", kind, record = ""] = key.split(" ");
    const state = replica.origin(origin as HostId);
    const entry = kind === "r" ? state?.entry(record as RecordKey) : undefined;
    const value = kind === "h" ? state && encode(state.head) : entry && encodeRows([entry])[0];
    return { table: "origins", key, value };
  });
}

/** One origin as it was stored. */
export type StoredOrigin = { readonly head: Head; readonly entries: readonly Entry[] };

/** Puts rows together by origin; rows that make no sense are named in `damaged` by their origin. */
export class RowReader {
  readonly #heads = new Map<HostId, Head>();
  readonly #entries = new Map<HostId, Entry[]>();
  readonly #damaged = new Set<string>();

  take(row: JournalRow): void {
    const [origin, kind, key] = row.key.split(" ") as [
      string,
      string | undefined,
      string | undefined,
    ];
    const host = parseHostId(origin);
    const isTaken =
      host !== undefined && (kind === "h" ? this.#head(host, row) : this.#record(host, key, row));
    if (!isTaken) this.#damaged.add(origin);
  }

  finish(): { readonly origins: readonly StoredOrigin[]; readonly damaged: ReadonlySet<string> } {
    const origins = [...this.#heads.values()].map((head) => ({
      head,
      entries: this.#entries.get(head.origin) ?? [],
    }));
    return { origins, damaged: this.#damaged };
  }

  #head(host: HostId, row: JournalRow): boolean {
    const parsed = v.safeParse(headSchema, decode(row.value, row.value.length));
    if (parsed.success && parsed.output.origin === host) this.#heads.set(host, parsed.output);
    return parsed.success && parsed.output.origin === host;
  }

  #record(host: HostId, text: string | undefined, row: JournalRow): boolean {
    const key = parseRecordKey(text ?? "");
    const parsed = v.safeParse(rowSchema, decode(row.value, row.value.length));
    if (key === undefined || !parsed.success) return false;
    const [seq, value] = parsed.output;
    const entries = this.#entries.get(host) ?? [];
    entries.push({ key, seq, value });
    this.#entries.set(host, entries);
    return true;
  }
}

const rowSchema = v.strictTuple([countSchema, v.instance(Uint8Array)]);
