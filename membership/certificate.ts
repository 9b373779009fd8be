/**
 * Why a host is trusted: the cluster's root key signed its host key. The cluster's id is the hash
 * of that root key, so a certificate proves itself to whoever knows the id; no server is asked.
 */
import * as v from "valibot";
import { bytesEqual, toHex } from "../base/bytes.ts";
import { encode } from "../base/codec.ts";
import type { Crypto, Signer } from "../base/crypto.ts";
import { type ClusterId, type HostId, parseClusterId, parseHostId } from "../base/id.ts";
import { branded, fixedBytes } from "../base/schema.ts";

/** A host key, signed by the root key of a cluster. */
export type Certificate = {
  readonly cluster: ClusterId;
  readonly host: HostId;
  /** 32 bytes, raw Ed25519. */
  readonly rootKey: Uint8Array;
  readonly signature: Uint8Array;
};

/** A certificate on the wire and on disk. */
export const certificateSchema = v.strictObject({
  cluster: branded(parseClusterId),
  host: branded(parseHostId),
  rootKey: fixedBytes(32),
  signature: fixedBytes(64),
});

/** The id of the cluster that a root key founds. */
export function clusterOf(rootKey: Uint8Array, crypto: Pick<Crypto, "hash">): ClusterId {
  const cluster = parseClusterId(toHex(crypto.hash(rootKey)));
  if (cluster === undefined) throw new Error("bug: a hash is no cluster id");
  return cluster;
}

/** Admits a host. */
export function certify(host: HostId, root: Signer, crypto: Pick<Crypto, "hash">): Certificate {
  const cluster = clusterOf(root.publicKey, crypto);
  const signature = root.sign(signedBytes(cluster, host));
  return { cluster, host, rootKey: root.publicKey, signature };
}

/** Why the certificate does not make `host` a member of `cluster`, or undefined where it does. */
export function certificateFault(
  certificate: Certificate,
  expected: { readonly cluster: ClusterId; readonly host: HostId },
  crypto: Crypto,
): string | undefined {
  const { cluster, host, rootKey, signature } = certificate;
  if (cluster !== expected.cluster || clusterOf(rootKey, crypto) !== cluster) {
    return "its certificate is of another cluster";
  }
  if (host !== expected.host) return "its certificate is of another host";
  const isGenuine = crypto.verifyKey(rootKey, signedBytes(cluster, host), signature);
  return isGenuine ? undefined : "its certificate is not signed by the cluster's root key";
}

/** Whether two are the same word for word, so that one verification does for both. */
export function certificatesEqual(a: Certificate, b: Certificate): boolean {
  return a.host === b.host && a.cluster === b.cluster && bytesEqual(a.signature, b.signature);
}

function signedBytes(cluster: ClusterId, host: HostId): Uint8Array {
  return encode(["starling certificate 1", cluster, host]);
}
