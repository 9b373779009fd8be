/**
 * A whole cluster from one seed: real agent cores on simulated links, disks and kernels, and what
 * was promised to whoever works with it. A witness sees every disk.
 */

import type { Answer, Command } from "../../agent/command.ts";
import { type Cidr, type Ip, parseCidr } from "../../base/address.ts";
import { type Name, parseName } from "../../base/id.ts";
import type { Log } from "../../base/log.ts";
import { pick, type Random, shuffled } from "../../base/random.ts";
import { plainWish } from "../agent/samples.ts";
import { dice, happens } from "./dice.ts";
import { SimulatedHost } from "./host.ts";
import { checkProgrammed, checkRemovals } from "./kernel-checks.ts";
import { knownOf, portsLost, writesLost } from "./losses.ts";
import { markingLog } from "./marking-log.ts";
import { Network, type NetworkFaults } from "./network.ts";
import { Schedule } from "./schedule.ts";
import { describeEffect } from "./story.ts";
import { Trace } from "./trace.ts";
import type { Watcher } from "./watcher.ts";
import { Violation, Witness } from "./witness.ts";

export type ClusterOptions = {
  readonly seed: number;
  readonly hosts: number;
  /** So many of them come later. */
  readonly late?: number;
  readonly log?: Log;
  /** Whether what happens is kept as text. */
  readonly isTraced?: boolean;
  /** The chance of one host, made from what it would be. */
  readonly chanceOf?: (n: number, chance: Random) => Random;
};

/** An endpoint that an agent has acknowledged. */
export type Acknowledged = {
  readonly id: string;
  readonly host: SimulatedHost;
  readonly netns: string;
  readonly name: string | undefined;
  readonly network: string;
  /** Two networks may have one name for a while. */
  readonly networkId: string;
  readonly addresses: readonly string[];
};

/** How an endpoint is wished for. */
export type Wish = {
  readonly name?: string | undefined;
  readonly address?: string | undefined;
  /** For so long the answer waits for other hosts' kernels. */
  readonly waitMs?: number;
};

export class Cluster {
  readonly schedule = new Schedule();
  /** Chance of what is done to the cluster, and of what is done with it. */
  readonly random: Random;
  readonly work: Random;
  readonly network: Network;
  readonly hosts: readonly SimulatedHost[];
  readonly witness: Witness;
  readonly trace: Trace;
  /** What was promised, and not yet asked to be taken back. */
  readonly endpoints = new Map<string, Acknowledged>();
  readonly networks = new Set<string>();
  /** Ids of networks whose creation, or whose removal, was acknowledged. */
  readonly created = new Map<string, SimulatedHost>();
  readonly removed = new Set<string>();
  /** The namespace of each endpoint that was ever promised. */
  readonly places = new Map<string, string>();
  /** Namespaces whose endpoint may be there or not: its agent died before it answered. */
  readonly uncertain = new Set<string>();
  /** Names of networks that somebody has asked to remove: who knows it when is open. */
  readonly removing = new Set<string>();
  /** No fault happens any more, though it was planned. */
  isHealed = false;
  /** Hosts whose disk was lost or is older than what they once promised. */
  readonly lostDisks = new Set<SimulatedHost>();
  /** Hosts that stay down until everything heals. */
  readonly zombies = new Set<SimulatedHost>();
  /** Hosts that somebody has asked to forget: nothing of theirs counts any more. */
  readonly retired = new Set<SimulatedHost>();
  /** Hosts that somebody has asked to revoke: they are turned off when everything heals. */
  readonly revoked = new Set<SimulatedHost>();
  /** Hosts that were ever asked to leave. */
  readonly asked = new Set<SimulatedHost>();
  /** Hosts that were asked to leave, and have not said that they have. */
  readonly leaving = new Set<SimulatedHost>();
  /** How often each rare thing happened, so that a run that never met it can be told. */
  readonly marks = new Map<string, number>();
  /** Share of durable writes that a host's disk refuses, in percent. */
  diskFaults = 0;
  readonly #disks: Random;
  readonly #names = new Map<string, string>();
  #namespace = 0;

