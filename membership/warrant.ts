/**
 * Who may let hosts in: admins. The root key appoints the first, any admin may appoint another, and
 * an admin signs with its host key.
 *
 *   root key  ->  warrant of host A  ->  warrant of host B  ->  certificate of host C
 *
 * A link names the warrant it hangs on by that one's serial, so it cannot be hung on another.
 */
import * as v from "valibot";
import { encode } from "../base/codec.ts";
import type { Crypto, Signer } from "../base/crypto.ts";
import { type ClusterId, type HostId, parseHostId } from "../base/id.ts";
import { branded, countSchema, fixedBytes } from "../base/schema.ts";

/** One link: this host may sign, until the warrant is revoked. The serial is drawn at random. */
export type Warrant = {
  readonly host: HostId;
  readonly serial: number;
  readonly signature: Uint8Array;
};

/** From the root key down; empty: the root key itself. */
export type Chain = readonly Warrant[];

/** A chain is verified at every hello. Who needs a longer one asks the root key for a new start. */
export const chainLength = 6;

/** A chain on the wire and on disk. */
export const chainSchema = v.pipe(
  v.array(
    v.strictObject({
      host: branded(parseHostId),
      serial: countSchema,
      signature: fixedBytes(64),
    }),
  ),
  v.maxLength(chainLength),
  v.readonly(),
);

/** The cluster that a chain belongs to. */
export type Anchor = { readonly cluster: ClusterId; readonly rootKey: Uint8Array };

/** Who signs: the root key with an empty chain, or an admin with its own. */
export type Issuer = Anchor & {
  readonly chain: Chain;
  readonly sign: (bytes: Uint8Array) => Uint8Array;
};

/** The root key as an issuer. */
export function rootIssuer(cluster: ClusterId, root: Signer): Issuer {
  return { cluster, rootKey: root.publicKey, chain: [], sign: (bytes) => root.sign(bytes) };
}

/** Makes a host an admin: its chain. Undefined where the issuer's own is as long as one may be. */
export function appoint(
  { host, serial }: Omit<Warrant, "signature">,
  { cluster, chain, sign }: Issuer,
): Chain | undefined {
  if (chain.length >= chainLength) return undefined;
  const signature = sign(warrantBytes(cluster, chain.at(-1), { host, serial }));
  return [...chain, { host, serial, signature }];
}

/** Whether each link was signed by the one above it. */
export function isChainSigned(chain: Chain, anchor: Anchor, crypto: Crypto): boolean {
  return chain.every((warrant, at) => {
    const above = chain[at - 1];
    const bytes = warrantBytes(anchor.cluster, above, warrant);
    return isSignedBy(above, { bytes, signature: warrant.signature }, { anchor, crypto });
  });
}

/** Whether the last of a chain, or the root key above an empty one, signed these bytes. */
export function isSignedBy(
  last: Warrant | undefined,
  { bytes, signature }: { readonly bytes: Uint8Array; readonly signature: Uint8Array },
  { anchor, crypto }: { readonly anchor: Anchor; readonly crypto: Crypto },
): boolean {
  return last === undefined
    ? crypto.verifyKey(anchor.rootKey, bytes, signature)
    : crypto.verifyHost(last.host, bytes, signature);
}

function warrantBytes(
  cluster: ClusterId,
  above: Warrant | undefined,
  { host, serial }: Omit<Warrant, "signature">,
): Uint8Array {
  return encode(["starling warrant 1", cluster, above?.serial ?? null, host, serial]);
}
