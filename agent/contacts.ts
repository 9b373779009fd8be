/**
 * The hosts we know, how we reach them, and whether they are there. Membership's machines work
 * here: what they want becomes effects, and what the records say of a host becomes their input.
 */
import { unreachable as never } from "../base/assert.ts";
import { bytesEqual } from "../base/bytes.ts";
import type { Crypto } from "../base/crypto.ts";
import type { ClusterId, HostId } from "../base/id.ts";
import type { Log } from "../base/log.ts";
import type { Random } from "../base/random.ts";
import type { Instant } from "../base/time.ts";
import { Dialer, type DialerOptions, type DialTarget } from "../membership/dialer.ts";
import { decodeHello } from "../membership/hello.ts";
import { Liveness, type LivenessEffect, type LivenessOptions } from "../membership/liveness.ts";
import { Neighbours, type NeighboursOptions } from "../membership/neighbours.ts";
import { Observers, type RefuteOptions, type Standing } from "../membership/observers.ts";
import type { Report } from "../membership/report.ts";
import { Rings, type RingsOptions } from "../membership/rings.ts";
import type { Link } from "../membership/transport.ts";
import type { Emit } from "./effect.ts";
import type { Envelope } from "./envelope.ts";
import type { HostRecord } from "./schema.ts";

/** How a host is, by its links with us and by everybody's reports. */
export type Reach = "alive" | "suspect" | "unreachable";

/** What is known of one host. */
export type PeerView = {
  readonly reach: Reach;
  readonly since: Instant;
  readonly isLinked: boolean;
  readonly rttMs: number | undefined;
  /** Others reach this neighbour, we do not. */
  readonly isCutOff: boolean;
};

/** The options of all of membership's machines. */
export type ContactsOptions = {
  readonly rings: RingsOptions;
  readonly neighbours: NeighboursOptions;
  readonly liveness: LivenessOptions;
  readonly dialer: DialerOptions;
  readonly refute: RefuteOptions;
  /** Doubts about one host are passed on this far apart, in milliseconds. */
  readonly doubtMs: number;
  /** Reports in one message. */
  readonly reportsAtOnce: number;
  /** Up to so many hosts, every report is reckoned with at once; above, at the next tick. */
  readonly reckonAtOnce: number;
};

type Ping = Extract<Envelope, { kind: "ping" | "pong" }>;

/** The other hosts of the cluster. */
export class Contacts {
  readonly #self: HostId;
  readonly #options: ContactsOptions;
  readonly #emit: Emit;
  readonly #log: Log;
  readonly #random: Random;
  readonly #root: () => Uint8Array;
  readonly #isCloned: () => boolean;
  readonly #changed: (host: HostId, reach: Reach) => void;
  readonly #rings: Rings;
  readonly #liveness: Liveness;
  readonly #observers: Observers;
  readonly #neighbours: Neighbours;
  readonly #dialer: Dialer;
  /** Where each host listens, as it says itself; newest word wins. */
  readonly #addresses = new Map<HostId, string>();
  readonly #links = new Map<HostId, { readonly host: HostId; readonly isInbound: boolean }>();
  readonly #reaches = new Map<HostId, { readonly reach: Reach; readonly since: Instant }>();
  /** Peers that knew other reports than we when they last pinged, and peers that are new. */
  readonly #differing = new Set<HostId>();
  readonly #doubtedAt = new Map<HostId, Instant>();
  #seeds: readonly string[];
  #standing: Standing = { reached: new Map(), sure: new Map() };
  #isStale = true;
  /** Something has changed since we last looked whether there is something to say. */
  #isUnsaid = true;

  constructor(options: {
    readonly self: HostId;
    readonly cluster: ClusterId;
    readonly crypto: Crypto;
    readonly seeds: readonly string[];
    readonly options: ContactsOptions;
    readonly random: Random;
    readonly emit: Emit;
    readonly log: Log;
    /** The digest's root, for pings. */
    readonly root: () => Uint8Array;
    /** Another machine speaks under our identity, and is the one that goes on. */
    readonly isCloned: () => boolean;
    readonly changed: (host: HostId, reach: Reach) => void;
  }) {
    const { self, cluster, crypto, random } = options;
    this.#self = self;
    this.#options = options.options;
    this.#seeds = options.seeds;
    this.#random = random;
    this.#emit = options.emit;
    this.#log = options.log;
    this.#root = options.root;
    this.#isCloned = options.isCloned;
    this.#changed = options.changed;
    const { rings, liveness, neighbours, dialer, refute } = options.options;
    this.#rings = new Rings(rings, crypto);
    this.#rings.add(self);
    this.#liveness = new Liveness(self, liveness);
    this.#observers = new Observers({ self, cluster, rings: this.#rings, crypto, refute });
    this.#neighbours = new Neighbours({ self, rings: this.#rings, options: neighbours, random });
    this.#dialer = new Dialer(dialer, random);
  }

