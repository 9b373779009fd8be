/**
 * How a host gets in: one question, one answer.
 *
 *   joiner -> any member: (host, issuer, token id, nonce, proof)    proof = HMAC(secret, cluster, issuer, host, nonce)
 *   member -> issuer, if it is not the issuer itself                the proof binds the joiner, so a relay gains nothing
 *   issuer -> joiner: certificate and seal, or why not              seal = HMAC(secret, the same, certificate)
 */
import * as v from "valibot";
import { fromHex, toHex } from "../base/bytes.ts";
import { decode, encode } from "../base/codec.ts";
import type { Crypto } from "../base/crypto.ts";
import { type ErrorCode, errorCodes, type Refusal } from "../base/errors.ts";
import { type HostId, parseHostId } from "../base/id.ts";
import { branded, fixedBytes, shortText } from "../base/schema.ts";
import { type Certificate, certificateFault, certificateSchema } from "./certificate.ts";
import { type Claim, type Lock, proofOf, proofsEqual, sealOf, tokenIdOf } from "./token.ts";

/** The largest question or answer. A certificate with the longest chain is under 1,500 bytes. */
export const joinBytes = 4096;

/** A stranger, whom it asks, and how it shows that it may. */
export type JoinRequest = {
  readonly host: HostId;
  readonly issuer: HostId;
  /** Which of the issuer's tokens: 16 hex digits. */
  readonly token: string;
  readonly nonce: Uint8Array;
  readonly proof: Uint8Array;
};

/** In, or why not. */
export type JoinAnswer =
  | { readonly kind: "admitted"; readonly certificate: Certificate; readonly seal: Uint8Array }
  | { readonly kind: "refused"; readonly refusal: Refusal };

const requestSchema = v.strictObject({
  host: branded(parseHostId),
  issuer: branded(parseHostId),
  token: fixedBytes(8),
  nonce: fixedBytes(16),
  proof: fixedBytes(32),
});

const answerSchema = v.union([
  v.strictObject({ certificate: certificateSchema, seal: fixedBytes(32) }),
  v.strictObject({ code: v.picklist(errorCodes), message: shortText(512) }),
]);

/** What a host that holds a token asks. */
export function joinRequest(lock: Lock, claim: Claim, crypto: Pick<Crypto, "hash">): Uint8Array {
  const { host, nonce } = claim;
  const token = fromHex(tokenIdOf(lock.secret, crypto));
  return encode({ host, issuer: lock.issuer, token, nonce, proof: proofOf(lock, claim, crypto) });
}

/** The request, or undefined where it is malformed. */
export function parseJoinRequest(bytes: Uint8Array): JoinRequest | undefined {
  const parsed = v.safeParse(requestSchema, decode(bytes, joinBytes));
  if (!parsed.success) return undefined;
  return { ...parsed.output, token: toHex(parsed.output.token) };
}

/** An answer that says yes, to this claim alone. */
export function admitJoin(
  certificate: Certificate,
  { lock, claim }: { readonly lock: Lock; readonly claim: Claim },
  crypto: Pick<Crypto, "hash">,
): JoinAnswer {
  const seal = sealOf(lock, { claim, answer: encode(certificate) }, crypto);
  return { kind: "admitted", certificate, seal };
}

/** An answer that says no. */
export function refuseJoin(code: ErrorCode, message: string): JoinAnswer {
  return { kind: "refused", refusal: { code, message } };
}

/** The answer as bytes. */
export function encodeJoinAnswer(answer: JoinAnswer): Uint8Array {
  return encode(
    answer.kind === "admitted"
      ? { certificate: answer.certificate, seal: answer.seal }
      : { code: answer.refusal.code, message: answer.refusal.message.slice(0, 512) },
  );
}

/**
 * What the joiner makes of an answer: a certificate counts only if the issuer gave it now, and if
 * it proves our own membership.
 */
export function readJoinAnswer(
  bytes: Uint8Array,
  expected: { readonly lock: Lock; readonly claim: Claim },
  crypto: Crypto,
): JoinAnswer {
  const parsed = v.safeParse(answerSchema, decode(bytes, joinBytes));
  if (!parsed.success) return refuseJoin("TOKEN_REFUSED", "the seed's answer is malformed");
  if ("code" in parsed.output) return { kind: "refused", refusal: parsed.output };
  const { certificate, seal } = parsed.output;
  const { lock, claim } = expected;
  const right = sealOf(lock, { claim, answer: encode(certificate) }, crypto);
  if (!proofsEqual(seal, right, crypto)) {
    return refuseJoin(
      "AGENT_UNREACHABLE",
      "the answer is not the issuer's, or not to our question",
    );
  }
  const fault = certificateFault(certificate, { ...lock, host: claim.host }, crypto);
  return fault === undefined
    ? { kind: "admitted", certificate, seal }
    : refuseJoin("TOKEN_REFUSED", `the seed let us in, but ${fault}`);
}