  constructor(options: ClusterOptions) {
    const { seed, hosts, late = 0, log, isTraced = false } = options;
    const { chanceOf = (_: number, chance: Random) => chance } = options;
    this.random = dice(seed, "faults");
    this.work = dice(seed, "work");
    this.#disks = dice(seed, "disks");
    this.trace = new Trace({ isKept: isTraced });
    const mark = (name: string) => this.mark(name);
    this.witness = new Witness({
      ...{ now: () => this.schedule.now(), mark },
      known: (host) => knownOf(this, host),
      lost: (host, rows) => writesLost(this, host, rows),
    });
    this.network = new Network(this.schedule, dice(seed, "network"), { faults: calm(), mark });
    const seeds = ["10.0.1.1:7790"];
    const watcher = this.#watcher();
    this.hosts = Array.from({ length: hosts }, (_, at) => {
      const { schedule, network } = this;
      const own = log ?? markingLog({ mark, note: (text) => this.note(at + 1, 0, text) });
      const random = chanceOf(at + 1, dice(seed, `host-${at + 1}`));
      return new SimulatedHost({ n: at + 1, schedule, network, random, log: own, seeds, watcher });
    });
    for (const host of this.hosts.slice(0, hosts - late)) host.boot();
  }

  run(ms: number): void {
    const end = this.schedule.now() + ms;
    const most = this.schedule.count + stormEvents * this.hosts.length * (1 + ms / 1_000);
    while (this.schedule.step(end)) {
      if (this.schedule.count > most)
        throw new Violation(`S12: a storm: over ${stormEvents} events per host and second`);
    }
  }

  mark(name: string): void {
    this.marks.set(name, (this.marks.get(name) ?? 0) + 1);
  }

  /** Adds to the trace; host 0 is nobody: what is done to the cluster. */
  note(host: number, size: number, text: () => string | undefined): void {
    const named = () =>
      text()?.replaceAll(/12D3KooW\w{44}/g, (id) => {
        return `host-${this.hosts.find((each) => each.id === id)?.n ?? "?"}`;
      });
    this.trace.note(this.schedule.now(), host, size, named);
  }

  /** Something is done to the cluster: it counts, and is read by whoever reads the trace. */
  does(what: string, host?: SimulatedHost): void {
    this.mark(what);
    this.note(0, 7, () => (host === undefined ? what : `${what}: host-${host.n}`));
  }

  ask(
    host: SimulatedHost,
    command: Command,
    then: (answer: Answer) => void = () => undefined,
  ): void {
    host.ask(command, (answer) => {
      if (answer.kind === "refused") {
        const { code, message } = answer.refusal;
        this.mark(`refused ${code}`);
        this.note(host.n, 3, () => `refuses ${command.kind}: ${message}`);
      }
      then(answer);
    });
  }

  /** The answer of a host that gives it at once; undefined of one that is down, stopped or busy. */
  answered(host: SimulatedHost, command: Command): Answer | undefined {
    let answer: Answer | undefined;
    if (!host.isUp || host.isPaused) return undefined;
    host.ask(command, (given) => {
      answer = given;
    });
    return answer;
  }

  /** The answer, run to: for the quiet phases of a test. */
  answer(host: SimulatedHost, command: Command): Answer {
    let answer: Answer | undefined;
    this.ask(host, command, (given) => {
      answer = given;
    });
    for (let at = 0; answer === undefined && at < 20_000; at += 50) this.run(50);
    if (answer === undefined) throw new Error(`no answer to ${command.kind}`);
    return answer;
  }

