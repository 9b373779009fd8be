/** Proofs of equivocation on disk: evidence must survive the restart that it may ask for. */
import * as v from "valibot";
import { decode, encode } from "../base/codec.ts";
import { headSchema } from "../store/delta.ts";
import type { JournalOp } from "../store/journal.ts";
import type { Equivocation } from "../store/replica.ts";
import { limits } from "./config.ts";

const prefix = "proof ";
const proofSchema = v.strictTuple([headSchema, headSchema]);

/** What the journal must take to keep it. */
export function proofOp(proof: Equivocation): JournalOp {
  return { table: "local", key: `${prefix}${proof[0].origin}`, value: encode(proof) };
}

/** A proof that was kept, or undefined where the row is another thing. */
export function proofIn(key: string, value: Uint8Array): Equivocation | undefined {
  if (!key.startsWith(prefix)) return undefined;
  const parsed = v.safeParse(proofSchema, decode(value, limits.valueBytes));
  return parsed.success ? parsed.output : undefined;
}