  view(host: HostId): PeerView | undefined {
    const reach = this.#reaches.get(host);
    if (reach === undefined) return undefined;
    const sight = this.#liveness.view(host);
    const isLinked = sight?.isLinked === true;
    const isCutOff = sight?.hearing === "lost" && !isLinked && reach.reach !== "unreachable";
    return { ...reach, isLinked, rttMs: sight?.rttMs, isCutOff };
  }

  /** Most of those we watch are gone, and nobody else misses them: the fault may be ours. */
  get isIsolated(): boolean {
    return this.#observers.isIsolated;
  }

  isLinked(host: HostId): boolean {
    return this.#links.has(host);
  }

  /** Hosts with which there is a link, neighbours or not. */
  linked(): HostId[] {
    return [...this.#links.keys()];
  }

  /** The linked host that is next on the way to this one. */
  via(host: HostId): HostId | undefined {
    const { sure, reached } = this.#standing;
    const next = sure.get(host) ?? reached.get(host);
    return next !== undefined && this.isLinked(next) ? next : undefined;
  }

  isReachable(host: HostId): boolean {
    const reach = this.#reaches.get(host)?.reach;
    return reach === "alive" || reach === "suspect";
  }

  /** All other hosts that can be asked for something, linked or not. */
  reachable(): HostId[] {
    return [...this.#reaches.keys()].filter((host) => this.isReachable(host));
  }

  /** A record says that this host exists. */
  learn(host: HostId, record: HostRecord, now: Instant): void {
    this.#rings.add(host);
    this.#isStale = true;
    // Whoever was out, or had lost the record of itself, stands on its own rings again as well.
    if (host === this.#self) return;
    this.#addresses.set(host, record.address);
    if (!this.#reaches.has(host)) this.#reaches.set(host, { reach: "suspect", since: now });
  }

  /** It is no member any more, left, or was retired: nobody watches or dials it. */
  forget(host: HostId): void {
    this.#addresses.delete(host);
    this.#reaches.delete(host);
    this.#rings.remove(host);
    this.#observers.forget(host);
    this.#doubtedAt.delete(host);
    this.#isStale = true;
  }

  linkUp(link: Link, now: Instant): void {
    const { host, address, isInbound } = link;
    const hello = decodeHello(link.hello);
    if (hello !== undefined) this.#addresses.set(host, hello.address);
    this.#log.info("link up", { host, name: hello?.name, address });
    this.#links.set(host, { host, isInbound });
    this.#differing.add(host);
    if (!isInbound) this.#dialer.settled(address, now);
    this.#dialer.linked();
    this.#perform(this.#liveness.linkUp(host, now));
    this.#settle(now);
  }

  linkDown(host: HostId, reason: string, now: Instant): void {
    this.#log.info("link down", { host, reason });
    this.#links.delete(host);
    this.#differing.delete(host);
    this.#perform(this.#liveness.linkDown(host, now));
    this.#settle(now);
  }

  dialFailed(address: string, reason: string, now: Instant): void {
    this.#log.debug("dial failed", { address, reason });
    this.#dialer.settled(address, now);
  }

  pinged(host: HostId, { reports, rttUs }: Ping, now: Instant): void {
    const rttMs = rttUs === undefined ? undefined : rttUs / 1_000;
    this.#perform(this.#liveness.pinged(host, rttMs, now));
    this.#compare(host, reports);
    this.#settle(now);
  }

  pong(host: HostId, { nonce, reports }: Ping, now: Instant): void {
    this.#perform(this.#liveness.pong(host, nonce, now));
    this.#compare(host, reports);
    this.#settle(now);
  }

  /** What a pong says of the reports we know. */
  fingerprint(): Uint8Array {
    return this.#observers.fingerprint;
  }

  /** Somebody misses a host that we may watch as well. */
  doubted(host: HostId, now: Instant): "accept" | "ignore" {
    const last = this.#doubtedAt.get(host) ?? Number.NEGATIVE_INFINITY;
    if (now - last < this.#options.doubtMs || !this.#rings.hosts.has(host)) return "ignore";
    this.#doubtedAt.set(host, now);
    this.#perform(this.#liveness.probe(host, now));
    return "accept";
  }

  /** What a host says of those it watches. */
  reported(report: Report, now: Instant): "accept" | "ignore" | "reject" {
    const { host } = report;
    const before = this.#observers.incarnationOf(host);
    const taken = this.#observers.take(report);
    if (taken === "forged") this.#log.warn("forged report", { host });
    if (taken !== "news") return taken === "forged" ? "reject" : "ignore";
    this.#isStale = true;
    if (this.#observers.incarnationOf(host) > before) {
      this.#perform(this.#liveness.excuse(host, now));
      this.#dialer.hurry(this.#addresses.get(host));
    }
    this.#settle(now);
    return "accept";
  }

  /** A peer's reports, ours being different. What is new to us may be new to others. */
  allReported(reports: readonly Report[], now: Instant): void {
    for (const report of reports) {
      if (this.reported(report, now) === "accept")
        this.#emit({ kind: "publish", message: { kind: "report", report } });
    }
  }

  tick(now: Instant): void {
    this.#liveness.watch(new Set(this.#rings.neighbours(this.#self)), now);
    this.#perform(this.#liveness.tick(now));
    this.#reckon(now);
    if (this.#isCloned()) return this.#withdraw();
    this.#speak(now);
    const wanted = this.#neighbours.wanted((host) => this.isReachable(host), now);
    for (const host of this.#neighbours.spare([...this.#links.values()], wanted, now)) {
      this.#emit({ kind: "close", host, reason: "we are not neighbours" });
    }
    const company = { isAlone: this.#links.size === 0, alive: 1 + this.reachable().length };
    const seeds = this.#seeds;
    for (const address of this.#dialer.tick(this.#targets(wanted), { seeds, company }, now)) {
      this.#emit({ kind: "dial", address });
    }
  }

  /** Others have one link with each identity: ours are in the way of the machine that goes on. */
  #withdraw(): void {
    for (const host of this.#links.keys())
      this.#emit({ kind: "close", host, reason: "another machine runs under this identity" });
  }

  #targets(wanted: ReadonlySet<HostId>): DialTarget[] {
    return [...this.#addresses].flatMap(([host, address]): DialTarget[] => {
      const reach = this.#reaches.get(host)?.reach;
      if (reach === undefined || this.isLinked(host)) return [];
      if (this.#liveness.view(host)?.hearing === "doubted")
        return [{ host, address, need: "doubted" }];
      if (reach === "unreachable") return [{ host, address, need: "unreachable" }];
      return wanted.has(host) ? [{ host, address, need: "lost" }] : [];
    });
  }

  /** Says what is new, if anything has changed; and what had to wait before it could be said. */
  #speak(now: Instant): void {
    if (!this.#isUnsaid && !this.#observers.isWaiting) return;
    this.#isUnsaid = false;
    const sight = this.#sight();
    const report = this.#observers.speak(sight, this.#standing, now);
    if (report === undefined) return;
    this.#emit({ kind: "publish", message: { kind: "report", report } });
    this.#isStale = true;
    this.#reckon(now);
  }

  #sight() {
    const whose = (hearing: "heard" | "doubted" | "lost") => this.#liveness.whose(hearing);
    return { heard: whose("heard"), doubted: whose("doubted"), lost: whose("lost") };
  }

  /** Reckons with what has changed, unless that takes so long that more is waited for. */
  #settle(now: Instant): void {
    if (this.#rings.hosts.size <= this.#options.reckonAtOnce) this.#reckon(now);
  }

  /** Who is reachable by now, and what follows. */
  #reckon(now: Instant): void {
    if (!this.#isStale) return;
    this.#isStale = false;
    this.#isUnsaid = true;
    const sight = this.#sight();
    this.#standing = this.#observers.standing(sight);
    const { reached, sure } = this.#standing;
    for (const [host, { reach: before }] of this.#reaches) {
      const isSuspect = sight.doubted.has(host) || !sure.has(host);
      const reach = !reached.has(host) ? "unreachable" : isSuspect ? "suspect" : "alive";
      if (reach === before) continue;
      this.#reaches.set(host, { reach, since: now });
      this.#log.info("member changed", { host, state: reach });
      if (before === "unreachable") this.#dialer.hurry(this.#addresses.get(host));
      this.#changed(host, reach);
    }
  }

  /** Twice different, or different on a new link: tells the peer all reports. */
  #compare(host: HostId, theirs: Uint8Array): void {
    if (bytesEqual(theirs, this.#observers.fingerprint)) this.#differing.delete(host);
    else if (this.#differing.delete(host)) this.#tellAll(host);
    else this.#differing.add(host);
  }

  #tellAll(to: HostId): void {
    const all = this.#observers.all();
    const { reportsAtOnce } = this.#options;
    for (let at = 0; at < all.length; at += reportsAtOnce) {
      const reports = all.slice(at, at + reportsAtOnce);
      this.#emit({ kind: "send", to, message: { kind: "reports", reports } });
    }
  }

  #perform(effects: readonly LivenessEffect[]): void {
    for (const effect of effects) {
      switch (effect.kind) {
        case "ping":
          this.#ping(effect.to, effect.nonce);
          break;
        case "doubt": {
          const nonce = this.#random.below(2 ** 32);
          this.#emit({ kind: "publish", message: { kind: "doubt", host: effect.host, nonce } });
          break;
        }
        case "close":
          this.#emit({ kind: "close", host: effect.host, reason: effect.reason });
          break;
        case "changed":
          this.#log.debug("peer changed", { host: effect.host, state: effect.hearing });
          this.#isStale = true;
          break;
        default:
          never(effect);
      }
    }
  }

  #ping(to: HostId, nonce: number): void {
    const rttMs = this.#liveness.view(to)?.rttMs;
    const rttUs = rttMs === undefined ? undefined : Math.round(1_000 * rttMs);
    const known = { root: this.#root(), reports: this.fingerprint() };
    this.#emit({ kind: "send", to, message: { kind: "ping", nonce, rttUs, ...known } });
  }
}
