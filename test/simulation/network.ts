/**
 * The network between simulated agents, as weak as the Transport port allows: links break or fall
 * silent without a word, gossip is lost, repeated, reordered and comes again much later, paths are
 * cut one way. What arrives on a link arrives in order and unaltered.
 */

import type { Agent } from "../../agent/agent.ts";
import type { HostId } from "../../base/id.ts";
import { pick, type Random } from "../../base/random.ts";
import type { Pull } from "../../membership/transport.ts";
import type { Schedule } from "./schedule.ts";

export type NetworkFaults = {
  /** Share of gossip deliveries lost, and delivered twice, in percent. */
  gossipLoss: number;
  gossipRepeat: number;
  /** Share of publications that bring an old message with them, in percent. */
  gossipReplay: number;
  /** One-way delay: from, and up to this much more, in milliseconds. */
  delayMs: number;
  jitterMs: number;
  /** Share of links that break on a message, in 1/10,000. */
  linkBreak: number;
};

/** What the network needs of a host. */
export type Station = {
  readonly id: HostId;
  readonly address: string;
  /** Its kernel accepts connections, and nobody greets on them. */
  readonly isPaused: boolean;
  /** Undefined while crashed or paused for good. */
  agent(): Agent | undefined;
  hello(): Uint8Array;
  refusal(peer: HostId, hello: Uint8Array): string | undefined;
  input(handle: (agent: Agent) => void): void;
};

type Link = {
  readonly a: HostId;
  readonly b: HostId;
  isUp: boolean;
  readonly since: number;
  /** Nothing sent to a, or to b, arrives before then: order is kept. */
  freeA: number;
  freeB: number;
};

type Gossip = { readonly id: number; readonly origin: HostId; readonly bytes: Uint8Array };

type Sent = { bytes: number; messages: number };

/** To how many peers gossipsub passes a message on, with room for its lazy pulls. */
const forwardDegree = 8;
/** Old messages that may come again. */
const memory = 64;

export class Network {
  readonly faults: NetworkFaults;
  readonly #schedule: Schedule;
  readonly #random: Random;
  readonly #stations = new Map<HostId, Station>();
  readonly #byAddress = new Map<string, Station>();
  readonly #links = new Map<HostId, Map<HostId, Link>>();
  readonly #cuts = new Map<HostId, Set<HostId>>();
  readonly #seen = new Map<HostId, Set<number>>();
  readonly #old: Gossip[] = [];
  readonly #tampers = new Map<HostId, (frame: Uint8Array) => Uint8Array>();
  /** Bytes and messages sent, by host. */
  readonly sent = new Map<HostId, Sent>();
  /** Told of what a mark counts. */
  readonly #mark: (name: string) => void;
  #messageId = 0;

  constructor(
    schedule: Schedule,
    random: Random,
    options: { readonly faults: NetworkFaults; readonly mark: (name: string) => void },
  ) {
    this.#schedule = schedule;
    this.#random = random;
    this.faults = options.faults;
    this.#mark = options.mark;
  }

  join(station: Station): void {
    this.#stations.set(station.id, station);
    this.#byAddress.set(station.address, station);
    this.#seen.set(station.id, new Set());
    this.#links.set(station.id, new Map());
    this.#cuts.set(station.id, new Set());
    this.sent.set(station.id, { bytes: 0, messages: 0 });
  }

  /** Lets nothing pass from one host to another, or lets it again. */
  cut(from: HostId, to: HostId, isCut: boolean): void {
    if (isCut) this.#cuts.get(from)?.add(to);
    else this.#cuts.get(from)?.delete(to);
  }

