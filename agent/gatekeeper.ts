/**
 * Who may be in the cluster, and so who may speak with us: the machines of admission, and what is
 * theirs of the agent's inputs.
 */
import type { Crypto, Signer } from "../base/crypto.ts";
import type { Refusal } from "../base/errors.ts";
import type { BootId, ClusterId, HostId, Name } from "../base/id.ts";
import type { Log } from "../base/log.ts";
import type { Random } from "../base/random.ts";
import type { Clock, Instant } from "../base/time.ts";
import type { Certificate } from "../membership/certificate.ts";
import { decodeHello, encodeHello, helloFault, protocolVersion } from "../membership/hello.ts";
import { Revocations, unpackEntries } from "../membership/revocations.ts";
import { TokenBook } from "../membership/token-book.ts";
import type { GossipVerdict, Link } from "../membership/transport.ts";
import type { SafeFile } from "../membership/vault.ts";
import type { Replica } from "../store/replica.ts";
import { Bans } from "./bans.ts";
import type { Command } from "./command.ts";
import { limits, timing } from "./config.ts";
import type { Emit } from "./effect.ts";
import type { Envelope } from "./envelope.ts";
import { Misconduct } from "./misconduct.ts";
import { Office } from "./office.ts";
import { Papers } from "./papers.ts";
import { Relay } from "./relay.ts";
import type { TableChange, Tables } from "./tables.ts";

/** What the gatekeeper works with. */
export type GatekeeperOptions = {
  readonly self: HostId;
  readonly cluster: ClusterId;
  readonly boot: BootId;
  readonly name: Name;
  readonly address: string;
  readonly certificate: Certificate;
  readonly root: Signer | undefined;
  readonly crypto: Crypto;
  readonly random: Random;
  readonly clock: Clock;
  readonly log: Log;
  readonly emit: Emit;
  readonly tables: Tables;
  readonly replica: Replica;
  readonly linked: () => readonly HostId[];
  /** Hosts that messages find, over others where there is no link. */
  readonly reachable: () => readonly HostId[];
  /** The map means something else than before. */
  readonly follow: (changes: readonly TableChange[]) => void;
  /** A new link speaks like any other from now on. */
  readonly agreed: (host: HostId) => void;
  /** Our host record is to be written anew. */
  readonly papersChanged: () => void;
};

/** What members say to each other about who is one. */
export type AdmissionEnvelope = Extract<
  Envelope,
  { kind: "join" | "joined" | "renew" | "renewed" | "revocations" | "revoked" }
>;

/** Renewing has been tried for months by then. */
const warnedDays = 14;
const dayMs = 24 * 3_600_000;
const refusalsShown = 8;
const againText = ": stop its agent, remove its certificate file, and start it with a new token";
const outText =
  "this host's key was revoked, which cannot be undone: its endpoints keep what they have, and no other host talks to it; to bring the machine back, stop the agent, remove its data directory and join anew";
/** What would have to reach others. */
const changesCluster: ReadonlySet<Command["kind"]> = new Set<Command["kind"]>([
  "network-create",
  "network-remove",
  "endpoint-add",
  "endpoint-rename",
  "address-reserve",
  "token",
  "token-create",
  "admin-add",
  "admin-remove",
  "revoke",
  "forget",
  "leave",
]);

/** The machines of admission. */
export class Gatekeeper {
  readonly revocations: Revocations;
  readonly bans: Bans;
  readonly papers: Papers;
  readonly office: Office;
  readonly #options: GatekeeperOptions;
  readonly #book: TokenBook;
  readonly #relay: Relay;
  readonly #misconduct: Misconduct;
  /** Who refuses us, by address, and why. */
  readonly #refusals = new Map<string, string>();

