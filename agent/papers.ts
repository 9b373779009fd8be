/**
 * This host's papers: the certificate that makes it a member, and the chain that makes it an admin,
 * if it is one. A certificate is renewed long before it ends, by whichever admin can be reached.
 */

import { bytesEqual, toHex } from "../base/bytes.ts";
import { encode } from "../base/codec.ts";
import type { Crypto, Signer } from "../base/crypto.ts";
import type { ClusterId, HostId } from "../base/id.ts";
import type { Log } from "../base/log.ts";
import { pick, type Random } from "../base/random.ts";
import type { Instant } from "../base/time.ts";
import {
  type Certificate,
  certificateFault,
  certify,
  type Terms,
} from "../membership/certificate.ts";
import type { Revocations } from "../membership/revocations.ts";
import {
  appoint,
  type Chain,
  type Issuer,
  isChainSigned,
  rootIssuer,
} from "../membership/warrant.ts";
import type { Emit } from "./effect.ts";
import { Keeper } from "./keeper.ts";
import type { Tables } from "./tables.ts";

/** When papers are renewed, in milliseconds. */
export type PapersOptions = {
  readonly certificateMs: number;
  readonly renewalShare: number;
  readonly renewMs: number;
};

/** Chains whose signatures were checked and that are remembered. */
const chainsKept = 1_024;

/** Certificate and chain of this host, and who else is an admin. */
export class Papers {
  readonly keeper: Keeper;
  readonly #self: HostId;
  readonly #crypto: Crypto;
  readonly #root: Issuer | undefined;
  readonly #tables: Tables;
  readonly #revocations: Revocations;
  readonly #random: Random;
  readonly #wallMs: () => number;
  readonly #emit: Emit;
  readonly #log: Log;
  readonly #options: PapersOptions;
  readonly #reachable: () => readonly HostId[];
  readonly #changed: () => void;
  readonly #checked = new Map<string, boolean>();
  #certificate: Certificate;
  /** On its way to the disk. */
  #next: Certificate | undefined;
  /** Appointed by the root key at the first start, before any record of ours says so. */
  #founding: Chain | undefined;
  #renewAt: Instant = 0;