  createNetwork(host: SimulatedHost, text: string, subnet: string): void {
    const [name, cidr] = [parseName(text) as Name, parseCidr(subnet) as Cidr];
    const command: Command = { kind: "network-create", name, subnets: [cidr], waitMs: undefined };
    this.ask(host, command, (answer) => {
      if (answer.kind !== "network" || this.revoked.has(host)) return;
      this.networks.add(text);
      this.created.set(answer.network.id, host);
      this.#names.set(answer.network.id, text);
    });
  }

  nameOf(network: string): string {
    return this.#names.get(network) ?? network;
  }

  removeNetwork(host: SimulatedHost, text: string): void {
    const command: Command = {
      kind: "network-remove",
      network: text,
      isForced: true,
      waitMs: undefined,
    };
    this.networks.delete(text);
    this.removing.add(text);
    for (const endpoint of [...this.endpoints.values()]) {
      if (endpoint.network !== text) continue;
      this.endpoints.delete(endpoint.id);
      this.uncertain.add(endpoint.netns);
    }
    this.ask(host, command, (answer) => {
      if (answer.kind === "removed" && !this.revoked.has(host)) this.removed.add(answer.id);
      this.mark("network removed");
    });
  }

  /** What this host's disk held is gone or old; what of it nobody else knows cannot come back. */
  loseDisk(host: SimulatedHost, lose: () => void): void {
    lose();
    this.witness.diskLost(host);
    this.lostDisks.add(host);
    const own = [...this.endpoints.values()].filter((endpoint) => endpoint.host === host);
    portsLost(
      this,
      host,
      own.map(({ id }) => id),
    );
  }

  /** Whether nobody has asked this host to leave, or others to forget it. */
  isIn(host: SimulatedHost): boolean {
    return ![this.retired, this.asked, this.revoked].some((out) => out.has(host));
  }

  /** Somebody is about to forget a host. */
  retire(host: SimulatedHost): void {
    this.retired.add(host);
    this.witness.retire(host);
    this.withdrawAll(host);
  }

  /** Which of a host's endpoints are there is open from now on. */
  withdrawAll(host: SimulatedHost): void {
    for (const endpoint of [...this.endpoints.values()]) {
      if (endpoint.host !== host) continue;
      this.endpoints.delete(endpoint.id);
      this.uncertain.add(endpoint.netns);
    }
  }

  /** Returns the namespace that was made for it. */
  attach(host: SimulatedHost, network: string, wish: Wish = {}): string {
    this.#namespace += 1;
    const netns = `/run/netns/c${this.#namespace}`;
    host.kernel.addNamespace(netns);
    const { name, address } = wish;
    const command: Command = {
      ...{ ...plainWish, network, waitMs: wish.waitMs },
      place: { kind: "netns", netns, interface: "eth0" },
      name: name as Name | undefined,
      addresses: address === undefined ? [] : [address as Ip],
    };
    this.uncertain.add(netns);
    const askedAt = this.schedule.now();
    this.ask(host, command, (answer) => {
      if (answer.kind === "endpoint") checkProgrammed(this, answer, askedAt);
      const isLost = answer.kind === "refused" && isUnknown(answer.refusal.code);
      if (!isLost) this.uncertain.delete(netns);
      if (answer.kind !== "endpoint") return;
      const { id, addresses, network: at } = answer.endpoint;
      this.places.set(id, netns);
      // Somebody else may have removed the network, and this host not know it yet.
      const isOut = [this.retired, this.leaving, this.revoked].some((out) => out.has(host));
      const isGone = this.revoked.size + this.lostDisks.size > 0 && !this.created.has(at.id);
      const isOpen = this.removing.has(network) || isOut || isGone;
      if (isOpen) this.uncertain.add(netns);
      else this.endpoints.set(id, { id, host, netns, name, network, networkId: at.id, addresses });
      this.mark("attached");
      this.note(host.n, 4, () => `promises endpoint ${id} ${addresses.join(" ")}`);
    });
    return netns;
  }

