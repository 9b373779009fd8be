/**
 * What a host says of those it watches, signed, so that it may travel through anybody. A later
 * report replaces the earlier one whole. Silence vouches: where all is well nobody says anything.
 *
 * A host that hears itself accused says that it is there, under a higher incarnation, and with that
 * every accusation of the former one is void (SWIM, DSN 2002).
 */
import * as v from "valibot";
import { encode } from "../base/codec.ts";
import type { Crypto } from "../base/crypto.ts";
import { type ClusterId, type HostId, parseHostId } from "../base/id.ts";
import { branded, countSchema, fixedBytes } from "../base/schema.ts";

/** A host that cannot be reached, in the incarnation in which that was found. */
export type Lost = { readonly host: HostId; readonly incarnation: number };

/** Neighbours and links are fewer. */
const entriesAtMost = 64;

/** A report on the wire. */
export const reportSchema = v.strictObject({
  host: branded(parseHostId),
  /** Raised only by the host itself, to outrank a rumour of its death. */
  incarnation: countSchema,
  /** Counts the reports of a host; the higher is the newer. */
  serial: countSchema,
  /** It misses so many that it may be the one that is cut off: it accuses nobody. */
  isIsolated: v.boolean(),
  /** Neighbours that do not answer. */
  lost: v.pipe(
    v.array(v.strictObject({ host: branded(parseHostId), incarnation: countSchema })),
    v.maxLength(entriesAtMost),
    v.readonly(),
  ),
  /** Hosts that are no neighbours of it, do answer, and are in trouble with others. */
  heard: v.pipe(v.array(branded(parseHostId)), v.maxLength(entriesAtMost), v.readonly()),
  signature: fixedBytes(64),
});
/** One host's account. */
export type Report = Readonly<v.InferOutput<typeof reportSchema>>;

/** Signs what is said, as this host. */
export function signReport(
  cluster: ClusterId,
  said: Omit<Report, "signature">,
  crypto: Pick<Crypto, "sign">,
): Report {
  return { ...said, signature: crypto.sign(signedBytes(cluster, said)) };
}

/** Whether the host it names has said this. */
export function isGenuine(
  cluster: ClusterId,
  report: Report,
  crypto: Pick<Crypto, "verifyHost">,
): boolean {
  return crypto.verifyHost(report.host, signedBytes(cluster, report), report.signature);
}

function signedBytes(cluster: ClusterId, said: Omit<Report, "signature">): Uint8Array {
  const { host, incarnation, serial, isIsolated, heard } = said;
  const lost = said.lost.map((entry) => [entry.host, entry.incarnation]);
  return encode([
    "starling report 1",
    ...[cluster, host, incarnation, serial, isIsolated, lost, heard],
  ]);
}