  constructor(options: {
    readonly self: HostId;
    readonly cluster: ClusterId;
    readonly certificate: Certificate;
    readonly root: Signer | undefined;
    readonly crypto: Crypto;
    readonly tables: Tables;
    readonly revocations: Revocations;
    readonly random: Random;
    readonly wallMs: () => number;
    readonly emit: Emit;
    readonly log: Log;
    readonly options: PapersOptions;
    readonly reachable: () => readonly HostId[];
    /** The host record is to say something new. */
    readonly changed: () => void;
  }) {
    this.#self = options.self;
    this.#crypto = options.crypto;
    this.#certificate = options.certificate;
    const { root, certificate } = options;
    // A root key of another cluster, put here by mistake, is none.
    const isOurs = root !== undefined && bytesEqual(root.publicKey, certificate.rootKey);
    this.#root = isOurs ? rootIssuer(options.cluster, root) : undefined;
    this.#tables = options.tables;
    this.#revocations = options.revocations;
    this.#random = options.random;
    this.#wallMs = options.wallMs;
    this.#emit = options.emit;
    this.#log = options.log;
    this.#options = options.options;
    this.#reachable = options.reachable;
    this.#changed = options.changed;
    this.keeper = new Keeper("certificate", options.emit, () => encode(this.#next));
  }

  get certificate(): Certificate {
    return this.#certificate;
  }

  /** Whether the cluster's root key lies on this host. */
  get holdsRoot(): boolean {
    return this.#root !== undefined;
  }

  /** First of all: whoever holds the root key is an admin, unless that was taken back. */
  start(): void {
    const wasRemoved = this.#revocations.of(this.#self).length > 0;
    if (this.#root === undefined || wasRemoved || this.chainOf(this.#self) !== undefined) return;
    this.#founding = appoint({ host: this.#self, serial: this.#serial() }, this.#root);
  }

  /** Why this host may sign as an admin, or undefined. */
  chainOf(host: HostId): Chain | undefined {
    const told = [
      host === this.#self ? this.#founding : undefined,
      this.#tables.hosts.get(host)?.admin,
      ...(this.#tables.appointments.get(host)?.values() ?? []),
    ];
    const [best] = told
      .filter((chain) => chain !== undefined)
      .filter((chain) => chain.at(-1)?.host === host && this.isSound(chain))
      .toSorted((a, b) => a.length - b.length);
    return best;
  }

  /** Every chain of a host that still counts, for who wants to end them all. */
  serialsOf(host: HostId): number[] {
    const told = [
      this.#tables.hosts.get(host)?.admin,
      ...(this.#tables.appointments.get(host)?.values() ?? []),
    ];
    return [...new Set(told.flatMap((chain) => chain?.at(-1)?.serial ?? []))];
  }

  /** Whether a chain is signed all the way, and nothing on it was revoked. */
  isSound(chain: Chain): boolean {
    if (!this.#revocations.isAdmin(chain)) return false;
    const key = toHex(this.#crypto.hash(encode(chain)));
    const known = this.#checked.get(key);
    if (known !== undefined) return known;
    if (this.#checked.size >= chainsKept) this.#checked.clear();
    const isSound = isChainSigned(chain, this.#certificate, this.#crypto);
    this.#checked.set(key, isSound);
    return isSound;
  }

  /** Known hosts that are admins. */
  admins(): HostId[] {
    return [...this.#tables.hosts.keys()].filter((host) => this.chainOf(host) !== undefined);
  }

  /** What admins are called, for people. */
  adminNames(): string[] {
    return this.admins().map((host) => this.#tables.hosts.get(host)?.name ?? host.slice(-8));
  }

  /** Signs as an admin, where we are one. */
  issuer(): Issuer | undefined {
    const chain = this.chainOf(this.#self);
    const { cluster, rootKey } = this.#certificate;
    return chain && { cluster, rootKey, chain, sign: (bytes) => this.#crypto.sign(bytes) };
  }

  /** Signs what only makes or unmakes admins: the root key where it is here, else as an admin. */
  crown(): Issuer | undefined {
    return this.#root ?? this.issuer();
  }

  /** A chain for another admin; undefined where we may not, or ours is as long as one may be. */
  appoint(host: HostId): Chain | undefined {
    const crown = this.crown();
    return crown && appoint({ host, serial: this.#serial() }, crown);
  }

  /** Terms of a new certificate. */
  terms(): Terms {
    const notAfter = Math.round(this.#wallMs() + this.#options.certificateMs);
    return { serial: this.#serial(), notAfter };
  }

  /** Whether our certificate should be another one soon. */
  get isDue(): boolean {
    const { notAfter, chain } = this.#certificate;
    if (notAfter === undefined || this.#revocations.isTouched(chain)) return true;
    const { certificateMs, renewalShare } = this.#options;
    return this.#wallMs() > notAfter - certificateMs * renewalShare;
  }

  tick(now: Instant): void {
    if (now < this.#renewAt) return;
    this.#renewAt = now + this.#options.renewMs;
    if (!this.isDue || this.#next !== undefined) return;
    const issuer = this.issuer();
    if (issuer !== undefined) this.#adopt(certify(this.#self, this.terms(), issuer));
    else this.#ask();
  }

  /** A member asks for a new certificate. */
  renewalAsked(from: HostId): void {
    const issuer = this.issuer();
    // Only a member is given another certificate: one whose record proves the one it has.
    if (issuer === undefined || !this.#tables.hosts.has(from)) return;
    this.#log.info("certificate renewed", { host: from });
    const certificate = certify(from, this.terms(), issuer);
    this.#emit({ kind: "send", to: from, message: { kind: "renewed", certificate } });
  }

  /** An admin's answer. */
  renewed(certificate: Certificate): void {
    const expected = { cluster: this.#certificate.cluster, host: this.#self };
    const isLater = (certificate.notAfter ?? 0) > this.#wallMs();
    const fault =
      certificateFault(certificate, expected, this.#crypto) ?? this.#revocations.bar(certificate);
    if (fault !== undefined) this.#log.warn("new certificate refused", { reason: fault });
    else if (isLater && this.isDue) this.#adopt(certificate);
  }

  #adopt(certificate: Certificate): void {
    this.#next = certificate;
    this.keeper.save((refusal) => {
      this.#next = undefined;
      if (refusal !== undefined) {
        this.#log.error("new certificate could not be kept", { reason: refusal.message });
        return;
      }
      this.#certificate = certificate;
      this.#changed();
    });
  }

  /** Of an admin that answers, if there is one; else one is dialled, and asked the next time. */
  #ask(): void {
    const admins = this.admins();
    const near = admins.filter((host) => this.#reachable().includes(host));
    const to = pick(this.#random, near.length > 0 ? near : admins);
    const address = to && this.#tables.hosts.get(to)?.address;
    if (to === undefined || address === undefined) return;
    if (near.length > 0) this.#emit({ kind: "send", to, message: { kind: "renew" } });
    else this.#emit({ kind: "dial", address });
  }

  /** 48 bits: no two of one cluster are alike. */
  #serial(): number {
    return this.#random.bytes(6).reduce((sum, byte) => sum * 256 + byte, 0);
  }
}
