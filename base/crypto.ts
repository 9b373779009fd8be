import type { HostId } from "./id.ts";

/**
 * Hashing and Ed25519, synchronous. A host id holds its public key, so verifying needs nothing
 * else.
 */
export interface Crypto {
  /** SHA-256: 32 bytes. */
  hash(bytes: Uint8Array): Uint8Array;
  /** Ed25519 signature by this host's own key: 64 bytes. */
  sign(bytes: Uint8Array): Uint8Array;
  /** Whether `host` signed these bytes. */
  verifyHost(host: HostId, bytes: Uint8Array, signature: Uint8Array): boolean;
  /** Whether the holder of a raw 32-byte Ed25519 public key signed these bytes. */
  verifyKey(publicKey: Uint8Array, bytes: Uint8Array, signature: Uint8Array): boolean;
}

/** A key that signs and is not the host's own: the cluster's root key. */
export interface Signer {
  /** 32 bytes, raw Ed25519. */
  readonly publicKey: Uint8Array;
  sign(bytes: Uint8Array): Uint8Array;
}
