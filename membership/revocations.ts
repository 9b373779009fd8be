/**
 * Keys that nobody trusts any more. The set only grows: an entry proves itself by an admin's
 * signature and chain, sets merge by union, and no entry is ever judged by another, so the order in
 * which entries arrive decides nothing (a grow-only set; Shapiro et al. 2011).
 *
 *   host    the key is out for ever, and so is all it issued as an admin
 *   admin   these warrants are out; the host stays a member
 *
 * What a revoked admin issued stands where the entry says so: the revoker names all it knew, since
 * a signature does not tell when it was made.
 */
import * as v from "valibot";
import { bytesEqual, toHex } from "../base/bytes.ts";
import { decode, encode } from "../base/codec.ts";
import type { Crypto } from "../base/crypto.ts";
import { type ClusterId, type HostId, parseClusterId, parseHostId } from "../base/id.ts";
import { branded, countSchema, fixedBytes } from "../base/schema.ts";
import { type Certificate, clusterOf } from "./certificate.ts";
import { type Chain, chainSchema, type Issuer, isChainSigned, isSignedBy } from "./warrant.ts";

/** What a set may hold. */
export type RevocationLimits = {
  readonly revocations: number;
  readonly revocationBytes: number;
  readonly revocationsBytes: number;
};

const maxKept = 4_096;

const revocationSchema = v.strictObject({
  cluster: branded(parseClusterId),
  rootKey: fixedBytes(32),
  scope: v.picklist(["host", "admin"]),
  host: branded(parseHostId),
  /** Of the warrants that are out; all of the host's where the host is. */
  serials: v.pipe(v.array(countSchema), v.maxLength(64)),
  /** Hosts whose certificates by this admin stand, and serials of its warrants that stand. */
  keep: v.pipe(v.array(branded(parseHostId)), v.maxLength(maxKept)),
  keepWarrants: v.pipe(v.array(countSchema), v.maxLength(maxKept)),
  /** The last of the host's own records that count (S17). */
  epoch: countSchema,
  seq: countSchema,
  /** Of who revoked; empty: the root key. */
  chain: chainSchema,
  signature: fixedBytes(64),
});

/** One entry of the set. */
export type Revocation = v.InferOutput<typeof revocationSchema>;

/** What an entry says; who signs it is the issuer's business. */
export type Verdict = Omit<Revocation, "cluster" | "rootKey" | "chain" | "signature">;

/** An entry, as it is spread and stored. */
export function revoke(verdict: Verdict, issuer: Issuer): Uint8Array {
  const { cluster, rootKey, chain, sign } = issuer;
  const signature = sign(signedBytes(cluster, chain, verdict));
  return encode({ cluster, rootKey, ...verdict, chain, signature });
}

/** The set that one host knows. */
export class Revocations {
  readonly #cluster: ClusterId;
  readonly #crypto: Crypto;
  readonly #limits: RevocationLimits;
  /** Entries as they came, by hash. */
  readonly #entries = new Map<string, { readonly bytes: Uint8Array; readonly said: Revocation }>();
  readonly #byHost = new Map<HostId, Revocation[]>();
  #bytes = 0;
  #hash: Uint8Array | undefined;

  constructor(options: {
    readonly cluster: ClusterId;
    readonly crypto: Crypto;
    readonly limits: RevocationLimits;
  }) {
    this.#cluster = options.cluster;
    this.#crypto = options.crypto;
    this.#limits = options.limits;
  }