  detach(endpoint: Acknowledged): void {
    this.endpoints.delete(endpoint.id);
    const command: Command = { kind: "endpoint-remove", endpoint: endpoint.id, waitMs: undefined };
    this.uncertain.add(endpoint.netns);
    this.note(endpoint.host.n, 5, () => `is asked to remove endpoint ${endpoint.id}`);
    this.ask(endpoint.host, command, (answer) => {
      if (answer.kind === "removed") this.uncertain.delete(endpoint.netns);
    });
    this.mark("detached");
  }

  /** The container ends without a word: its agent has to find out. */
  vanish(endpoint: Acknowledged): void {
    this.endpoints.delete(endpoint.id);
    endpoint.host.kernel.removeNamespace(endpoint.netns);
    this.note(endpoint.host.n, 6, () => `loses the namespace of endpoint ${endpoint.id}`);
    this.mark("vanished");
  }

  /** Cuts every path between two groups, or in one direction only. */
  split(isOneWay: boolean): void {
    const order = shuffled(this.random, this.hosts);
    const cut = 1 + this.random.below(Math.max(1, this.hosts.length - 1));
    this.separate(order.slice(0, cut), order.slice(cut), isOneWay);
    this.mark(isOneWay ? "one-way cut" : "split");
  }

  /** Lets nothing pass from some hosts to others, nor back unless it is one-way. */
  separate(
    some: readonly SimulatedHost[],
    others: readonly SimulatedHost[],
    isOneWay: boolean,
  ): void {
    for (const a of some) {
      for (const b of others) {
        this.network.cut(a.id, b.id, true);
        if (!isOneWay) this.network.cut(b.id, a.id, true);
      }
    }
    const list = (hosts: readonly SimulatedHost[]) => hosts.map(({ n }) => n).join(",");
    this.note(0, 8, () => `cut ${list(some)} ${isOneWay ? "to" : "from"} ${list(others)}`);
  }

  anyHost(): SimulatedHost {
    return pick(this.random, this.hosts) as SimulatedHost;
  }

  anyEndpoint(): Acknowledged | undefined {
    return pick(this.random, [...this.endpoints.values()]);
  }

  /** Every fault stops and every process runs, but for those who stay dead. */
  heal(dead: ReadonlySet<SimulatedHost> = new Set()): void {
    this.isHealed = true;
    this.note(0, 9, () => "everything heals");
    this.network.mendAll();
    Object.assign(this.network.faults, calm());
    this.diskFaults = 0;
    for (const host of this.hosts) {
      if (this.revoked.has(host) && host.isUp) host.crash();
      if (dead.has(host) || this.revoked.has(host)) continue;
      host.slowMs = 0;
      host.resume();
      if (!host.isUp) host.boot();
    }
  }

  #watcher(): Watcher {
    return {
      does: (host, effect) => {
        const size = "message" in effect ? effect.kind.length + 64 : effect.kind.length;
        this.note(host.n, size, () => describeEffect(effect, this.hosts));
        checkRemovals(host, effect, this);
      },
      wrote: (host, ops, isDurable) => this.witness.wrote(host, ops, isDurable),
      booted: (host) => {
        this.witness.booted(host);
        this.note(host.n, 2, () => "starts");
      },
      fate: (host) => {
        if (this.diskFaults === 0 || !happens(this.#disks, this.diskFaults)) return "done";
        const fate = happens(this.#disks, 50) ? "refused" : "torn";
        this.does(`write ${fate}`, host);
        return fate;
      },
    };
  }
}

/** Far more than a host of the largest cluster has to do in a second. */
const stormEvents = 5_000;

/** A network with no faults but distance. */
export function calm(): NetworkFaults {
  return {
    gossipLoss: 0,
    gossipRepeat: 0,
    gossipReplay: 0,
    delayMs: 0.2,
    jitterMs: 1,
    linkBreak: 0,
  };
}

/** Refusals after which nobody knows whether it was done. */
function isUnknown(code: string): boolean {
  return code === "AGENT_UNREACHABLE" || code === "STORE_DAMAGED";
}
