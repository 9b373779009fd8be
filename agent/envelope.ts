/**
 * What agents say on a link and in gossip, encoded and bounded. Anything else is dropped, and
 * counted.
 */
import * as v from "valibot";
import { parseIp } from "../base/address.ts";
import { decode, encode } from "../base/codec.ts";
import { parseHostId, parseNetworkId } from "../base/id.ts";
import { branded, countSchema, fixedBytes, shortBytes, shortText } from "../base/schema.ts";
import { certificateSchema } from "../membership/certificate.ts";
import { joinBytes } from "../membership/join.ts";
import { fingerprintBytes } from "../membership/observers.ts";
import { reportSchema } from "../membership/report.ts";
import { type Delta, deltaFromPlain, deltaToPlain, headSchema } from "../store/delta.ts";
import { limits } from "./config.ts";

const pingFields = {
  nonce: countSchema,
  root: fixedBytes(16),
  reports: fixedBytes(fingerprintBytes),
};

const envelopeSchema = v.variant("kind", [
  /**
   * Are you there, and what do you hold? `root` is the digest's, `reports` says which reports are
   * known, `rttUs` how long the last answer took.
   */
  v.strictObject({ kind: v.literal("ping"), ...pingFields, rttUs: v.optional(countSchema) }),
  v.strictObject({ kind: v.literal("pong"), ...pingFields, rttUs: v.optional(countSchema) }),
  /** I miss this host: whoever watches it, look. The nonce makes each a message of its own. */
  v.strictObject({ kind: v.literal("doubt"), host: branded(parseHostId), nonce: countSchema }),
  /** What a host says of those it watches; and everything that is known of that kind. */
  v.strictObject({ kind: v.literal("report"), report: reportSchema }),
  v.strictObject({
    kind: v.literal("reports"),
    reports: v.pipe(v.array(reportSchema), v.maxLength(limits.reportsAtOnce), v.readonly()),
  }),
  /** A message for a host with which its sender has no link. */
  v.strictObject({
    kind: v.literal("letter"),
    from: branded(parseHostId),
    to: branded(parseHostId),
    hops: countSchema,
    body: shortBytes(limits.letterBytes),
    signature: fixedBytes(64),
  }),
  /** An origin's newest changes, or of a long one only that they exist. */
  v.strictObject({ kind: v.literal("delta"), delta: v.unknown() }),
  v.strictObject({ kind: v.literal("head"), head: headSchema }),
  /** Tell me when your kernel holds what I have written up to here; `applied` is the answer. */
  v.strictObject({ kind: v.literal("confirm"), epoch: countSchema, seq: countSchema }),
  v.strictObject({
    kind: v.literal("applied"),
    origin: branded(parseHostId),
    epoch: countSchema,
    seq: countSchema,
  }),
  /**
   * Addresses: please grant me a block, or the one address; a grant is a record, so only a denial
   * is a message.
   */
  v.strictObject({
    kind: v.literal("ask"),
    network: branded(parseNetworkId),
    request: shortText(64),
    size: countSchema,
    family: v.picklist([4, 6]),
    ip: v.optional(branded(parseIp)),
  }),
  v.strictObject({
    kind: v.literal("deny"),
    network: branded(parseNetworkId),
    request: shortText(64),
    reason: shortText(256),
  }),
  /**
   * A stranger's request to join, passed on to the issuer of its token, and the answer on its way
   * back.
   */
  v.strictObject({ kind: v.literal("join"), id: countSchema, request: shortBytes(joinBytes) }),
  v.strictObject({ kind: v.literal("joined"), id: countSchema, answer: shortBytes(joinBytes) }),
  /** A member asks an admin for a new certificate before its own ends. */
  v.strictObject({ kind: v.literal("renew") }),
  v.strictObject({ kind: v.literal("renewed"), certificate: certificateSchema }),
  /** Entries of the set of revocations; `isLast`: that was all I know. */
  v.strictObject({
    kind: v.literal("revocations"),
    entries: v.pipe(v.array(shortBytes(limits.revocationBytes)), v.maxLength(256)),
    isLast: v.boolean(),
  }),
  /** What the set of the sender comes to. */
  v.strictObject({ kind: v.literal("revoked"), hash: fixedBytes(16) }),
]);

/** One message between two agents. */
export type Envelope =
  | Exclude<v.InferOutput<typeof envelopeSchema>, { kind: "delta" }>
  | DeltaEnvelope;
type DeltaEnvelope = { readonly kind: "delta"; readonly delta: Delta };

/** The message as bytes, at most limits.messageBytes by what goes into it. */
export function encodeEnvelope(envelope: Envelope): Uint8Array {
  return encode(
    envelope.kind === "delta" ? { ...envelope, delta: deltaToPlain(envelope.delta) } : envelope,
  );
}

/** The message, or undefined where it is malformed, too long or of a kind we do not know. */
export function decodeEnvelope(bytes: Uint8Array): Envelope | undefined {
  const parsed = v.safeParse(envelopeSchema, decode(bytes, limits.messageBytes));
  if (!parsed.success) return undefined;
  if (parsed.output.kind !== "delta") return parsed.output;
  const delta = deltaFromPlain(parsed.output.delta, limits);
  return delta && { kind: "delta", delta };
}