  mendAll(): void {
    for (const cuts of this.#cuts.values()) cuts.clear();
  }

  /** How many links the host has. */
  linksOf(host: HostId): number {
    return this.#links.get(host)?.size ?? 0;
  }

  /** The host's process died: who can still be reached sees its links reset. */
  reset(host: HostId): void {
    for (const link of [...(this.#links.get(host)?.values() ?? [])])
      this.#drop(link, "reset by peer", host);
    this.#seen.get(host)?.clear();
  }

  /** What a host says in transfers is passed through this. */
  tamper(host: HostId, change: (frame: Uint8Array) => Uint8Array): void {
    this.#tampers.set(host, change);
  }

  /** Something that was gossiped lately. */
  overheard(random: Random): Uint8Array | undefined {
    return pick(random, this.#old)?.bytes;
  }

  /** With whom a host is linked, in the order in which the links came up. */
  peersOf(host: HostId): HostId[] {
    return [...(this.#links.get(host)?.keys() ?? [])];
  }

  /** Whether what two hosts say reaches the other. */
  areJoined(one: HostId, other: HostId): boolean {
    return this.#reaches(one, other) && this.#reaches(other, one);
  }

  /** For how long a host has been linked with a peer without a break; 0 where it is not. */
  linkedMs(host: HostId, peer: HostId): number {
    const link = this.#link(host, peer);
    return link === undefined ? 0 : this.#schedule.now() - link.since;
  }

  /** Ends links of a host without a word to it: some router forgot them. */
  breakLinks(host: HostId): void {
    for (const link of [...(this.#links.get(host)?.values() ?? [])]) this.#drop(link, "broken");
  }

  dial(from: HostId, address: string): void {
    const target = this.#byAddress.get(address);
    const station = this.#stations.get(from);
    const fail = (reason: string, ms: number) =>
      this.#schedule.after(ms, () => {
        station?.input((agent) => agent.dialFailed(address, reason, this.#schedule.now()));
      });
    if (station === undefined) return;
    if (target === undefined || target.id === from) return fail("no such host", 1);
    if (!this.#reaches(from, target.id)) this.#mark("dial into a cut");
    // What a kernel does while a dial lasts: its first packet again after one second and three.
    const again = (at: readonly number[]): void => {
      if (this.#reaches(from, target.id)) return this.#meet(station, target, fail);
      const [next, ...later] = at;
      if (next === undefined) return fail("timeout", 2_000);
      this.#schedule.after(next, () => again(later));
    };
    again([1_000, 2_000]);
  }

  #meet(station: Station, target: Station, fail: (reason: string, ms: number) => void): void {
    this.#schedule.after(2 * this.#delay(), () => {
      if (target.agent() === undefined) return fail("refused", 0);
      if (target.isPaused) return fail("no greeting", 5000);
      const theirs = target.refusal(station.id, station.hello());
      if (theirs !== undefined) return fail(`it refuses us: ${theirs}`, 0);
      const ours = station.refusal(target.id, target.hello());
      if (ours !== undefined) return fail(`we refuse it: ${ours}`, 0);
      if (this.#link(station.id, target.id) !== undefined) return fail("linked already", 0);
      this.#connect(station, target);
    });
  }

  #reaches(a: HostId, b: HostId): boolean {
    return this.#passes(a, b) && this.#passes(b, a);
  }

  send(from: HostId, to: HostId, message: Uint8Array): void {
    const link = this.#link(from, to);
    if (link === undefined) return;
    this.#count(from, message.length);
    if (this.faults.linkBreak > 0 && this.#random.below(10_000) < this.faults.linkBreak) {
      this.#mark("link broke");
      this.#drop(link, "broken");
      return;
    }
    const now = this.#schedule.now();
    const at = Math.max(now + this.#delay(), to === link.a ? link.freeA : link.freeB);
    if (to === link.a) link.freeA = at;
    else link.freeB = at;
    this.#schedule.after(at - now, () => {
      if (!link.isUp) return;
      if (this.#passes(from, to))
        this.#stations
          .get(to)
          ?.input((agent) => agent.received(from, message, this.#schedule.now()));
      else this.#mark("message into a cut");
    });
  }

  publish(from: HostId, message: Uint8Array): void {
    this.#gossip(from, message);
    if (this.#old.length < memory) this.#old.push({ id: 0, origin: from, bytes: message });
    else this.#old[this.#random.below(memory)] = { id: 0, origin: from, bytes: message };
    if (this.faults.gossipReplay === 0) return;
    if (this.#random.below(100) >= this.faults.gossipReplay) return;
    const old = this.#old[this.#random.below(this.#old.length)];
    if (old !== undefined) this.#gossip(from, old.bytes);
    this.#mark("old gossip came again");
  }

  close(host: HostId, peer: HostId, reason: string): void {
    const link = this.#link(host, peer);
    if (link !== undefined) this.#drop(link, reason);
  }

  pull(host: HostId, pull: Pull): void {
    const link = this.#link(host, pull.from);
    const end = (reason: string | undefined) =>
      this.#stations
        .get(host)
        ?.input((agent) => agent.pullEnded(pull.id, reason, this.#schedule.now()));
    if (link === undefined) return this.#schedule.after(1, () => end("no link"));
    this.#count(host, pull.request.length);
    this.#schedule.after(this.#delay(), () => {
      const agent = this.#stations.get(pull.from)?.agent();
      if (agent === undefined || !link.isUp || !this.#passes(host, pull.from)) return end("broken");
      this.#deliver(
        link,
        { host, pull, sent: 0 },
        agent.serve(host, pull.request)[Symbol.iterator](),
      );
    });
  }

  #deliver(
    link: Link,
    transfer: { readonly host: HostId; readonly pull: Pull; readonly sent: number },
    frames: Iterator<Uint8Array>,
  ): void {
    const { host, pull, sent } = transfer;
    this.#schedule.after(this.#delay(), () => {
      const station = this.#stations.get(host);
      const isBroken = !link.isUp || !this.#passes(pull.from, host);
      if (isBroken && sent > 0) this.#mark("transfer cut short");
      const next = isBroken ? undefined : frames.next();
      if (next === undefined || next.done === true) {
        const reason = isBroken ? "broken" : undefined;
        station?.input((agent) => agent.pullEnded(pull.id, reason, this.#schedule.now()));
        return;
      }
      this.#count(pull.from, next.value.length);
      const frame = this.#tampers.get(pull.from)?.(next.value) ?? next.value;
      station?.input((agent) => agent.pulled(pull.id, frame, this.#schedule.now()));
      this.#deliver(link, { host, pull, sent: sent + 1 }, frames);
    });
  }

  #gossip(origin: HostId, bytes: Uint8Array): void {
    this.#messageId += 1;
    const gossip = { id: this.#messageId, origin, bytes };
    for (const peer of this.peersOf(origin)) this.#pass(origin, peer, gossip);
  }

  /** Gossipsub passes a message on to its mesh, which is a part of who it is linked with. */
  #forward(from: HostId, gossip: Gossip): void {
    const peers = this.peersOf(from).filter((peer) => peer !== gossip.origin);
    const start = peers.length > forwardDegree ? this.#random.below(peers.length) : 0;
    for (let at = 0; at < Math.min(peers.length, forwardDegree); at += 1) {
      const peer = peers[(start + at) % peers.length];
      // Whoever has seen it has said so in most cases (IDONTWANT).
      if (peer !== undefined && !this.#hasSeen(peer, gossip)) this.#pass(from, peer, gossip);
    }
  }

  #pass(from: HostId, to: HostId, gossip: Gossip): void {
    const { gossipLoss, gossipRepeat } = this.faults;
    this.#count(from, gossip.bytes.length);
    if (gossipLoss > 0 && this.#random.below(100) < gossipLoss) {
      this.#mark("gossip lost");
      return;
    }
    this.#arrive(from, to, gossip);
    if (gossipRepeat === 0 || this.#random.below(100) >= gossipRepeat) return;
    this.#arrive(from, to, gossip, true);
    this.#mark("gossip repeated");
  }

  /** What comes twice is handed over twice, but not passed on: gossipsub knows it by its hash. */
  #arrive(from: HostId, to: HostId, gossip: Gossip, isRepeat = false): void {
    this.#schedule.after(this.#delay(), () => {
      if (!this.#passes(from, to) || (this.#hasSeen(to, gossip) && !isRepeat)) return;
      const station = this.#stations.get(to);
      if (station?.agent() === undefined) return;
      this.#seen.get(to)?.add(gossip.id);
      station.input((agent) => {
        const verdict = agent.gossiped(from, gossip.bytes, this.#schedule.now());
        this.#mark(`gossip: ${verdict}`);
        if (verdict === "accept" && !isRepeat) this.#forward(to, gossip);
      });
    });
  }

  #hasSeen(host: HostId, { id }: Gossip): boolean {
    return this.#seen.get(host)?.has(id) ?? true;
  }

  #connect(from: Station, to: Station): void {
    const since = this.#schedule.now();
    const link: Link = { a: from.id, b: to.id, isUp: true, since, freeA: 0, freeB: 0 };
    this.#links.get(from.id)?.set(to.id, link);
    this.#links.get(to.id)?.set(from.id, link);
    const now = this.#schedule.now();
    from.input((agent) =>
      agent.linkUp({ host: to.id, hello: to.hello(), address: to.address, isInbound: false }, now),
    );
    to.input((agent) =>
      agent.linkUp(
        { host: from.id, hello: from.hello(), address: "ephemeral", isInbound: true },
        now,
      ),
    );
  }

  #drop(link: Link, reason: string, dead?: HostId): void {
    link.isUp = false;
    this.#links.get(link.a)?.delete(link.b);
    this.#links.get(link.b)?.delete(link.a);
    for (const [host, peer] of [
      [link.a, link.b],
      [link.b, link.a],
    ] as const) {
      if (host === dead) continue;
      this.#schedule.after(this.#delay(), () => {
        if (this.#link(host, peer) !== undefined) return;
        this.#stations
          .get(host)
          ?.input((agent) => agent.linkDown(peer, reason, this.#schedule.now()));
      });
    }
  }

  #link(a: HostId, b: HostId): Link | undefined {
    return this.#links.get(a)?.get(b);
  }

  #passes(from: HostId, to: HostId): boolean {
    return !(this.#cuts.get(from)?.has(to) ?? false);
  }

  #delay(): number {
    const { delayMs, jitterMs } = this.faults;
    return delayMs + this.#random.below(1 + jitterMs * 1000) / 1000;
  }

  #count(host: HostId, bytes: number): void {
    const sent = this.sent.get(host);
    if (sent === undefined) return;
    sent.bytes += bytes;
    sent.messages += 1;
  }
}
