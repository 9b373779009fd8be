/**
 * The secret that lets a host in, in one word: `slt1.` and base64url of (cluster, issuer, secret,
 * expiry, addresses). The cluster id pins whom we join before anything is said; the secret never
 * travels, only a proof of it bound to the asking host.
 */
import * as v from "valibot";
import { bytesEqual, concatBytes, fromHex, toHex } from "../base/bytes.ts";
import { decode, encode } from "../base/codec.ts";
import type { Crypto } from "../base/crypto.ts";
import { type ClusterId, type HostId, parseClusterId, parseHostId } from "../base/id.ts";
import { branded, countSchema, fixedBytes, shortText } from "../base/schema.ts";

/** What a joiner holds. */
export type Token = {
  readonly cluster: ClusterId;
  /**
   * The host that redeems it: only it holds the secret, so a use can be counted without any quorum.
   */
  readonly issuer: HostId;
  /** 16 bytes. */
  readonly secret: Uint8Array;
  /** Milliseconds since 1970, whole seconds; the issuer decides, the joiner is only told. */
  readonly expiresAt: number | undefined;
  /** Where its issuer listens: whom to ask where nothing else is said. */
  readonly addresses: readonly string[];
};

/** What proves a secret: the part of a token that the issuer keeps. */
export type Lock = Pick<Token, "cluster" | "issuer" | "secret">;

/** A host that asks, and a number used once, so that no answer serves twice. */
export type Claim = { readonly host: HostId; readonly nonce: Uint8Array };

const prefix = "slt1.";
const maxLength = 512;
const maxAddresses = 4;
/** 128 bits: not to be guessed, online or off. */
export const tokenSecretBytes = 16;

const tokenSchema = v.union([
  v.strictTuple([
    fixedBytes(32),
    branded(parseHostId),
    fixedBytes(tokenSecretBytes),
    v.nullable(countSchema),
    v.pipe(v.array(shortText(64)), v.maxLength(maxAddresses)),
  ]),
  // What version 0.1.0 printed.
  v.strictTuple([fixedBytes(32), branded(parseHostId), fixedBytes(tokenSecretBytes)]),
]);

/** The token as one word, to be pasted. */
export function formatToken({ cluster, issuer, secret, expiresAt, addresses }: Token): string {
  const expiry = expiresAt === undefined ? null : Math.floor(expiresAt / 1_000);
  const some = addresses.slice(0, maxAddresses);
  return prefix + toBase64Url(encode([fromHex(cluster), issuer, secret, expiry, some]));
}

/** The token, or undefined where the text is none: cut short, mistyped, or of another version. */
export function parseToken(text: string): Token | undefined {
  if (!text.startsWith(prefix) || text.length > maxLength) return undefined;
  const bytes = fromBase64Url(text.slice(prefix.length));
  const parsed = v.safeParse(tokenSchema, bytes && decode(bytes, maxLength));
  if (!parsed.success) return undefined;
  const [root, issuer, secret, expiry, addresses = []] = parsed.output;
  const cluster = parseClusterId(toHex(root));
  const expiresAt = typeof expiry === "number" ? expiry * 1_000 : undefined;
  return cluster === undefined ? undefined : { cluster, issuer, secret, expiresAt, addresses };
}

/** What a token is called: 16 hex digits that tell nothing of its secret. */
export function tokenIdOf(secret: Uint8Array, crypto: Pick<Crypto, "hash">): string {
  return toHex(crypto.hash(encode(["starling token id 1", secret])).subarray(0, 8));
}

/** What shows that `host` knows the token's secret, without showing the secret. */
export function proofOf(lock: Lock, claim: Claim, crypto: Pick<Crypto, "hash">): Uint8Array {
  return hmac(lock.secret, saidBy("starling join 2", lock, claim), crypto);
}

/** What shows that an answer is the issuer's, and to this claim: an old one cannot be replayed. */
export function sealOf(
  lock: Lock,
  { claim, answer }: { readonly claim: Claim; readonly answer: Uint8Array },
  crypto: Pick<Crypto, "hash">,
): Uint8Array {
  const said = concatBytes([saidBy("starling joined 2", lock, claim), crypto.hash(answer)]);
  return hmac(lock.secret, said, crypto);
}

/** Compares without telling by its time how much was right. */
export function proofsEqual(a: Uint8Array, b: Uint8Array, crypto: Pick<Crypto, "hash">): boolean {
  return bytesEqual(crypto.hash(a), crypto.hash(b));
}

function saidBy(what: string, { cluster, issuer }: Lock, { host, nonce }: Claim): Uint8Array {
  return encode([what, cluster, issuer, host, nonce]);
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
