/**
 * The tokens of one issuer, and who has used them. Only the issuer can redeem its tokens, so its
 * own book, written durably before anything is signed, keeps count without asking anybody:
 *
 *   judge -> new: redeem, save, then sign       judge -> again: sign the same once more
 *
 * A crash after the save has used the token up for this host alone, and it may ask again.
 */
import * as v from "valibot";
import { decode, encode } from "../base/codec.ts";
import type { Crypto } from "../base/crypto.ts";
import type { Refusal } from "../base/errors.ts";
import { type ClusterId, type HostId, parseHostId } from "../base/id.ts";
import { branded, countSchema, fixedBytes } from "../base/schema.ts";
import type { Terms } from "./certificate.ts";
import type { JoinRequest } from "./join.ts";
import { proofOf, proofsEqual, tokenIdOf, tokenSecretBytes } from "./token.ts";

const redemptionSchema = v.strictObject({
  host: branded(parseHostId),
  serial: countSchema,
  notAfter: countSchema,
});

const grantSchema = v.strictObject({
  secret: fixedBytes(tokenSecretBytes),
  uses: countSchema,
  /** Milliseconds since 1970. */
  expiresAt: countSchema,
  redeemed: v.array(redemptionSchema),
});

const bookSchema = v.array(grantSchema);

/** What one token allows. */
export type TokenGrant = Omit<v.InferOutput<typeof grantSchema>, "redeemed">;
/** A host that was let in, and the terms of its certificate. */
export type Redemption = Terms & { readonly host: HostId };
/** A token as it is listed. */
export type TokenEntry = TokenGrant & { readonly id: string; readonly used: number };

/** What a request comes to. */
export type Judgement =
  | { readonly kind: "new"; readonly secret: Uint8Array }
  | { readonly kind: "again"; readonly secret: Uint8Array; readonly terms: Terms }
  | { readonly kind: "refused"; readonly refusal: Refusal };

/** What a book may hold. */
export type TokenLimits = {
  readonly tokens: number;
  readonly tokenUses: number;
  readonly tokenBookBytes: number;
  /** Milliseconds a token that is over is still known, to tell its holder so. */
  readonly tokenMemoryMs: number;
};

/** A book of unused tokens, packed. */
export function packTokens(grants: readonly TokenGrant[]): Uint8Array {
  return encode(grants.map((grant) => ({ ...grant, redeemed: [] })));
}

type Kept = TokenGrant & { readonly redeemed: Map<HostId, Terms> };

/** One issuer's tokens by id. */
export class TokenBook {
  readonly #issuer: HostId;
  readonly #cluster: ClusterId;
  readonly #crypto: Crypto;
  readonly #limits: TokenLimits;
  readonly #kept = new Map<string, Kept>();

  constructor(options: {
    readonly issuer: HostId;
    readonly cluster: ClusterId;
    readonly crypto: Crypto;
    readonly limits: TokenLimits;
  }) {
    this.#issuer = options.issuer;
    this.#cluster = options.cluster;
    this.#crypto = options.crypto;
    this.#limits = options.limits;
  }

  /** Takes back what was packed; false where it is no book. */
  restore(bytes: Uint8Array): boolean {
    const parsed = v.safeParse(bookSchema, decode(bytes, this.#limits.tokenBookBytes));
    if (!parsed.success) return false;
    for (const { redeemed, ...grant } of parsed.output) {
      const known = new Map(redeemed.map(({ host, ...terms }) => [host, terms]));
      this.#kept.set(tokenIdOf(grant.secret, this.#crypto), { ...grant, redeemed: known });
    }
    return true;
  }

  /** The whole book, to be saved. */
  pack(): Uint8Array {
    const rows = [...this.#kept.values()].map(({ redeemed, ...grant }) => ({
      ...grant,
      redeemed: [...redeemed].map(([host, terms]) => ({ host, ...terms })),
    }));
    return encode(rows);
  }

  /** A new token; undefined where there are as many as may be. */
  create(grant: TokenGrant, wallMs: number): string | undefined {
    this.#prune(wallMs);
    if (this.#kept.size >= this.#limits.tokens || grant.uses > this.#limits.tokenUses) return;
    const id = tokenIdOf(grant.secret, this.#crypto);
    this.#kept.set(id, { ...grant, redeemed: new Map() });
    return id;
  }

  /** Closes a token for good; false where there is none of this id. */
  remove(id: string): boolean {
    return this.#kept.delete(id);
  }

  list(): TokenEntry[] {
    return [...this.#kept].map(([id, { redeemed, ...grant }]) => ({
      id,
      ...grant,
      used: redeemed.size,
    }));
  }

  /** Whether the request is one of a token of ours, and what is to be done about it. */
  judge(request: JoinRequest, wallMs: number): Judgement {
    const kept = this.#kept.get(request.token);
    if (kept === undefined || !this.#isProven(request, kept.secret)) {
      return refused("TOKEN_REFUSED", "the token is not, or no longer, known to its issuer");
    }
    const { secret, uses, expiresAt, redeemed } = kept;
    const terms = redeemed.get(request.host);
    if (terms !== undefined) return { kind: "again", secret, terms };
    if (wallMs >= expiresAt) {
      const since = Math.ceil((wallMs - expiresAt) / 60_000);
      return refused("TOKEN_EXPIRED", `the token expired ${since} min ago; ask for a new one`);
    }
    if (redeemed.size >= uses) {
      const times = uses === 1 ? "once, for another host" : `${uses} times`;
      return refused("TOKEN_USED_UP", `the token was used ${times}; ask for a new one`);
    }
    return { kind: "new", secret };
  }

  /** Counts a use; to be saved before anything is signed. */
  redeem(id: string, { host, ...terms }: Redemption): void {
    this.#kept.get(id)?.redeemed.set(host, terms);
  }

  #isProven(request: JoinRequest, secret: Uint8Array): boolean {
    const lock = { cluster: this.#cluster, issuer: this.#issuer, secret };
    return proofsEqual(request.proof, proofOf(lock, request, this.#crypto), this.#crypto);
  }

  #prune(wallMs: number): void {
    for (const [id, { expiresAt }] of this.#kept)
      if (wallMs >= expiresAt + this.#limits.tokenMemoryMs) this.#kept.delete(id);
  }
}

function refused(code: Refusal["code"], message: string): Judgement {
  return { kind: "refused", refusal: { code, message } };
}
