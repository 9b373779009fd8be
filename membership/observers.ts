/**
 * Everybody's reports, our own among them, and what follows: who is reachable. A report counts only
 * where it speaks of neighbours of its host, so a single liar has a single vote among those who
 * watch a host. Whoever loses most of what it watches, alone, doubts itself and accuses nobody
 * (Lifeguard, arXiv 1707.00788).
 */
import { concatBytes } from "../base/bytes.ts";
import { encode } from "../base/codec.ts";
import type { Crypto } from "../base/crypto.ts";
import type { ClusterId, HostId } from "../base/id.ts";
import type { Instant } from "../base/time.ts";
import { reachable, type Vote } from "./reach.ts";
import { isGenuine, type Lost, type Report, signReport } from "./report.ts";
import type { Rings } from "./rings.ts";

/** What our own links show. */
export type Sight = {
  /** Who answers on a link. */
  readonly heard: ReadonlySet<HostId>;
  /** Who is being asked again, or for the first time. */
  readonly doubted: ReadonlySet<HostId>;
  /** Neighbours that were asked often enough. */
  readonly lost: ReadonlySet<HostId>;
};

/** How soon a refutation may follow another, in milliseconds: doubled each time, then forgotten. */
export type RefuteOptions = { readonly minMs: number; readonly maxMs: number };

/** What became of a report that came in. */
export type Taken = "news" | "stale" | "unknown" | "forged";

/** Who is reachable, as far as we know. */
export type Standing = {
  /** The hosts, each with the neighbour that is first on a way to it. */
  readonly reached: ReadonlyMap<HostId, HostId>;
  /** Without those whom only somebody we doubt ourselves stands between. */
  readonly sure: ReadonlyMap<HostId, HostId>;
};

/** The reports that a host knows. */
export class Observers {
  readonly #self: HostId;
  readonly #cluster: ClusterId;
  readonly #rings: Rings;
  readonly #crypto: Crypto;
  readonly #refute: RefuteOptions;
  readonly #reports = new Map<HostId, Report>();
  readonly #votes = new Map<
    HostId,
    {
      readonly report: Report | undefined;
      readonly neighbours: readonly HostId[];
      readonly votes: readonly Vote[];
    }
  >();
  #fingerprint = new Uint8Array(fingerprintBytes);
  #incarnation = 0;
  #serial = 0;
  #isWaiting = false;
  #refuteAt: Instant = 0;
  #refuteMs: number;
  #isIsolated = false;

  constructor(options: {
    readonly self: HostId;
    readonly cluster: ClusterId;
    readonly rings: Rings;
    readonly crypto: Crypto;
    readonly refute: RefuteOptions;
  }) {
    this.#self = options.self;
    this.#cluster = options.cluster;
    this.#rings = options.rings;
    this.#crypto = options.crypto;
    this.#refute = options.refute;
    this.#refuteMs = options.refute.minMs;
  }

  /** More than half of those we watch are gone, and nobody else misses them. */
  get isIsolated(): boolean {
    return this.#isIsolated;
  }

  /** Equal where two hosts know the same reports. */
  get fingerprint(): Uint8Array {
    return this.#fingerprint.slice();
  }

