/**
 * The secret that lets a host in, in one word: `slt1.` and base64url of (cluster, issuer, secret).
 * The cluster id pins whom we join before anything is said; the secret never travels, only a proof
 * of it bound to the asking host.
 */
import * as v from "valibot";
import { bytesEqual, concatBytes, fromHex, toHex } from "../base/bytes.ts";
import { decode, encode } from "../base/codec.ts";
import type { Crypto } from "../base/crypto.ts";
import { type ClusterId, type HostId, parseClusterId, parseHostId } from "../base/id.ts";
import { branded, fixedBytes } from "../base/schema.ts";

/** What a joiner holds. */
export type Token = {
  readonly cluster: ClusterId;
  /**
   * The host that redeems it: only it holds the secret, so a use can be counted without any quorum.
   */
  readonly issuer: HostId;
  /** 16 bytes. */
  readonly secret: Uint8Array;
};

const prefix = "slt1.";
const maxLength = 256;
/** 128 bits: not to be guessed, online or off. */
export const tokenSecretBytes = 16;

const tokenSchema = v.strictTuple([
  fixedBytes(32),
  branded(parseHostId),
  fixedBytes(tokenSecretBytes),
]);

/** The token as one word, to be pasted. */
export function formatToken({ cluster, issuer, secret }: Token): string {
  return prefix + toBase64Url(encode([fromHex(cluster), issuer, secret]));
}

/** The token, or undefined where the text is none: cut short, mistyped, or of another version. */
export function parseToken(text: string): Token | undefined {
  if (!text.startsWith(prefix) || text.length > maxLength) return undefined;
  const bytes = fromBase64Url(text.slice(prefix.length));
  const parsed = v.safeParse(tokenSchema, bytes && decode(bytes, maxLength));
  if (!parsed.success) return undefined;
  const cluster = parseClusterId(toHex(parsed.output[0]));
  const [, issuer, secret] = parsed.output;
  return cluster === undefined ? undefined : { cluster, issuer, secret };
}

/** What shows that `host` knows the token's secret, without showing the secret. */
export function proofOf(
  token: Token,
  claim: { readonly host: HostId; readonly nonce: Uint8Array },
  crypto: Pick<Crypto, "hash">,
): Uint8Array {
  const said = encode(["starling join 1", token.cluster, token.issuer, claim.host, claim.nonce]);
  return hmac(token.secret, said, crypto);
}

/** Compares without telling by its time how much was right. */
export function proofsEqual(a: Uint8Array, b: Uint8Array, crypto: Pick<Crypto, "hash">): boolean {
  return bytesEqual(crypto.hash(a), crypto.hash(b));
}

/** HMAC-SHA256 (RFC 2104) for keys of up to 64 bytes. */
function hmac(key: Uint8Array, message: Uint8Array, crypto: Pick<Crypto, "hash">): Uint8Array {
  const pad = (byte: number) => Uint8Array.from({ length: 64 }, (_, at) => (key[at] ?? 0) ^ byte);
  return crypto.hash(concatBytes([pad(0x5c), crypto.hash(concatBytes([pad(0x36), message]))]));
}

function toBase64Url(bytes: Uint8Array): string {
  const text = btoa(String.fromCharCode(...bytes));
  return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function fromBase64Url(text: string): Uint8Array | undefined {
  if (!/^[A-Za-z0-9_-]+$/.test(text) || text.length % 4 === 1) return undefined;
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (char) => char.charCodeAt(0));
}