  constructor(options: GatekeeperOptions) {
    this.#options = options;
    const { self, cluster, crypto, clock, log, emit, tables, reachable } = options;
    const { relayMs, penaltyMs, compareMs } = timing.admission;
    const wallMs = () => clock.wallMs();
    const revocations = new Revocations({ cluster, crypto, limits });
    this.revocations = revocations;
    this.bans = new Bans({ ...options, revocations, compareMs, log: log.named("bans") });
    const rest = { ...options, revocations, wallMs, options: timing.admission };
    const papers = new Papers({
      ...rest,
      log: log.named("papers"),
      changed: options.papersChanged,
    });
    this.papers = papers;
    this.#book = new TokenBook({ issuer: self, cluster, crypto, limits });
    this.office = new Office({ ...rest, papers, book: this.#book, log: log.named("office") });
    const addressOf = (host: HostId) => tables.hosts.get(host)?.address;
    this.#relay = new Relay({ self, office: this.office, emit, reachable, addressOf, relayMs });
    this.#misconduct = new Misconduct({ falseMessages: limits.falseMessages, penaltyMs });
  }

  /** Takes back the small files, first of all. False where one is not what it should be. */
  restore(file: "tokens" | "revocations", bytes: Uint8Array): boolean {
    if (file === "tokens") return this.#book.restore(bytes);
    const entries = unpackEntries(bytes, limits.revocationsBytes + limits.revocationBytes);
    if (entries !== undefined) this.bans.restore(entries);
    return entries !== undefined;
  }

  /** What we say first on a link. */
  hello(): Uint8Array {
    const { boot, name, address } = this.#options;
    const { certificate } = this.papers;
    const revocations = this.revocations.hash();
    const protocol = protocolVersion;
    return encodeHello({ protocol, certificate, boot, name, address, revocations });
  }

  /** Why we do not link with this peer, or undefined where we do. */
  refusal(peer: HostId, hello: Uint8Array, now: Instant): string | undefined {
    if (this.bans.isSelfRevoked) return "its own key was revoked";
    const { cluster, crypto, clock } = this.#options;
    const judge = { cluster, crypto, revocations: this.revocations, wallMs: clock.wallMs() };
    return this.#misconduct.refusal(peer, now) ?? helloFault(peer, hello, judge);
  }

  /** Why a command is not even tried: a host that is out makes nothing that others would see. */
  veto(command: Command): Refusal | undefined {
    const isOut = this.bans.isSelfRevoked && changesCluster.has(command.kind);
    return isOut ? { code: "REVOKED", message: outText } : undefined;
  }

  /** A dial ended in this; who refuses us says why. */
  dialFailed(address: string, reason: string): void {
    const refusal = /^it refuses us: (.*)$/s.exec(reason)?.[1];
    this.#refusals.delete(address);
    if (refusal === undefined || this.#refusals.size >= refusalsShown) return;
    this.#refusals.set(address, refusal);
  }

  /** Sentences for `status`. */
  warnings(): string[] {
    const { wallMs } = this.#options.clock;
    const { certificate } = this.papers;
    const endsInMs = (certificate.notAfter ?? Number.POSITIVE_INFINITY) - wallMs();
    const days = Math.floor(endsInMs / dayMs);
    const bar = this.bans.isSelfRevoked ? undefined : this.revocations.bar(certificate);
    return [
      ...(this.bans.isSelfRevoked ? [outText] : []),
      ...(bar === undefined ? [] : [`this host is let in nowhere any more: ${bar}${againText}`]),
      ...(endsInMs <= 0 ? [`this host's certificate has expired${againText}`] : []),
      ...(endsInMs > 0 && days < warnedDays
        ? [`this host's certificate ends in ${days} days, and no admin has answered to renew it`]
        : []),
      ...[...this.#refusals].map(([address, reason]) => `${address} refuses this host: ${reason}`),
    ];
  }

  /** How the write of a small file ended. */
  saved(file: SafeFile, refusal: Refusal | undefined): void {
    const { bans, office, papers } = this;
    const keepers = { revocations: bans.keeper, tokens: office.keeper, certificate: papers.keeper };
    keepers[file].ended(refusal);
  }

  tick(now: Instant): void {
    this.#relay.tick(now);
    this.bans.tick(now);
    this.papers.tick(now);
    this.#misconduct.tick(now);
  }

  linkUp({ host, hello, address }: Link): void {
    this.#refusals.delete(address);
    this.bans.linkUp(host, decodeHello(hello));
    this.#relay.linkUp(host);
  }

  /** A stranger wants to join, and asks us. */
  joinRequested(ticket: number, request: Uint8Array, now: Instant): void {
    this.#relay.requested(ticket, request, now);
  }

  /** What a host said came to this; who says much that is false is left alone. */
  judged(from: HostId, verdict: GossipVerdict, now: Instant): void {
    if (verdict !== "reject" || !this.#misconduct.note(from, now)) return;
    const reason = "it sends what proves false";
    this.#options.log.error("host left alone", { host: from, reason });
    this.#options.emit({ kind: "close", host: from, reason });
  }

  /** What a member says to us about who is one. */
  heard(from: HostId, envelope: AdmissionEnvelope, now: Instant): void {
    switch (envelope.kind) {
      case "revocations":
        return this.judged(from, this.bans.told(from, envelope), now);
      case "join":
        return this.#relay.relayed(from, envelope);
      case "joined":
        return this.#relay.answered(from, envelope);
      case "renew":
        return this.papers.renewalAsked(from);
      case "renewed":
        return this.papers.renewed(envelope.certificate);
      case "revoked":
        return this.bans.compared(from, envelope);
    }
  }
}