  all(): readonly Report[] {
    return [...this.#reports.values()];
  }

  incarnationOf(host: HostId): number {
    return this.#reports.get(host)?.incarnation ?? 0;
  }

  /** Takes a report in if it is newer and its host's own word. */
  take(report: Report): Taken {
    const { host, serial, incarnation } = report;
    if (!this.#rings.hosts.has(host)) return "unknown";
    const known = host === this.#self ? this.#serial : (this.#reports.get(host)?.serial ?? 0);
    if (serial <= known) return "stale";
    if (!isGenuine(this.#cluster, report, this.#crypto)) return "forged";
    if (host === this.#self) {
      // A word of an earlier life of ours: what we say next has to count as newer.
      this.#serial = serial;
      this.#incarnation = Math.max(this.#incarnation, incarnation + 1);
    }
    this.#keep(report);
    return "news";
  }

  /** The host is no member any more. */
  forget(host: HostId): void {
    this.#mix(this.#reports.get(host));
    this.#reports.delete(host);
    this.#votes.clear();
  }

  /** Whether we are accused, and have refuted too lately to do so again. */
  get isWaiting(): boolean {
    return this.#isWaiting;
  }

  /** Our new report, where there is something new to say. */
  speak(sight: Sight, standing: Standing, now: Instant): Report | undefined {
    this.#isIsolated = this.#doubtsItself(sight, standing);
    this.#refuteIfAccused(now);
    const lost = this.#lostNeighbours(sight).map((host) => ({
      host,
      incarnation: this.incarnationOf(host),
    }));
    const said = {
      host: this.#self,
      incarnation: this.#incarnation,
      isIsolated: this.#isIsolated,
      lost,
      heard: [...sight.heard].filter((host) => this.#isStranded(host)).toSorted(),
    };
    if (isSame(this.#reports.get(this.#self) ?? silence, said)) return undefined;
    this.#serial += 1;
    const report = signReport(this.#cluster, { ...said, serial: this.#serial }, this.#crypto);
    this.#keep(report);
    return report;
  }

  /** Who is reachable, by what everybody says and we see. */
  standing(sight: Sight): Standing {
    const { heard } = sight;
    const poll = (isSure: boolean) =>
      reachable({
        from: this.#self,
        heard,
        votesOf: (voter) =>
          voter === this.#self ? this.#ownVotes(sight, isSure) : this.#votesOf(voter),
      });
    const sure = poll(true);
    return { reached: sight.doubted.size === 0 ? sure : poll(false), sure };
  }

  *#ownVotes({ heard, doubted, lost }: Sight, isSure: boolean): Iterable<Vote> {
    for (const on of heard) yield { on, kind: "vouch" };
    if (!isSure) for (const on of doubted) yield { on, kind: "vouch" };
    if (!this.#isIsolated) for (const on of lost) yield { on, kind: "accuse" };
  }

  /** The same list until something in it changes: everybody's is asked for at each report. */
  #votesOf(voter: HostId): readonly Vote[] {
    const report = this.#reports.get(voter);
    const neighbours = this.#rings.neighbours(voter);
    const known = this.#votes.get(voter);
    if (known?.report === report && known?.neighbours === neighbours) return known.votes;
    const votes = [...this.#count(voter, report)];
    this.#votes.set(voter, { report, neighbours, votes });
    return votes;
  }

  *#count(voter: HostId, report: Report | undefined): Iterable<Vote> {
    const lost = new Set(
      report?.lost.filter((entry) => this.#isCurrent(entry)).map(({ host }) => host),
    );
    for (const on of this.#rings.neighbours(voter)) {
      if (!lost.has(on)) yield { on, kind: "vouch" };
      else if (report?.isIsolated !== true) yield { on, kind: "accuse" };
    }
    for (const on of report?.heard ?? []) {
      if (this.#rings.hosts.has(on) && !this.#rings.neighbours(voter).includes(on))
        yield { on, kind: "vouch" };
    }
  }

  #isCurrent({ host, incarnation }: Lost): boolean {
    return incarnation >= this.incarnationOf(host);
  }

  #lostNeighbours({ lost }: Sight): HostId[] {
    return this.#rings.neighbours(this.#self).filter((host) => lost.has(host));
  }

  /** Lost hosts that somebody else misses too are no sign that the fault is ours. */
  #doubtsItself(sight: Sight, { reached }: Standing): boolean {
    const missed = new Set(
      this.all()
        .filter(({ host }) => host !== this.#self && reached.has(host))
        .flatMap(({ lost }) => lost.map(({ host }) => host)),
    );
    const neighbours = this.#rings.neighbours(this.#self);
    const lost = this.#lostNeighbours(sight);
    const alone = lost.filter((host) => !missed.has(host)).length;
    return 2 * alone > neighbours.length - (lost.length - alone);
  }

  #refuteIfAccused(now: Instant): void {
    const isAccused = this.all().some(
      ({ host, isIsolated, lost }) =>
        !isIsolated &&
        this.#rings.neighbours(this.#self).includes(host) &&
        lost.some((entry) => entry.host === this.#self && entry.incarnation >= this.#incarnation),
    );
    this.#isWaiting = isAccused && now < this.#refuteAt;
    if (!isAccused || this.#isWaiting) return;
    const { minMs, maxMs } = this.#refute;
    const isOld = now > this.#refuteAt + 2 * maxMs;
    this.#refuteMs = isOld ? minMs : Math.min(2 * this.#refuteMs, maxMs);
    this.#refuteAt = now + this.#refuteMs;
    this.#incarnation += 1;
  }

  /**
   * A host that is no neighbour of ours, and that is at odds with half of its own: short of the two
   * thirds that condemn it, and far from what one lost link does, of which all would have to speak.
   */
  #isStranded(host: HostId): boolean {
    if (this.#rings.neighbours(this.#self).includes(host)) return false;
    const neighbours = this.#rings.neighbours(host);
    const missed = new Set(this.#reports.get(host)?.lost.map((entry) => entry.host));
    const atOdds = neighbours.filter(
      (other) =>
        missed.has(other) ||
        this.#reports.get(other)?.lost.some((entry) => entry.host === host) === true,
    );
    return 2 * atOdds.length >= neighbours.length;
  }

  #keep(report: Report): void {
    // Whoever missed an earlier life of it misses it no more.
    if (this.incarnationOf(report.host) !== report.incarnation) this.#votes.clear();
    this.#mix(this.#reports.get(report.host));
    this.#mix(report);
    this.#reports.set(report.host, report);
  }

  #mix(report: Report | undefined): void {
    if (report === undefined) return;
    const hash = this.#crypto.hash(concatBytes([encode(report.host), encode(report.serial)]));
    this.#fingerprint = this.#fingerprint.map((byte, at) => byte ^ (hash[at] ?? 0));
  }
}

/** Bytes of a fingerprint: two sets of reports are taken for equal by chance once in 2^64. */
export const fingerprintBytes = 8;

const silence = { incarnation: 0, isIsolated: false, lost: [], heard: [] };

type Word = Pick<Report, "incarnation" | "isIsolated" | "lost" | "heard">;

function isSame(a: Word, b: Word): boolean {
  const textOf = ({ incarnation, isIsolated, lost, heard }: Word) =>
    JSON.stringify([incarnation, isIsolated, lost.map((l) => [l.host, l.incarnation]), heard]);
  return textOf(a) === textOf(b);
}
