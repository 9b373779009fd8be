/**
 * The network between simulated agents, as weak as the Transport port allows: links break without a
 * word, gossip is lost, repeated and reordered, paths are cut one way. What arrives on a link
 * arrives in order and unaltered.
 */

import type { Agent } from "../../agent/agent.ts";
import type { HostId } from "../../base/id.ts";
import type { Random } from "../../base/random.ts";
import type { Pull } from "../../membership/transport.ts";
import type { Schedule } from "./schedule.ts";

export type NetworkFaults = {
  /** Share of gossip deliveries lost, and delivered twice, in percent. */
  gossipLoss: number;
  gossipRepeat: number;
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
  readonly freeAt: Map<HostId, number>;
};

export class Network {
  readonly faults: NetworkFaults;
  readonly #schedule: Schedule;
  readonly #random: Random;
  readonly #stations = new Map<HostId, Station>();
  readonly #links = new Map<string, Link>();
  readonly #cuts = new Set<string>();
  readonly #seen = new Map<HostId, Set<string>>();
  /** Bytes and messages sent, by host. */
  readonly sent = new Map<HostId, { bytes: number; messages: number }>();
  #messageId = 0;

  constructor(schedule: Schedule, random: Random, faults: NetworkFaults) {
    this.#schedule = schedule;
    this.#random = random;
    this.faults = faults;
  }

  join(station: Station): void {
    this.#stations.set(station.id, station);
    this.#seen.set(station.id, new Set());
  }

  /** Lets nothing pass from one host to another, or lets it again. */
  cut(from: HostId, to: HostId, isCut: boolean): void {
    if (isCut) this.#cuts.add(`${from}>${to}`);
    else this.#cuts.delete(`${from}>${to}`);
  }

  mendAll(): void {
    this.#cuts.clear();
  }

  /** The host's process died: who can still be reached sees its links reset. */
  reset(host: HostId): void {
    for (const link of [...this.#links.values()]) {
      if (link.a === host || link.b === host) this.#drop(link, "reset by peer", host);
    }
    this.#seen.set(host, new Set());
  }

  dial(from: HostId, address: string): void {
    const target = [...this.#stations.values()].find((station) => station.address === address);
    const station = this.#stations.get(from);
    const fail = (reason: string, ms: number) =>
      this.#schedule.after(ms, () => {
        station?.input((agent) => agent.dialFailed(address, reason, this.#schedule.now()));
      });
    if (station === undefined) return;
    if (target === undefined || target.id === from) return fail("no such host", 1);
    if (!this.#passes(from, target.id) || !this.#passes(target.id, from))
      return fail("timeout", 5000);
    this.#schedule.after(2 * this.#delay(), () => {
      if (target.agent() === undefined) return fail("refused", 0);
      const why =
        target.refusal(from, station.hello()) ?? station.refusal(target.id, target.hello());
      if (why !== undefined) return fail(why, 0);
      if (this.#link(from, target.id) !== undefined) return fail("linked already", 0);
      this.#connect(station, target);
    });
  }

  send(from: HostId, to: HostId, message: Uint8Array): void {
    const link = this.#link(from, to);
    if (link === undefined) return;
    this.#count(from, message.length);
    if (this.#random.below(10_000) < this.faults.linkBreak) {
      this.#drop(link, "broken");
      return;
    }
    const at = Math.max(this.#schedule.now() + this.#delay(), link.freeAt.get(to) ?? 0);
    link.freeAt.set(to, at);
    this.#schedule.after(at - this.#schedule.now(), () => {
      if (!link.isUp || !this.#passes(from, to)) return;
      this.#stations.get(to)?.input((agent) => agent.received(from, message, this.#schedule.now()));
    });
  }

  publish(from: HostId, message: Uint8Array): void {
    this.#messageId += 1;
    this.#flood(from, from, { id: `${this.#messageId}`, bytes: message });
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
      this.#deliver(link, host, pull, agent.serve(pull.request)[Symbol.iterator]());
    });
  }

  #deliver(link: Link, host: HostId, pull: Pull, frames: Iterator<Uint8Array>): void {
    this.#schedule.after(this.#delay(), () => {
      const station = this.#stations.get(host);
      const isBroken = !link.isUp || !this.#passes(pull.from, host);
      const next = isBroken ? undefined : frames.next();
      if (next === undefined || next.done === true) {
        station?.input((agent) =>
          agent.pullEnded(pull.id, isBroken ? "broken" : undefined, this.#schedule.now()),
        );
        return;
      }
      this.#count(pull.from, next.value.length);
      station?.input((agent) => agent.pulled(pull.id, next.value, this.#schedule.now()));
      this.#deliver(link, host, pull, frames);
    });
  }

  #flood(origin: HostId, from: HostId, message: { id: string; bytes: Uint8Array }): void {
    for (const peer of this.#peersOf(from)) {
      if (peer === origin || this.#random.below(100) < this.faults.gossipLoss) continue;
      this.#count(from, message.bytes.length);
      this.#gossip(origin, { from, to: peer }, message);
      if (this.#random.below(100) < this.faults.gossipRepeat)
        this.#gossip(origin, { from, to: peer }, message);
    }
  }

  #gossip(
    origin: HostId,
    path: { readonly from: HostId; readonly to: HostId },
    message: { id: string; bytes: Uint8Array },
  ): void {
    const { from, to } = path;
    this.#schedule.after(this.#delay(), () => {
      const seen = this.#seen.get(to);
      if (!this.#passes(from, to) || seen === undefined || seen.has(message.id)) return;
      const station = this.#stations.get(to);
      if (station?.agent() === undefined) return;
      seen.add(message.id);
      let verdict: string = "ignore";
      station.input((agent) => {
        verdict = agent.gossiped(from, message.bytes, this.#schedule.now());
      });
      if (verdict === "accept") this.#flood(origin, to, message);
    });
  }

  #connect(from: Station, to: Station): void {
    const link: Link = { a: from.id, b: to.id, isUp: true, freeAt: new Map() };
    this.#links.set(pairOf(from.id, to.id), link);
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
    this.#links.delete(pairOf(link.a, link.b));
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

  #peersOf(host: HostId): HostId[] {
    return [...this.#links.values()].flatMap(({ a, b }) =>
      a === host ? [b] : b === host ? [a] : [],
    );
  }

  #link(a: HostId, b: HostId): Link | undefined {
    return this.#links.get(pairOf(a, b));
  }

  #passes(from: HostId, to: HostId): boolean {
    return !this.#cuts.has(`${from}>${to}`);
  }

  #delay(): number {
    return this.faults.delayMs + this.#random.below(1 + this.faults.jitterMs * 1000) / 1000;
  }

  #count(host: HostId, bytes: number): void {
    const sent = this.sent.get(host) ?? { bytes: 0, messages: 0 };
    this.sent.set(host, { bytes: sent.bytes + bytes, messages: sent.messages + 1 });
  }
}

function pairOf(a: HostId, b: HostId): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`;
}
