/**
 * Whether those we watch or are linked with answer us. What all make of it is observers.ts.
 *
 *     pong, ping      +--- no answer in time, no link ---> [doubted] --- after retries ---> [lost]
 *   --------------> [heard] <----- answer, or link up --------+ <-- it says it is there ------+
 *
 * The host with the lower id pings, once a second; the other asks when that does not come. Who was
 * not looking must not accuse (Lifeguard, arXiv 1707.00788): our own pause moves all deadlines,
 * and where ticks or answers are late all have more time (`#slackMs`).
 */
import type { HostId } from "../base/id.ts";
import type { Instant } from "../base/time.ts";

/** How a host that we watch answers us; worst last. */
export type Hearing = "heard" | "doubted" | "lost";

/** When to ping and when to give up. */
export type LivenessOptions = {
  readonly pingPeriodMs: number;
  /** How late an answer may be before the host is doubted. */
  readonly pingTimeoutMs: number;
  /** Then this many more pings, this far apart, before it is lost. */
  readonly retries: number;
  readonly retryMs: number;
  /** How long one that was never heard is given to show itself: as long as a link takes to come. */
  readonly firstMs: number;
  /** A tick later than this was not a tick but a pause. */
  readonly pauseMs: number;
  /** Between two ticks. Where more passes, we are busy, and late ourselves. */
  readonly tickMs: number;
  /** How often our own lateness, and a peer's last round trip, are added to each deadline. */
  readonly slackFactor: number;
  readonly slackMaxMs: number;
  /** The longest that a lost host is given each time it says that it is there, and is not heard. */
  readonly patienceMaxMs: number;
};

/** What watching wants done, or found out. */
export type LivenessEffect =
  | { readonly kind: "ping"; readonly to: HostId; readonly nonce: number }
  /** It is late: whoever else watches it should look. */
  | { readonly kind: "doubt"; readonly host: HostId }
  | { readonly kind: "close"; readonly host: HostId; readonly reason: string }
  | { readonly kind: "changed"; readonly host: HostId; readonly hearing: Hearing };

/** What is known of one host. */
export type PeerSight = {
  readonly hearing: Hearing;
  readonly isLinked: boolean;
  readonly rttMs: number | undefined;
};

type Peer = {
  hearing: Hearing;
  isLinked: boolean;
  rttMs: number | undefined;
  /** The ping we wait for, and how many were sent since the last answer. */
  awaited: { readonly nonce: number; readonly sentAt: Instant } | undefined;
  attempts: number;
  /** When to ping next, or to give the awaited one up; without a link: when to give the host up. */
  dueAt: Instant;
  /** How often it was lost, said that it is there, and was not heard. */
  excuses: number;
};

/** All hosts we watch or are linked with. */
export class Liveness {
  readonly #self: HostId;
  readonly #options: LivenessOptions;
  readonly #peers = new Map<HostId, Peer>();
  #watched: ReadonlySet<HostId> = new Set();
  #nonce = 0;
  #tickedAt: Instant | undefined;
  /** How late our ticks have come, of late. */
  #lagMs = 0;

  constructor(self: HostId, options: LivenessOptions) {
    this.#self = self;
    this.#options = options;
  }

  view(host: HostId): PeerSight | undefined {
    return this.#peers.get(host);
  }

