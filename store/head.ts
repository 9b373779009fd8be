/**
 * An origin's signed statement of its whole state. Whoever relays the state cannot forge it, leave
 * something out or roll it back: the commitment covers every record and (epoch, seq) only grows.
 *
 *   head = (cluster, origin, epoch, seq, boot, commitment), signed by the origin's Ed25519 key
 *
 * An epoch is compared as a number, never as a time: it fences a disk that was lost, restored or
 * cloned.
 */
import { encode } from "../base/codec.ts";
import type { Crypto } from "../base/crypto.ts";
import type { BootId, ClusterId, HostId } from "../base/id.ts";

/** How far an origin has come. */
export type Version = { readonly epoch: number; readonly seq: number };

/** What an origin signs. */
export type Head = Version & {
  readonly cluster: ClusterId;
  readonly origin: HostId;
  readonly boot: BootId;
  /** 32 bytes: the root of the record set's hash tree. */
  readonly commitment: Uint8Array;
  /** 64 bytes. */
  readonly signature: Uint8Array;
};

/** Of whom nothing is known. */
export const nothing: Version = { epoch: 0, seq: 0 };

/** Negative where a is older, positive where newer, 0 where equal. */
export function compareVersions(a: Version, b: Version): number {
  return a.epoch - b.epoch || a.seq - b.seq;
}

/** The head with the origin's signature. */
export function signHead(head: Omit<Head, "signature">, crypto: Crypto): Head {
  return { ...head, signature: crypto.sign(signedBytes(head)) };
}

/** Whether the origin itself said this. */
export function isSigned(head: Head, crypto: Crypto): boolean {
  return crypto.verifyHost(head.origin, signedBytes(head), head.signature);
}

function signedBytes(head: Omit<Head, "signature">): Uint8Array {
  return encode([
    "starling head 1",
    head.cluster,
    head.origin,
    head.epoch,
    head.seq,
    head.boot,
    head.commitment,
  ]);
}
