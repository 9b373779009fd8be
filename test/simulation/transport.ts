/**
 * Transports in virtual time, as weak as the port allows: links break or fall silent, gossip is
 * lost, repeated and reordered, paths are cut one way. What arrives on a link arrives in order and
 * unaltered. A schedule and a seed decide everything.
 */
import { toHex } from "../../base/bytes.ts";
import { MeshError } from "../../base/errors.ts";
import type { HostId } from "../../base/id.ts";
import type { Random } from "../../base/random.ts";
import type { Pull, Transport, TransportHandler } from "../../membership/transport.ts";
import { sha256 } from "./crypto.ts";
import type { Schedule } from "./schedule.ts";
import { type LinkEnd, SimulatedLink, type Wire } from "./simulated-link.ts";

/** What goes wrong by chance. Percentages are of deliveries of gossip. */
export type TransportFaults = {
  readonly gossipLossPercent: number;
  readonly gossipRepeatPercent: number;
  /** One-way delay: from, and up to this much more, in milliseconds. */
  readonly delayMs: number;
  readonly jitterMs: number;
};

/** A network without faults, and as slow as a room. */
export const noFaults: TransportFaults = {
  gossipLossPercent: 0,
  gossipRepeatPercent: 0,
  delayMs: 0.2,
  jitterMs: 0.1,
};

const dialMs = 5_000;

type Station = {
  readonly host: HostId;
  readonly address: string;
  readonly handler: TransportHandler;
  readonly dialling: Set<string>;
  readonly seen: Set<string>;
};

/** The place where simulated transports meet. */
export class SimulatedNet {
  faults: TransportFaults;
  readonly #schedule: Schedule;
  readonly #random: Random;
  readonly #stations = new Map<HostId, Station>();
  readonly #links = new Set<SimulatedLink>();
  readonly #cuts = new Set<string>();
  readonly #wire: Wire;