  linked(): HostId[] {
    return [...this.#peers].filter(([, peer]) => peer.isLinked).map(([host]) => host);
  }

  /** Those of whom this is so. */
  whose(hearing: Hearing): Set<HostId> {
    const all = [...this.#peers].filter(([, peer]) => peer.hearing === hearing);
    return new Set(all.map(([host]) => host));
  }

  /** Whom to watch. */
  watch(hosts: ReadonlySet<HostId>, now: Instant): void {
    this.#watched = hosts;
    for (const [host, { isLinked }] of this.#peers)
      if (!isLinked && !hosts.has(host)) this.#peers.delete(host);
    for (const host of hosts) {
      if (!this.#peers.has(host))
        this.#peers.set(host, { ...unheard, dueAt: now + this.#firstMs() });
    }
  }

  linkUp(host: HostId, now: Instant): LivenessEffect[] {
    const peer = this.#peers.get(host) ?? { ...unheard };
    this.#peers.set(host, peer);
    Object.assign(peer, { isLinked: true, awaited: undefined, attempts: 0, excuses: 0 });
    return [...this.#move(host, peer, "heard"), ...this.#ping(host, peer, now)];
  }

  linkDown(host: HostId, now: Instant): LivenessEffect[] {
    const peer = this.#peers.get(host);
    if (peer === undefined) return [];
    if (!this.#watched.has(host)) {
      this.#peers.delete(host);
      return [{ kind: "changed", host, hearing: "lost" }];
    }
    const dueAt = now + this.#options.retries * this.#options.retryMs + this.#slackMs(peer);
    Object.assign(peer, { isLinked: false, awaited: undefined, rttMs: undefined, dueAt });
    return peer.hearing === "heard" ? this.#move(host, peer, "doubted") : [];
  }

  pong(host: HostId, nonce: number, now: Instant): LivenessEffect[] {
    const peer = this.#peers.get(host);
    if (peer?.awaited === undefined || nonce > peer.awaited.nonce) return [];
    if (nonce === peer.awaited.nonce) peer.rttMs = now - peer.awaited.sentAt;
    return this.#answered(host, peer, now);
  }

  /** The peer pings us, and says how long our last answer took. */
  pinged(host: HostId, rttMs: number | undefined, now: Instant): LivenessEffect[] {
    const peer = this.#peers.get(host);
    if (peer === undefined || this.#pingsFirst(host)) return [];
    peer.rttMs = rttMs ?? peer.rttMs;
    return this.#answered(host, peer, now);
  }

  /** Somebody doubts this host: is it there for us? */
  probe(host: HostId, now: Instant): LivenessEffect[] {
    const peer = this.#peers.get(host);
    const isQuiet = peer?.isLinked === true && peer.awaited === undefined;
    return isQuiet ? this.#ping(host, peer, now) : [];
  }

  /** A host that we lost says that it is there: it gets another chance, each twice as long. */
  excuse(host: HostId, now: Instant): LivenessEffect[] {
    const peer = this.#peers.get(host);
    if (peer?.hearing !== "lost") return [];
    peer.dueAt = now + this.#patienceMs(peer.excuses);
    peer.excuses += 1;
    return this.#move(host, peer, "doubted");
  }

  tick(now: Instant): LivenessEffect[] {
    this.#forgivePause(now);
    return [...this.#peers].flatMap(([host, peer]) => {
      if (now < peer.dueAt) return [];
      if (peer.isLinked) return this.#ping(host, peer, now, !this.#pingsFirst(host));
      return peer.hearing === "lost" ? [] : this.#move(host, peer, "lost");
    });
  }

  #answered(host: HostId, peer: Peer, now: Instant): LivenessEffect[] {
    const { pingPeriodMs, retryMs } = this.#options;
    const graceMs = this.#pingsFirst(host) ? 0 : retryMs + this.#slackMs(peer);
    const dueAt = now + pingPeriodMs + graceMs;
    Object.assign(peer, { awaited: undefined, attempts: 0, dueAt });
    return this.#move(host, peer, "heard");
  }

  /** `isOverdue`: the peer should have pinged us by now, so this already is asking again. */
  #ping(host: HostId, peer: Peer, now: Instant, isOverdue = false): LivenessEffect[] {
    const { retries, retryMs, pingTimeoutMs } = this.#options;
    const isLate = peer.awaited !== undefined;
    if (isLate && peer.attempts > retries) {
      const reason = `no answer to ${peer.attempts} pings`;
      return [...this.#move(host, peer, "lost"), { kind: "close", host, reason }];
    }
    this.#nonce += 1;
    peer.attempts += 1;
    peer.awaited = { nonce: this.#nonce, sentAt: now };
    const slackMs = this.#slackMs(peer);
    const isRetry = isLate || isOverdue;
    peer.dueAt = now + (isRetry ? retryMs + slackMs / retries : pingTimeoutMs + slackMs);
    const isNews = isLate && peer.hearing === "heard";
    return [
      ...(isNews ? this.#move(host, peer, "doubted") : []),
      ...(isNews ? [{ kind: "doubt" as const, host }] : []),
      { kind: "ping", to: host, nonce: this.#nonce },
    ];
  }

  #move(host: HostId, peer: Peer, hearing: Hearing): LivenessEffect[] {
    if (peer.hearing === hearing) return [];
    peer.hearing = hearing;
    return [{ kind: "changed", host, hearing }];
  }

  #pingsFirst(host: HostId): boolean {
    return this.#self < host;
  }

  #forgivePause(now: Instant): void {
    const { tickMs, pauseMs } = this.#options;
    const slept = now - (this.#tickedAt ?? now);
    this.#tickedAt = now;
    this.#lagMs = Math.max(slept - tickMs, lagKept * this.#lagMs);
    if (slept <= pauseMs) return;
    for (const peer of this.#peers.values()) peer.dueAt += slept;
  }

  /** Where ticks take three times as long, so does all else. */
  #firstMs(): number {
    const { firstMs, tickMs, patienceMaxMs } = this.#options;
    return Math.min(firstMs * (1 + this.#lagMs / tickMs), patienceMaxMs);
  }

  /** Added to the first wait for an answer, and once more to all retries together. */
  #slackMs({ rttMs = 0 }: Peer): number {
    const { slackFactor, slackMaxMs, tickMs } = this.#options;
    const lateMs = this.#lagMs + Math.max(0, rttMs - tickMs);
    return Math.min(slackFactor * lateMs, slackMaxMs);
  }

  #patienceMs(excuses: number): number {
    const { pingTimeoutMs, retries, retryMs, patienceMaxMs } = this.#options;
    return Math.min((pingTimeoutMs + retries * retryMs) * 2 ** excuses, patienceMaxMs);
  }
}

/** Of a late tick half is forgotten in seven ticks. */
const lagKept = 0.9;

const unheard: Peer = {
  hearing: "doubted",
  isLinked: false,
  rttMs: undefined,
  awaited: undefined,
  attempts: 0,
  dueAt: 0,
  excuses: 0,
};
