/**
 * Why a host is trusted: an admin signed its host key, and the cluster's root key stands behind the
 * admin (warrant.ts). The cluster's id is the hash of that root key, so a certificate proves itself
 * to whoever knows the id; no server is asked.
 */
import * as v from "valibot";
import { bytesEqual, toHex } from "../base/bytes.ts";
import { encode } from "../base/codec.ts";
import type { Crypto } from "../base/crypto.ts";
import { type ClusterId, type HostId, parseClusterId, parseHostId } from "../base/id.ts";
import { branded, countSchema, fixedBytes } from "../base/schema.ts";
import { type Chain, chainSchema, type Issuer, isChainSigned, isSignedBy } from "./warrant.ts";

/** A host key, signed by an admin or by the root key of a cluster. */
export type Certificate = {
  readonly cluster: ClusterId;
  readonly host: HostId;
  /** 32 bytes, raw Ed25519. */
  readonly rootKey: Uint8Array;
  /** Of the issuer; empty: the root key signed. */
  readonly chain: Chain;
  readonly serial: number;
  /**
   * Milliseconds since 1970; looked at where a link comes up and nowhere else. Undefined in those
   * of version 0.1.0, which the root key signed and which do not expire.
   */
  readonly notAfter?: number | undefined;
  readonly signature: Uint8Array;
};

/** What an issuer decides. */
export type Terms = { readonly serial: number; readonly notAfter: number };

/** A certificate on the wire and on disk. */
export const certificateSchema = v.strictObject({
  cluster: branded(parseClusterId),
  host: branded(parseHostId),
  rootKey: fixedBytes(32),
  chain: v.optional(chainSchema, []),
  serial: v.optional(countSchema, 0),
  notAfter: v.optional(countSchema),
  signature: fixedBytes(64),
});

/** The id of the cluster that a root key founds. */
export function clusterOf(rootKey: Uint8Array, crypto: Pick<Crypto, "hash">): ClusterId {
  const cluster = parseClusterId(toHex(crypto.hash(rootKey)));
  if (cluster === undefined) throw new Error("bug: a hash is no cluster id");
  return cluster;
}

/** Admits a host. The same terms by the same issuer make the same bytes. */
export function certify(host: HostId, terms: Terms, issuer: Issuer): Certificate {
  const { cluster, rootKey, chain, sign } = issuer;
  const signature = sign(signedBytes({ cluster, host, chain, ...terms }));
  return { cluster, host, rootKey, chain, ...terms, signature };
}

/**
 * Why the certificate does not make `host` a member of `cluster`, or undefined where it does. What
 * was revoked, and the time, are others' business.
 */
export function certificateFault(
  certificate: Certificate,
  expected: { readonly cluster: ClusterId; readonly host: HostId },
  crypto: Crypto,
): string | undefined {
  const { cluster, host, rootKey, chain, signature } = certificate;
  if (cluster !== expected.cluster || clusterOf(rootKey, crypto) !== cluster) {
    return "its certificate is of another cluster";
  }
  if (host !== expected.host) return "its certificate is of another host";
  const [anchor, bytes] = [{ cluster, rootKey }, signedBytes(certificate)];
  // Only the root key ever signed certificates that do not expire.
  const isDated = certificate.notAfter !== undefined || chain.length === 0;
  const isGenuine =
    isDated &&
    isSignedBy(chain.at(-1), { bytes, signature }, { anchor, crypto }) &&
    isChainSigned(chain, anchor, crypto);
  return isGenuine ? undefined : "its certificate is not signed by an admin of the cluster";
}

/** Whether two are the same word for word, so that one verification does for both. */
export function certificatesEqual(a: Certificate, b: Certificate): boolean {
  return bytesEqual(encode(a), encode(b));
}

function signedBytes({
  cluster,
  host,
  chain,
  serial,
  notAfter,
}: Omit<Certificate, "rootKey" | "signature">): Uint8Array {
  if (notAfter === undefined) return encode(["starling certificate 1", cluster, host]);
  const above = chain.at(-1)?.serial ?? null;
  return encode(["starling certificate 2", cluster, host, serial, notAfter, above]);
}
