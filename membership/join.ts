/**
 * How a host gets in: one question, one answer.
 *
 *   joiner -> any member: (host, issuer, nonce, proof)        proof = HMAC(token secret, cluster, issuer, host, nonce)
 *   member -> issuer, if it is not the issuer itself          the proof binds the joiner, so a relay gains nothing
 *   issuer -> joiner: certificate, or why not
 */
import * as v from "valibot";
import { decode, encode } from "../base/codec.ts";
import type { Crypto, Signer } from "../base/crypto.ts";
import { type ErrorCode, errorCodes, type Refusal } from "../base/errors.ts";
import { type HostId, parseHostId } from "../base/id.ts";
import { branded, fixedBytes, shortText } from "../base/schema.ts";
import { type Certificate, certificateFault, certificateSchema, certify } from "./certificate.ts";
import { proofOf, proofsEqual, type Token } from "./token.ts";

/** The largest question or answer. A certificate is under 300 bytes. */
export const joinBytes = 4096;

/** A stranger, whom it asks, and how it shows that it may. */
export type JoinRequest = {
  readonly host: HostId;
  readonly issuer: HostId;
  readonly nonce: Uint8Array;
  readonly proof: Uint8Array;
};

/** In, or why not. */
export type JoinAnswer =
  | { readonly kind: "admitted"; readonly certificate: Certificate }
  | { readonly kind: "refused"; readonly refusal: Refusal };

const requestSchema = v.strictObject({
  host: branded(parseHostId),
  issuer: branded(parseHostId),
  nonce: fixedBytes(16),
  proof: fixedBytes(32),
});

const answerSchema = v.union([
  v.strictObject({ certificate: certificateSchema }),
  v.strictObject({ code: v.picklist(errorCodes), message: shortText(512) }),
]);

/** What a host that holds a token asks. */
export function joinRequest(
  token: Token,
  claim: { readonly host: HostId; readonly nonce: Uint8Array },
  crypto: Pick<Crypto, "hash">,
): Uint8Array {
  const { host, nonce } = claim;
  return encode({ host, issuer: token.issuer, nonce, proof: proofOf(token, claim, crypto) });
}

/** The request, or undefined where it is malformed. */
export function parseJoinRequest(bytes: Uint8Array): JoinRequest | undefined {
  const parsed = v.safeParse(requestSchema, decode(bytes, joinBytes));
  return parsed.success ? parsed.output : undefined;
}

/** The issuer's decision. */
export function judgeJoin(
  request: JoinRequest,
  authority: { readonly token: Token; readonly root: Signer },
  crypto: Pick<Crypto, "hash">,
): JoinAnswer {
  const right = proofOf(authority.token, request, crypto);
  return proofsEqual(request.proof, right, crypto)
    ? { kind: "admitted", certificate: certify(request.host, authority.root, crypto) }
    : refuseJoin("TOKEN_REFUSED", "the token is not, or no longer, valid; ask for a new one");
}

/** An answer that says no. */
export function refuseJoin(code: ErrorCode, message: string): JoinAnswer {
  return { kind: "refused", refusal: { code, message } };
}

/** The answer as bytes. */
export function encodeJoinAnswer(answer: JoinAnswer): Uint8Array {
  return encode(
    answer.kind === "admitted"
      ? { certificate: answer.certificate }
      : { code: answer.refusal.code, message: answer.refusal.message.slice(0, 512) },
  );
}

/**
 * What the joiner makes of an answer: a certificate counts only if it proves our own membership.
 */
export function readJoinAnswer(
  bytes: Uint8Array,
  expected: { readonly token: Token; readonly host: HostId },
  crypto: Crypto,
): JoinAnswer {
  const parsed = v.safeParse(answerSchema, decode(bytes, joinBytes));
  if (!parsed.success) return refuseJoin("TOKEN_REFUSED", "the seed's answer is malformed");
  if ("code" in parsed.output) return { kind: "refused", refusal: parsed.output };
  const { certificate } = parsed.output;
  const { cluster } = expected.token;
  const fault = certificateFault(certificate, { cluster, host: expected.host }, crypto);
  return fault === undefined
    ? { kind: "admitted", certificate }
    : refuseJoin("TOKEN_REFUSED", `the seed let us in, but ${fault}`);
}
