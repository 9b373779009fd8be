/** Commands about who may be in the cluster: tokens, admins, revocations. */
import { unreachable } from "../base/assert.ts";
import { encode } from "../base/codec.ts";
import type { ErrorCode, Refusal } from "../base/errors.ts";
import type { HostId } from "../base/id.ts";
import { type Revocations, revoke, type Verdict } from "../membership/revocations.ts";
import type { Chain, Issuer, Warrant } from "../membership/warrant.ts";
import type { Version } from "../store/head.ts";
import type { Write } from "../store/writer.ts";
import type { Bans } from "./bans.ts";
import type { AdmissionCommand, Answer } from "./command.ts";
import type { Gatekeeper } from "./gatekeeper.ts";
import { findHost } from "./lookup.ts";
import type { Office, Printed } from "./office.ts";
import type { Papers } from "./papers.ts";
import { appointmentKey } from "./schema.ts";
import type { Tables } from "./tables.ts";
import type { AdminView, RevocationView, TokenView } from "./view.ts";
import { hostRef } from "./views.ts";

type Of<Kind extends AdmissionCommand["kind"]> = Extract<AdmissionCommand, { kind: Kind }>;

/** Gives the answer, once. */
export type Reply = (answer: Answer) => void;

/** The machines of admission, as an operator meets them. */
export class AdmissionCommands {
  readonly #self: HostId;
  readonly #tables: Tables;
  readonly #office: Office;
  readonly #papers: Papers;
  readonly #bans: Bans;
  readonly #revocations: Revocations;
  readonly #wallMs: () => number;
  readonly #versionOf: (host: HostId) => Version;
  readonly #write: (writes: readonly Write[], then: (refusal: Refusal | undefined) => void) => void;

  constructor(options: {
    readonly self: HostId;
    readonly tables: Tables;
    readonly gatekeeper: Gatekeeper;
    readonly wallMs: () => number;
    /** How far we have an origin. */
    readonly versionOf: (host: HostId) => Version;
    readonly write: (
      writes: readonly Write[],
      then: (refusal: Refusal | undefined) => void,
    ) => void;
  }) {
    this.#self = options.self;
    this.#tables = options.tables;
    const { office, papers, bans, revocations } = options.gatekeeper;
    this.#office = office;
    this.#papers = papers;
    this.#bans = bans;
    this.#revocations = revocations;
    this.#wallMs = options.wallMs;
    this.#versionOf = options.versionOf;
    this.#write = options.write;
  }

  ask(command: AdmissionCommand, reply: Reply): void {
    switch (command.kind) {
      case "token":
        return this.#office.standing((outcome) => reply(printed(outcome)));
      case "token-create":
        return this.#office.create(command, (outcome) => reply(printed(outcome)));
      case "tokens":
        return reply({ kind: "tokens", tokens: this.#tokens() });
      case "token-remove":
        return this.#office.remove(command.token, (outcome) =>
          reply(
            typeof outcome === "string"
              ? { kind: "removed", id: outcome, wait: undefined }
              : { kind: "refused", refusal: outcome },
          ),
        );
      case "admins":
        return reply({ kind: "admins", admins: this.#admins() });
      case "admin-add":
        return this.#withHost(command.host, reply, (host) => this.#addAdmin(host, reply));
      case "admin-remove":
        return this.#withHost(command.host, reply, (host) =>
          this.#removeAdmin(host, command, reply),
        );
      case "revocations":
        return reply({ kind: "revocations", revocations: this.#list() });
      case "revoke":
        return this.#withHost(command.host, reply, (host) => this.#revoke(host, command, reply));
      default:
        return unreachable(command);
    }
  }

  #tokens(): TokenView[] {
    const wallMs = this.#wallMs();
    return this.#office.list().map(({ id, uses, used, expiresAt }) => ({
      id,
      state: used >= uses ? "used up" : wallMs >= expiresAt ? "expired" : "open",
      uses,
      used,
      expiresInMs: Math.round(expiresAt - wallMs),
    }));
  }

