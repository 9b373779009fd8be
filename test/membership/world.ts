/** A cluster's keys without a cluster: a root, admins and hosts that can be told to sign. */
import { certify, clusterOf } from "../../membership/certificate.ts";
import { Revocations, revoke, type Verdict } from "../../membership/revocations.ts";
import { appoint, type Chain, type Issuer, rootIssuer } from "../../membership/warrant.ts";
import { simulatedCrypto, simulatedHost, simulatedSigner } from "../simulation/crypto.ts";

/** Bounds of admission's machines, small enough to be reached in a test. */
export const limits = {
  tokens: 3,
  tokenUses: 50,
  tokenBookBytes: 64 * 1024,
  tokenMemoryMs: 10_000,
  revocations: 20,
  revocationBytes: 8 * 1024,
  revocationsBytes: 64 * 1024,
};

const root = simulatedSigner(1);
export const crypto = simulatedCrypto(simulatedHost(1));
export const cluster = clusterOf(root.publicKey, crypto);
export const byRoot = rootIssuer(cluster, root);
export const [a, b, c, d] = [1, 2, 3, 4].map(simulatedHost) as [Id, Id, Id, Id];
type Id = ReturnType<typeof simulatedHost>;

let serials = 0;

/** A chain that `by` gives to a host. */
export function appointed(host: Id, by: Issuer): Chain {
  serials += 1;
  const chain = appoint({ host, serial: serials }, by);
  if (chain === undefined) throw new Error("too long a chain");
  return chain;
}

/** A host that signs with its chain. */
export function issuer(chain: Chain): Issuer {
  const host = chain.at(-1)?.host;
  if (host === undefined) return byRoot;
  const { rootKey } = byRoot;
  return { cluster, rootKey, chain, sign: (bytes) => simulatedCrypto(host).sign(bytes) };
}

/** A certificate that lasts. */
export function certified(host: Id, by: Issuer) {
  serials += 1;
  return certify(host, { serial: serials, notAfter: 2_000_000_000_000 }, by);
}

/** An entry of the set. */
export function revocation(verdict: Partial<Verdict> & { readonly host: Id }, by: Issuer) {
  const rest = { serials: [], keep: [], keepWarrants: [], epoch: 1, seq: 1 };
  return revoke({ scope: "host", ...rest, ...verdict }, by);
}

/** A set with these entries. */
export function knowing(entries: readonly Uint8Array[] = []): Revocations {
  const set = new Revocations({ cluster, crypto, limits });
  for (const entry of entries) set.add(entry);
  return set;
}
