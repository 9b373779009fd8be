/**
 * Whether each known host answers, as seen from here.
 *
 *              pong / link up                      no answer for timeout + retries,
 *   [alive] <------------------- [suspect] ------> or no link for as long ------> [unreachable]
 *      |                             ^                                                |
 *      +-- ping late, or link lost --+            (link up: straight to alive) <------+
 *
 * Unreachable is not gone: nothing is removed because of it. After a pause of our own (Lifeguard,
 * arXiv 1707.00788) all deadlines move by as long as we slept: who was not looking must not accuse.
 */
import type { HostId } from "../base/id.ts";
import type { Instant } from "../base/time.ts";

/** How a host looks from here; worst last. */
export type Reach = "alive" | "suspect" | "unreachable";

/** When to ping and when to give up. */
export type LivenessOptions = {
  readonly pingPeriodMs: number;
  /** How late an answer may be before the host is suspected. */
  readonly pingTimeoutMs: number;
  /** Then this many more pings, this far apart, before it is called unreachable. */
  readonly retries: number;
  readonly retryMs: number;
  /** A tick later than this was not a tick but a pause. */
  readonly pauseMs: number;
};

/** What watching wants done, or found out. */
export type LivenessEffect =
  | { readonly kind: "ping"; readonly to: HostId; readonly nonce: number }
  | { readonly kind: "close"; readonly host: HostId; readonly reason: string }
  | { readonly kind: "changed"; readonly host: HostId; readonly reach: Reach };

/** What is known of one host. */
export type PeerView = {
  readonly reach: Reach;
  readonly since: Instant;
  readonly isLinked: boolean;
  readonly rttMs: number | undefined;
};

type Peer = {
  reach: Reach;
  since: Instant;
  isLinked: boolean;
  rttMs: number | undefined;
  /** The ping we wait for, and how many were sent since the last answer. */
  awaited: { readonly nonce: number; readonly sentAt: Instant } | undefined;
  attempts: number;
  /** When to ping next, or to give the awaited one up; without a link: when to give the host up. */
  dueAt: Instant;
};

/** All hosts we watch. */
export class Liveness {
  readonly #options: LivenessOptions;
  readonly #peers = new Map<HostId, Peer>();
  #nonce = 0;
  #tickedAt: Instant | undefined;

  constructor(options: LivenessOptions) {
    this.#options = options;
  }

  view(host: HostId): PeerView | undefined {
    return this.#peers.get(host);
  }

  linked(): HostId[] {
    return [...this.#peers].filter(([, peer]) => peer.isLinked).map(([host]) => host);
  }

  /**
   * A host we have heard of and not yet talked to: it has as long to show itself as one that fell
   * silent.
   */
  learn(host: HostId, now: Instant): void {
    if (this.#peers.has(host)) return;
    this.#peers.set(host, { ...silent, since: now, dueAt: now + this.#patienceMs() });
  }

  forget(host: HostId): void {
    this.#peers.delete(host);
  }

  linkUp(host: HostId, now: Instant): LivenessEffect[] {
    this.learn(host, now);
    const peer = this.#peers.get(host);
    if (peer === undefined) return [];
    Object.assign(peer, { isLinked: true, awaited: undefined, attempts: 0, dueAt: now });
    return [...this.#move(host, peer, "alive", now), ...this.#ping(host, peer, now)];
  }

  linkDown(host: HostId, now: Instant): LivenessEffect[] {
    const peer = this.#peers.get(host);
    if (peer === undefined) return [];
    const dueAt = now + this.#options.retries * this.#options.retryMs;
    Object.assign(peer, { isLinked: false, awaited: undefined, rttMs: undefined, dueAt });
    return peer.reach === "alive" ? this.#move(host, peer, "suspect", now) : [];
  }

  pong(host: HostId, nonce: number, now: Instant): LivenessEffect[] {
    const peer = this.#peers.get(host);
    if (peer?.awaited === undefined || nonce > peer.awaited.nonce) return [];
    if (nonce === peer.awaited.nonce) peer.rttMs = now - peer.awaited.sentAt;
    Object.assign(peer, {
      awaited: undefined,
      attempts: 0,
      dueAt: now + this.#options.pingPeriodMs,
    });
    return this.#move(host, peer, "alive", now);
  }

  tick(now: Instant): LivenessEffect[] {
    this.#forgivePause(now);
    return [...this.#peers].flatMap(([host, peer]) => {
      if (now < peer.dueAt) return [];
      if (peer.isLinked) return this.#ping(host, peer, now);
      return peer.reach === "unreachable" ? [] : this.#move(host, peer, "unreachable", now);
    });
  }

  #ping(host: HostId, peer: Peer, now: Instant): LivenessEffect[] {
    const { retries, retryMs, pingTimeoutMs } = this.#options;
    const isLate = peer.awaited !== undefined;
    if (isLate && peer.attempts > retries) {
      const reason = `no answer to ${peer.attempts} pings`;
      return [...this.#move(host, peer, "unreachable", now), { kind: "close", host, reason }];
    }
    this.#nonce += 1;
    peer.attempts += 1;
    peer.awaited = { nonce: this.#nonce, sentAt: now };
    peer.dueAt = now + (isLate ? retryMs : pingTimeoutMs);
    const suspicion =
      isLate && peer.reach === "alive" ? this.#move(host, peer, "suspect", now) : [];
    return [...suspicion, { kind: "ping", to: host, nonce: this.#nonce }];
  }

  #move(host: HostId, peer: Peer, reach: Reach, now: Instant): LivenessEffect[] {
    if (peer.reach === reach) return [];
    peer.reach = reach;
    peer.since = now;
    return [{ kind: "changed", host, reach }];
  }

  #forgivePause(now: Instant): void {
    const slept = now - (this.#tickedAt ?? now);
    this.#tickedAt = now;
    if (slept <= this.#options.pauseMs) return;
    for (const peer of this.#peers.values()) peer.dueAt += slept;
  }

  #patienceMs(): number {
    const { pingTimeoutMs, retries, retryMs } = this.#options;
    return pingTimeoutMs + retries * retryMs;
  }
}

const silent: Peer = {
  reach: "suspect",
  since: 0,
  isLinked: false,
  rttMs: undefined,
  awaited: undefined,
  attempts: 0,
  dueAt: 0,
};
