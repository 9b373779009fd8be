/**
 * Ed25519 and SHA-256 of node:crypto. Keys are raw 32 bytes outside and kept as KeyObjects inside:
 * parsing one costs about as much as a signature.
 */
import { createPrivateKey, createPublicKey, hash, type KeyObject, sign, verify } from "node:crypto";
import { publicKeyFromRaw } from "@libp2p/crypto/keys";
import { peerIdFromPublicKey, peerIdFromString } from "@libp2p/peer-id";
import { assert } from "../assert.ts";
import { concatBytes, toHex } from "../bytes.ts";
import type { Crypto, Signer } from "../crypto.ts";
import { type HostId, parseHostId } from "../id.ts";

const keyBytes = 32;
const signatureBytes = 64;
/** What stands before a raw key in PKCS #8 and in SPKI (RFC 8410). */
const privatePrefix = Buffer.from("302e020100300506032b657004220420", "hex");
const publicPrefix = Buffer.from("302a300506032b6570032100", "hex");
/** Every host and issuer of the largest cluster we hold records of. A parsed key is about 1 kB. */
const keysKept = 4_096;

/** Hashing, and signing as the host whose private key is the 32-byte `seed`. */
export function nodeCrypto(seed: Uint8Array): Crypto {
  const signer = nodeSigner(seed);
  const hostKeys = keyCache((host: HostId) => publicKeyOf(host));
  const rawKeys = keyCache((hex: string) => Buffer.from(hex, "hex"));
  return {
    hash: (bytes) => new Uint8Array(hash("sha256", bytes, "buffer")),
    sign: (bytes) => signer.sign(bytes),
    verifyHost: (host, bytes, signature) => isSigned(hostKeys(host), bytes, signature),
    verifyKey: (publicKey, bytes, signature) =>
      publicKey.length === keyBytes && isSigned(rawKeys(toHex(publicKey)), bytes, signature),
  };
}

/** Signs with the private key of which these are the 32 bytes. */
export function nodeSigner(seed: Uint8Array): Signer {
  assert(seed.length === keyBytes, "a private key has 32 bytes");
  const key = createPrivateKey({
    key: Buffer.concat([privatePrefix, seed]),
    format: "der",
    type: "pkcs8",
  });
  const encoded = createPublicKey(key).export({ format: "der", type: "spki" });
  return {
    publicKey: new Uint8Array(encoded.subarray(-keyBytes)),
    sign: (bytes) => new Uint8Array(sign(null, bytes, key)),
  };
}

/** The host whose raw public key this is. */
export function hostIdOf(publicKey: Uint8Array): HostId {
  assert(publicKey.length === keyBytes, "a public key has 32 bytes");
  const host = parseHostId(peerIdFromPublicKey(publicKeyFromRaw(publicKey)).toString());
  assert(host !== undefined, "an Ed25519 peer id");
  return host;
}

/** The raw public key that a host id holds, or undefined where the text decodes to none. */
export function publicKeyOf(host: HostId): Uint8Array | undefined {
  try {
    const peer = peerIdFromString(host);
    return peer.type === "Ed25519" ? peer.publicKey.raw : undefined;
  } catch {
    return undefined;
  }
}

function isSigned(key: KeyObject | undefined, bytes: Uint8Array, signature: Uint8Array): boolean {
  if (key === undefined || signature.length !== signatureBytes) return false;
  return verify(null, bytes, key, signature);
}

/** Parsed keys by name, the oldest forgotten first. A name that holds no key is not remembered. */
function keyCache<Name extends string>(
  rawKey: (name: Name) => Uint8Array | undefined,
): (name: Name) => KeyObject | undefined {
  const kept = new Map<Name, KeyObject>();
  return (name) => {
    const known = kept.get(name);
    if (known !== undefined) return known;
    const raw = rawKey(name);
    if (raw === undefined) return undefined;
    const key = createPublicKey({
      key: Buffer.from(concatBytes([publicPrefix, raw])),
      format: "der",
      type: "spki",
    });
    if (kept.size >= keysKept) for (const oldest of kept.keys().take(1)) kept.delete(oldest);
    kept.set(name, key);
    return key;
  };
}
