import { hash } from "node:crypto";
import { bytesEqual, concatBytes } from "../../base/bytes.ts";
import { encode } from "../../base/codec.ts";
import type { Crypto, Signer } from "../../base/crypto.ts";
import { type HostId, parseHostId } from "../../base/id.ts";

/** SHA-256: 32 bytes. */
export function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(hash("sha256", bytes, "buffer"));
}

/** The n-th host of a simulation: a well-formed id that no key belongs to. */
export function simulatedHost(n: number): HostId {
  const letters = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
  const digest = sha256(encode(["host", n]));
  const tail = Array.from({ length: 44 }, (_, at) => letters[(digest[at % 32] ?? 0) % 58]).join("");
  const host = parseHostId(`12D3KooW${tail}`);
  if (host === undefined) throw new Error("bug: simulated host id");
  return host;
}

/**
 * Signatures that only their maker can make inside a simulation, a hundred times cheaper than
 * Ed25519: the hash of who signed what. Whoever forges in a test has to do it through another
 * host's object, so the promise holds.
 */
export function simulatedCrypto(host: HostId): Crypto {
  return {
    hash: sha256,
    sign: (bytes) => signature(keyOf(host), bytes),
    verifyHost: (signer, bytes, claimed) => bytesEqual(claimed, signature(keyOf(signer), bytes)),
    verifyKey: (key, bytes, claimed) => bytesEqual(claimed, signature(key, bytes)),
  };
}

/** A root key of a simulation. */
export function simulatedSigner(seed: number): Signer {
  const publicKey = sha256(encode(["root", seed]));
  return { publicKey, sign: (bytes) => signature(publicKey, bytes) };
}

const keys = new Map<HostId, Uint8Array>();

function keyOf(host: HostId): Uint8Array {
  const known = keys.get(host) ?? encode(host);
  keys.set(host, known);
  return known;
}

function signature(key: Uint8Array, bytes: Uint8Array): Uint8Array {
  const half = sha256(concatBytes([key, bytes]));
  return concatBytes([half, half]);
}