  #admins(): AdminView[] {
    return this.#papers.admins().map((host) => ({
      ...this.#ref(host),
      isSelf: host === this.#self,
      through: (this.#papers.chainOf(host) ?? []).slice(0, -1).map((link) => this.#ref(link.host)),
      holdsRoot: host === this.#self && this.#papers.holdsRoot,
    }));
  }

  #list(): RevocationView[] {
    return this.#revocations.list().map(({ scope, host, chain }) => {
      const by = chain.at(-1)?.host;
      return { scope, host: this.#ref(host), by: by && this.#ref(by) };
    });
  }

  #addAdmin(host: HostId, reply: Reply): void {
    if (this.#papers.chainOf(host) !== undefined)
      return reply({ kind: "host", host: this.#ref(host), isNew: false });
    if (this.#revocations.isRevoked(host))
      return reply(refused("REVOKED", `host ${this.#ref(host).name} was revoked`));
    if (this.#papers.crown() === undefined) return reply(this.#notAdmin());
    const chain = this.#papers.appoint(host);
    if (chain === undefined) return reply(refused("NOT_PERMITTED", longChain));
    this.#write([{ key: appointmentKey(host), value: encode({ chain }) }], (refusal) =>
      reply(
        refusal === undefined
          ? { kind: "host", host: this.#ref(host), isNew: true }
          : { kind: "refused", refusal },
      ),
    );
  }

  #removeAdmin(host: HostId, { isForced }: Of<"admin-remove">, reply: Reply): void {
    const { name } = this.#ref(host);
    if (this.#papers.chainOf(host) === undefined)
      return reply({ kind: "host", host: this.#ref(host), isNew: false });
    if (this.#isLast(host) && !isForced)
      return reply(refused("LAST_ADMIN", `${name} is the only admin${lastAdmin}`));
    const serials = this.#papers.serialsOf(host);
    this.#say("admin", host, { serials, reply });
  }

  #revoke(host: HostId, { isForced }: Of<"revoke">, reply: Reply): void {
    const { name } = this.#ref(host);
    if (this.#revocations.isRevoked(host))
      return reply({ kind: "host", host: this.#ref(host), isNew: false });
    if (host === this.#self && !isForced)
      return reply(refused("BAD_REQUEST", `${name} is this host itself${selfRevoked}`));
    if (this.#isLast(host) && !isForced)
      return reply(refused("LAST_ADMIN", `${name} is the only admin${lastAdmin}`));
    this.#say("host", host, { serials: [], reply });
  }

  #say(
    scope: Verdict["scope"],
    host: HostId,
    { serials, reply }: { readonly serials: number[]; readonly reply: Reply },
  ): void {
    const issuer: Issuer | undefined = this.#papers.crown();
    if (issuer === undefined) return reply(this.#notAdmin());
    const { epoch, seq } = this.#versionOf(host);
    const verdict = { scope, host, serials, ...this.#kept(scope, host, serials), epoch, seq };
    const taken = this.#bans.take([revoke(verdict, issuer)], undefined, (refusal) =>
      reply(
        refusal === undefined
          ? { kind: "host", host: this.#ref(host), isNew: true }
          : { kind: "refused", refusal },
      ),
    );
    if (taken !== "accept") reply(refused("TOO_LARGE", "there are as many revocations as may be"));
  }

  /** All that this admin has issued as far as we know: it stands, and nothing else of it. */
  #kept(
    scope: Verdict["scope"],
    admin: HostId,
    serials: readonly number[],
  ): Pick<Verdict, "keep" | "keepWarrants"> {
    const isOut = ({ host, serial }: Warrant) =>
      host === admin && (scope === "host" || serials.includes(serial));
    const hosts = [...this.#tables.hosts].filter(([host]) => host !== admin || scope === "admin");
    const appointed = [...this.#tables.appointments.values()].flatMap((told) => [...told.values()]);
    const chains = [...this.#tables.hosts.values()].map((record) => record.admin ?? []);
    // A chain that nobody signed must not buy one that is signed later.
    const sound = [...chains, ...appointed].filter((chain) => this.#papers.isSound(chain));
    const all = [...sound, ...hosts.map(([, { certificate }]) => certificate.chain)];
    const keep = hosts.filter(
      ([
        ,
        {
          certificate: { chain },
        },
      ]) => isLast(chain, isOut),
    );
    const keepWarrants = all.flatMap((chain) => belowOf(chain, isOut));
    return { keep: keep.map(([host]) => host), keepWarrants: [...new Set(keepWarrants)] };
  }

  #isLast(host: HostId): boolean {
    const admins = this.#papers.admins();
    return admins.length === 1 && admins[0] === host;
  }

  #withHost(ref: string, reply: Reply, then: (host: HostId) => void): void {
    const names = [...this.#tables.hosts].map(([id, { name }]) => [id, name as string] as const);
    const found = findHost(new Map([...this.#tables.hidden, ...names]), ref);
    if (found.kind === "refused") reply(found);
    else then(found.item);
  }

  #notAdmin(): Answer {
    const names = this.#papers.adminNames().join(", ");
    return refused("NOT_PERMITTED", `this takes an admin: ask on one of them (${names || "none"})`);
  }

  #ref(host: HostId) {
    return hostRef({ tables: this.#tables }, host);
  }
}

/** Whether the warrant right above the holder is one of these. */
function isLast(chain: Chain, isOut: (warrant: Warrant) => boolean): boolean {
  const last = chain.at(-1);
  return last !== undefined && isOut(last);
}

/** Serials of the warrants that hang right on one of these. */
function belowOf(chain: Chain, isOut: (warrant: Warrant) => boolean): number[] {
  return chain.flatMap((warrant, at) => {
    const below = chain[at + 1];
    return below !== undefined && isOut(warrant) ? [below.serial] : [];
  });
}

const lastAdmin = ": without one nobody can join or be revoked any more; make another one first";
const selfRevoked =
  ": it would talk to nobody any more, for ever; --force does it, a revocation from another host is better";
const longChain =
  "this host's own appointment is the last of a long chain: ask an admin that was appointed earlier";

function printed(outcome: Printed | Refusal): Answer {
  return "code" in outcome ? { kind: "refused", refusal: outcome } : { kind: "token", ...outcome };
}

function refused(code: ErrorCode, message: string): Answer {
  return { kind: "refused", refusal: { code, message } };
}