  constructor(schedule: Schedule, random: Random, faults: TransportFaults) {
    this.#schedule = schedule;
    this.#random = random;
    this.faults = faults;
    this.#wire = {
      now: () => schedule.now(),
      after: (ms, run) => schedule.after(ms, run),
      delay: () => this.#delay(),
      passes: (from, to) => !this.#cuts.has(`${from}>${to}`),
    };
  }

  /** Starts a host. One that was started before has to be stopped or crashed first. */
  open(place: Pick<Station, "host" | "address" | "handler">): Transport {
    const station: Station = { ...place, dialling: new Set(), seen: new Set() };
    this.#stations.set(station.host, station);
    return {
      dial: (address) => this.#dial(station, address),
      send: (to, message) => this.#linkOf(station.host, to)?.send(station.host, message),
      publish: (message) => this.#publish(station, message),
      pull: (pull) => this.#pull(station, pull),
      close: (host, reason) => this.#close(station.host, host, reason),
      join: (address, request) => this.#join(station, address, request),
    };
  }

  /** Stops a host as an agent stops: it says farewell, and is told nothing more. */
  stop(host: HostId): void {
    this.#leave(host, "it says: the agent stops");
  }

  /** Ends a host's process; the kernel resets its connections where it reaches the other side. */
  crash(host: HostId): void {
    this.#leave(host, "connection lost");
  }

  /**
   * Lets nothing pass from one host to another. Links stay up, as they do until somebody's patience
   * ends.
   */
  cut(from: HostId, to: HostId): void {
    this.#cuts.add(`${from}>${to}`);
  }

  /** Ends every cut; what links held back goes on its way. */
  mend(): void {
    this.#cuts.clear();
    for (const link of this.#links) link.mended();
  }

  #leave(host: HostId, reason: string): void {
    this.#stations.delete(host);
    for (const link of [...this.#links]) if (link.joins(host)) link.abandon(host, reason);
  }

  #dial(station: Station, address: string): void {
    if (station.dialling.has(address)) return;
    station.dialling.add(address);
    const fail = (reason: string, ms = 0) =>
      this.#tell(station, ms, () => {
        station.dialling.delete(address);
        station.handler.dialFailed(address, reason);
      });
    const target = [...this.#stations.values()].find((other) => other.address === address);
    if (!/^[^:]+:[0-9]+$/.test(address)) fail("that is no host, host:port or multiaddr");
    else if (target === undefined) fail("nobody listens there", 2 * this.#delay());
    else if (target === station) fail("that is this host");
    else if (!this.#reaches(station, target)) fail("it does not answer", dialMs);
    else {
      this.#tell(station, 2 * this.#delay(), () => {
        const failure = this.#meet(station, target);
        if (failure === undefined) station.dialling.delete(address);
        else fail(failure);
      });
    }
  }

  /** The handshake. Undefined where a link came of it. */
  #meet(dialler: Station, target: Station): string | undefined {
    if (this.#stations.get(target.host) !== target) return "nobody listens there";
    if (!this.#reaches(dialler, target)) return "it does not answer";
    const hello = dialler.handler.hello();
    if (hello === undefined) return "we refuse it: this host is not yet a member";
    const refusal = target.handler.refusal(dialler.host, hello);
    if (refusal !== undefined) return `it refuses us: ${refusal}`;
    const answer = target.handler.hello();
    if (answer === undefined) return "it refuses us: this host is not yet a member";
    const ours = dialler.handler.refusal(target.host, answer);
    if (ours !== undefined) return `we refuse it: ${ours}`;
    const former = this.#linkOf(dialler.host, target.host);
    if (former?.isUpOnBothSides) return "linked already";
    former?.replaced();
    this.#link(
      { host: dialler.host, handler: dialler.handler, hello, address: dialler.address },
      { host: target.host, handler: target.handler, hello: answer, address: target.address },
    );
    return undefined;
  }

  #link(dialler: LinkEnd, target: LinkEnd): void {
    const link = new SimulatedLink(this.#wire, dialler, target, () => this.#links.delete(link));
    this.#links.add(link);
    link.rise();
  }

  #close(host: HostId, peer: HostId, reason: string): void {
    const link = this.#linkOf(host, peer);
    if (link !== undefined) this.#schedule.after(0, () => link.end(host, reason));
  }

  #publish(station: Station, message: Uint8Array): void {
    const id = toHex(sha256(message));
    if (station.seen.has(id)) return;
    station.seen.add(id);
    this.#flood(station, message, undefined);
  }

  #flood(station: Station, message: Uint8Array, except: HostId | undefined): void {
    for (const link of this.#links) {
      const peer = link.peerOf(station.host);
      if (peer === undefined || peer === except) continue;
      if (this.#random.below(100) < this.faults.gossipLossPercent) continue;
      const copies = this.#random.below(100) < this.faults.gossipRepeatPercent ? 2 : 1;
      for (let copy = 0; copy < copies; copy += 1) this.#pass(station.host, peer, message);
    }
  }

  #pass(from: HostId, to: HostId, message: Uint8Array): void {
    this.#schedule.after(this.#delay(), () => {
      const station = this.#stations.get(to);
      const id = toHex(sha256(message));
      const arrives = this.#wire.passes(from, to) && this.#linkOf(to, from) !== undefined;
      if (!arrives || station === undefined || station.seen.has(id)) return;
      station.seen.add(id);
      const verdict = station.handler.gossiped(from, new Uint8Array(message));
      if (verdict === "accept") this.#flood(station, message, from);
    });
  }

  #pull(station: Station, { id, from, request }: Pull): void {
    const link = this.#linkOf(station.host, from);
    if (link !== undefined) link.pull(station.host, { id, request });
    else this.#tell(station, 0, () => station.handler.pullEnded(id, "no link with this host"));
  }

  async #join(station: Station, address: string, request: Uint8Array): Promise<Uint8Array> {
    await this.#passage();
    const target = [...this.#stations.values()].find((other) => other.address === address);
    if (target === undefined || !this.#reaches(station, target)) {
      throw new MeshError("AGENT_UNREACHABLE", `cannot join at ${address}: it does not answer`);
    }
    try {
      const answer = await target.handler.joinRequested(station.host, new Uint8Array(request));
      await this.#passage();
      return answer;
    } catch (cause) {
      const message = `${address} did not answer our request to join`;
      throw new MeshError("AGENT_UNREACHABLE", message, { cause });
    }
  }

  #passage(): Promise<void> {
    return new Promise((resolve) => this.#schedule.after(this.#delay(), resolve));
  }

  /** Tells a station something, unless it is gone by then. */
  #tell(station: Station, ms: number, tell: () => void): void {
    this.#schedule.after(ms, () => {
      if (this.#stations.get(station.host) === station) tell();
    });
  }

  #linkOf(host: HostId, peer: HostId): SimulatedLink | undefined {
    return [...this.#links].find((link) => link.peerOf(host) === peer);
  }

  #reaches(a: Station, b: Station): boolean {
    return this.#wire.passes(a.host, b.host) && this.#wire.passes(b.host, a.host);
  }

  #delay(): number {
    const { delayMs, jitterMs } = this.faults;
    return delayMs + this.#random.below(1 + Math.round(jitterMs * 1_000)) / 1_000;
  }
}
