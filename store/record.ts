/**
 * The unit of what is replicated: an origin's value under a key, stamped with the seq of the write
 * that set it. The store does not know what values mean; kinds it has never heard of are kept and
 * relayed like any other.
 */
import type { Brand } from "../base/id.ts";

/** `<kind>/<rest>`, printable ASCII, at most 160 characters: `endpoint/0123456789abcdef`. */
export type RecordKey = Brand<string, "RecordKey">;

/** A record as a replica holds it. The value is canonical CBOR, kept as bytes. */
export type Entry = {
  readonly key: RecordKey;
  readonly seq: number;
  readonly value: Uint8Array;
};

/** A write, or with an undefined value a deletion, made at `seq`. */
export type Change = {
  readonly key: RecordKey;
  readonly seq: number;
  readonly value: Uint8Array | undefined;
};

/** The parsed key, or undefined. */
export function parseRecordKey(text: string): RecordKey | undefined {
  return /^[a-z][a-z-]{0,15}\/[\x21-\x7e]{1,140}$/.test(text) ? (text as RecordKey) : undefined;
}

/** The part before the slash. */
export function kindOf(key: RecordKey): string {
  return key.slice(0, key.indexOf("/"));
}

/** The part after the slash. */
export function nameOf(key: RecordKey): string {
  return key.slice(key.indexOf("/") + 1);
}
