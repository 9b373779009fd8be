/**
 * Lets hosts in, where this one is an admin. A use of a token is on disk before a certificate is
 * signed for it, so a crash at any instant can cost a use, and never admit one host too many.
 */
import type { Crypto } from "../base/crypto.ts";
import type { Refusal } from "../base/errors.ts";
import type { ClusterId, HostId } from "../base/id.ts";
import type { Log } from "../base/log.ts";
import type { Random } from "../base/random.ts";
import { certify, type Terms } from "../membership/certificate.ts";
import { admitJoin, type JoinAnswer, type JoinRequest, refuseJoin } from "../membership/join.ts";
import type { Revocations } from "../membership/revocations.ts";
import { formatToken, type Lock, type Token, tokenSecretBytes } from "../membership/token.ts";
import type { TokenBook, TokenEntry, TokenGrant } from "../membership/token-book.ts";
import type { Emit } from "./effect.ts";
import { Keeper } from "./keeper.ts";
import type { Papers } from "./papers.ts";

/** What tokens are like where nothing is said, in milliseconds. */
export type OfficeOptions = {
  readonly tokenMs: number;
  readonly tokenUses: number;
  readonly tokenReserveMs: number;
};

/** A token for the operator, and the command that uses it. */
export type Printed = { readonly id: string; readonly token: string; readonly command: string };

/** The desk at which tokens are made and redeemed. */
export class Office {
  readonly keeper: Keeper;
  readonly #self: HostId;
  readonly #cluster: ClusterId;
  readonly #address: string;
  readonly #crypto: Crypto;
  readonly #random: Random;
  readonly #wallMs: () => number;
  readonly #log: Log;
  readonly #options: OfficeOptions;
  readonly #papers: Papers;
  readonly #revocations: Revocations;
  readonly #book: TokenBook;
  /** Uses that are not known to be on disk. */
  readonly #unsaved = new Set<string>();

  constructor(options: {
    readonly self: HostId;
    readonly cluster: ClusterId;
    readonly address: string;
    readonly crypto: Crypto;
    readonly random: Random;
    readonly wallMs: () => number;
    readonly emit: Emit;
    readonly log: Log;
    readonly options: OfficeOptions;
    readonly papers: Papers;
    readonly revocations: Revocations;
    readonly book: TokenBook;
  }) {
    this.#self = options.self;
    this.#cluster = options.cluster;
    this.#address = options.address;
    this.#crypto = options.crypto;
    this.#random = options.random;
    this.#wallMs = options.wallMs;
    this.#log = options.log;
    this.#options = options.options;
    this.#papers = options.papers;
    this.#revocations = options.revocations;
    this.#book = options.book;
    this.keeper = new Keeper("tokens", options.emit, () => this.#book.pack());
  }

  /** A request that names us as the issuer; answered once, when all that it needs is on disk. */
  judge(request: JoinRequest, answer: (answer: JoinAnswer) => void): void {
    const { host } = request;
    const judgement = this.#book.judge(request, this.#wallMs());
    if (judgement.kind === "refused") {
      const { code, message } = judgement.refusal;
      this.#log.info("request to join refused", { host, code });
      return answer(refuseJoin(code, message));
    }
    if (this.#revocations.isRevoked(host)) return answer(revokedJoiner);
    if (this.#papers.issuer() === undefined) return answer(notAdmin);
    const { secret } = judgement;
    const key = `${request.token} ${host}`;
    const terms = judgement.kind === "again" ? judgement.terms : this.#papers.terms();
    if (judgement.kind === "again" && !this.#unsaved.has(key))
      return answer(this.#sign(request, secret, terms));
    this.#book.redeem(request.token, { host, ...terms });
    this.#unsaved.add(key);
    this.keeper.save((refusal) => {
      if (refusal !== undefined) return answer(unwritten(refusal));
      this.#unsaved.delete(key);
      answer(this.#sign(request, secret, terms));
    });
  }

  /** A new token. */
  create(
    { uses, expiresMs }: { readonly uses: number; readonly expiresMs: number },
    done: (outcome: Printed | Refusal) => void,
  ): void {
    if (this.#papers.issuer() === undefined) return done(this.#notPermitted());
    const wallMs = this.#wallMs();
    const secret = this.#random.bytes(tokenSecretBytes);
    const grant = { secret, uses, expiresAt: Math.round(wallMs + expiresMs) };
    const id = this.#book.create(grant, wallMs);
    if (id === undefined) return done(tooMany);
    this.keeper.save((refusal) => done(refusal ?? this.#print(id, grant)));
  }

  /** The token that is good for whoever comes today: the one there is, or a new one. */
  standing(done: (outcome: Printed | Refusal) => void): void {
    if (this.#papers.issuer() === undefined) return done(this.#notPermitted());
    const { tokenMs, tokenUses, tokenReserveMs } = this.#options;
    const soon = this.#wallMs() + tokenReserveMs;
    const known = this.#book
      .list()
      .find(({ uses, used, expiresAt }) => uses >= tokenUses && used < uses && expiresAt > soon);
    if (known === undefined) this.create({ uses: tokenUses, expiresMs: tokenMs }, done);
    else done(this.#print(known.id, known));
  }

  list(): TokenEntry[] {
    return this.#book.list();
  }

  /** Whom the start of an id means is closed for good. */
  remove(ref: string, done: (outcome: string | Refusal) => void): void {
    const found = this.#book.list().filter(({ id }) => id.startsWith(ref));
    const [first, second] = found;
    if (first === undefined || second !== undefined) {
      const what = first === undefined ? "no token of this host has" : "several tokens have";
      const message = `${what} the id ${ref}; "starling token ls" lists them`;
      return done({ code: first === undefined ? "UNKNOWN_TOKEN" : "BAD_REQUEST", message });
    }
    this.#book.remove(first.id);
    this.keeper.save((refusal) => done(refusal ?? first.id));
  }

  #sign(request: JoinRequest, secret: Uint8Array, terms: Terms): JoinAnswer {
    const issuer = this.#papers.issuer();
    if (issuer === undefined) return notAdmin;
    this.#log.info("host let in", { host: request.host });
    const lock: Lock = { cluster: this.#cluster, issuer: this.#self, secret };
    const certificate = certify(request.host, terms, issuer);
    return admitJoin(certificate, { lock, claim: request }, this.#crypto);
  }

  #print(id: string, { secret, expiresAt }: TokenGrant): Printed {
    const [cluster, issuer, addresses] = [this.#cluster, this.#self, [this.#address]];
    const token: Token = { cluster, issuer, secret, expiresAt, addresses };
    const text = formatToken(token);
    return { id, token: text, command: `starling agent --join ${this.#address} --token ${text}` };
  }

  #notPermitted(): Refusal {
    const names = this.#papers.adminNames().join(", ");
    const who = names === "" ? "an admin" : `an admin (${names})`;
    const advice = `ask there, or make this one an admin: starling admin add`;
    return { code: "NOT_PERMITTED", message: `tokens are made on ${who}: ${advice}` };
  }
}

const tooMany: Refusal = {
  code: "TOO_LARGE",
  message: "there are as many tokens as may be, or it has too many uses; remove some",
};

const revokedJoiner = refuseJoin(
  "REVOKED",
  "this host's key was revoked, which cannot be undone: remove its data directory to make it another",
);

const notAdmin = refuseJoin("TOKEN_REFUSED", "the host that issued the token is no admin any more");

function unwritten({ message }: Refusal): JoinAnswer {
  return refuseJoin("DATA_DIR_UNUSABLE", `the issuer cannot write down the use: ${message}`);
}