  /** 16 bytes; equal on two hosts exactly if they know the same entries. */
  hash(): Uint8Array {
    this.#hash ??= this.#crypto.hash(encode([...this.#entries.keys()].toSorted())).slice(0, 16);
    return this.#hash;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** All entries as bytes, in an order that is the same everywhere. */
  entries(): Uint8Array[] {
    return [...this.#entries]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([, { bytes }]) => bytes);
  }

  /** All entries. */
  list(): Revocation[] {
    return [...this.#entries.values()].map(({ said }) => said);
  }

  /** Takes an entry. Undefined where it was known; `full` where the set has no room for it. */
  add(bytes: Uint8Array): Revocation | "false" | "full" | undefined {
    const id = toHex(this.#crypto.hash(bytes));
    if (this.#entries.has(id)) return undefined;
    const said = this.#read(bytes);
    // Other bytes for the same entry would be another entry to the hash.
    const isCanonical = said !== undefined && bytesEqual(encode(said), bytes);
    if (!isCanonical) return "false";
    const { revocations, revocationsBytes } = this.#limits;
    const isFull =
      this.#entries.size >= revocations || this.#bytes + bytes.length > revocationsBytes;
    if (isFull) return "full";
    this.#entries.set(id, { bytes, said });
    this.#byHost.set(said.host, [...this.of(said.host), said]);
    this.#bytes += bytes.length;
    this.#hash = undefined;
    return said;
  }

  /** What is said of a host. */
  of(host: HostId): readonly Revocation[] {
    return this.#byHost.get(host) ?? [];
  }

  /** Whether the host's key is out. */
  isRevoked(host: HostId): boolean {
    return this.of(host).some(({ scope }) => scope === "host");
  }

  /** Up to where a revoked host's records count: the highest that any revoker knew. */
  lastOf(host: HostId): { readonly epoch: number; readonly seq: number } | undefined {
    const all = this.of(host).filter(({ scope }) => scope === "host");
    const [last] = all.toSorted((a, b) => b.epoch - a.epoch || b.seq - a.seq);
    return last && { epoch: last.epoch, seq: last.seq };
  }

  /** Why this certificate no longer counts, or undefined where it does. */
  bar({ host, chain }: Pick<Certificate, "host" | "chain">): string | undefined {
    if (this.isRevoked(host)) return "its key was revoked, which cannot be undone";
    const stands = chain.every((_, at) =>
      this.#hits(chain, at).every(({ keep, keepWarrants }) => {
        const below = chain[at + 1];
        return below === undefined ? keep.includes(host) : keepWarrants.includes(below.serial);
      }),
    );
    return stands ? undefined : "the admin that let it in was removed: it has to join again";
  }

  /** Whether whoever holds this chain may still sign with it. */
  isAdmin(chain: Chain): boolean {
    const [last, above] = [chain.at(-1), chain.slice(0, -1)];
    if (last === undefined || this.#hits(chain, chain.length - 1).length > 0) return false;
    return above.every((_, at) =>
      this.#hits(chain, at).every(({ keepWarrants }) =>
        keepWarrants.includes(chain[at + 1]?.serial ?? -1),
      ),
    );
  }

  /** Whether something on the way to the root key was revoked, be it that this was kept. */
  isTouched(chain: Chain): boolean {
    return chain.some((_, at) => this.#hits(chain, at).length > 0);
  }

  #hits(chain: Chain, at: number): Revocation[] {
    const warrant = chain[at];
    if (warrant === undefined) return [];
    return this.of(warrant.host).filter(
      ({ scope, serials }) => scope === "host" || serials.includes(warrant.serial),
    );
  }

  #read(bytes: Uint8Array): Revocation | undefined {
    const parsed = v.safeParse(revocationSchema, decode(bytes, this.#limits.revocationBytes));
    if (!parsed.success) return undefined;
    const { cluster, rootKey, chain, signature, ...verdict } = parsed.output;
    if (cluster !== this.#cluster || clusterOf(rootKey, this.#crypto) !== cluster) return undefined;
    const anchor = { cluster, rootKey };
    const signed = { bytes: signedBytes(cluster, chain, verdict), signature };
    const isProven =
      isSignedBy(chain.at(-1), signed, { anchor, crypto: this.#crypto }) &&
      isChainSigned(chain, anchor, this.#crypto);
    return isProven ? parsed.output : undefined;
  }
}

/** A set as one file's content. */
export function packEntries(entries: readonly Uint8Array[]): Uint8Array {
  return encode(entries);
}

/** The entries of a file, or undefined where it holds none. */
export function unpackEntries(bytes: Uint8Array, maxBytes: number): Uint8Array[] | undefined {
  const parsed = v.safeParse(v.array(v.instance(Uint8Array)), decode(bytes, maxBytes));
  return parsed.success ? parsed.output : undefined;
}

function signedBytes(cluster: ClusterId, chain: Chain, verdict: Verdict): Uint8Array {
  const { scope, host, serials, keep, keepWarrants, epoch, seq } = verdict;
  const above = chain.at(-1)?.serial ?? null;
  const said = [scope, host, serials, keep, keepWarrants, epoch, seq, above];
  return encode(["starling revocation 1", cluster, ...said]);
}
