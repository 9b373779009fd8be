/**
 * A whole cluster from one seed: real agent cores on simulated links, disks and kernels, a workload
 * that attaches, detaches and creates, and faults that crash, cut and wipe. First chaos, where only
 * what must always hold is checked; then the faults stop and everything has to agree.
 */

import type { Answer, Command } from "../../agent/command.ts";
import { type Cidr, parseCidr } from "../../base/address.ts";
import { type Name, parseName } from "../../base/id.ts";
import type { Log } from "../../base/log.ts";
import { pick, type Random, seededRandom, shuffled } from "../../base/random.ts";
import { SimulatedHost } from "./host.ts";
import { Network, type NetworkFaults } from "./network.ts";
import { Schedule } from "./schedule.ts";

export type ClusterOptions = {
  readonly seed: number;
  readonly hosts: number;
  readonly log?: Log;
};

/** An endpoint that an agent has acknowledged. */
export type Acknowledged = {
  readonly id: string;
  readonly host: SimulatedHost;
  readonly netns: string;
  readonly network: string;
  readonly addresses: readonly string[];
};

const silent: Log = {
  error: () => undefined,
  warn: () => undefined,
  info: () => undefined,
  debug: () => undefined,
  named: () => silent,
};

export class Cluster {
  readonly schedule = new Schedule();
  readonly random: Random;
  readonly network: Network;
  readonly hosts: readonly SimulatedHost[];
  /** What was promised, and not yet asked to be taken back. */
  readonly endpoints = new Map<string, Acknowledged>();
  readonly networks = new Set<string>();
  /** Namespaces whose endpoint may be there or not: its agent died before it answered. */
  readonly uncertain = new Set<string>();
  /** How often each rare thing happened, so that a run that never met it can be told. */
  readonly marks = new Map<string, number>();
  #namespace = 0;

  constructor({ seed, hosts, log = silent }: ClusterOptions) {
    this.random = seededRandom(seed);
    const mark = (name: string) => this.mark(name);
    this.network = new Network(this.schedule, this.random, { faults: calm(), mark });
    const seeds = ["10.0.1.1:7790"];
    this.hosts = Array.from({ length: hosts }, (_, at) => {
      const { schedule, network, random } = this;
      return new SimulatedHost({ n: at + 1, schedule, network, random, log, seeds });
    });
    for (const host of this.hosts) host.boot();
  }

  run(ms: number): void {
    const end = this.schedule.now() + ms;
    while (this.schedule.step(end));
  }

  mark(name: string): void {
    this.marks.set(name, (this.marks.get(name) ?? 0) + 1);
  }

  ask(
    host: SimulatedHost,
    command: Command,
    then: (answer: Answer) => void = () => undefined,
  ): void {
    host.ask(command, (answer) => {
      if (answer.kind === "refused") this.mark(`refused ${answer.refusal.code}`);
      then(answer);
    });
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
      if (answer.kind === "network") this.networks.add(text);
    });
  }

  attach(host: SimulatedHost, network: string): void {
    this.#namespace += 1;
    const netns = `/run/netns/c${this.#namespace}`;
    host.kernel.addNamespace(netns);
    const rest = {
      name: undefined,
      interface: "eth0",
      addresses: [],
      mac: undefined,
      waitMs: undefined,
    };
    this.uncertain.add(netns);
    this.ask(host, { kind: "endpoint-add", network, netns, ...rest }, (answer) => {
      const isLost = answer.kind === "refused" && answer.refusal.code === "AGENT_UNREACHABLE";
      if (!isLost) this.uncertain.delete(netns);
      if (answer.kind !== "endpoint") return;
      const { id, addresses } = answer.endpoint;
      this.endpoints.set(id, { id, host, netns, network, addresses });
      this.mark("attached");
    });
  }

  detach(endpoint: Acknowledged): void {
    this.endpoints.delete(endpoint.id);
    const command: Command = { kind: "endpoint-remove", endpoint: endpoint.id, waitMs: undefined };
    this.uncertain.add(endpoint.netns);
    this.ask(endpoint.host, command, (answer) => {
      if (answer.kind === "removed") this.uncertain.delete(endpoint.netns);
    });
    this.mark("detached");
  }

  /** The container ends without a word: its agent has to find out. */
  vanish(endpoint: Acknowledged): void {
    this.endpoints.delete(endpoint.id);
    endpoint.host.kernel.removeNamespace(endpoint.netns);
    this.mark("vanished");
  }

  /** Cuts every path between two groups, or in one direction only. */
  split(isOneWay: boolean): void {
    const order = shuffled(this.random, this.hosts);
    const cut = 1 + this.random.below(Math.max(1, this.hosts.length - 1));
    for (const a of order.slice(0, cut)) {
      for (const b of order.slice(cut)) {
        this.network.cut(a.id, b.id, true);
        if (!isOneWay) this.network.cut(b.id, a.id, true);
      }
    }
    this.mark(isOneWay ? "one-way cut" : "split");
  }

  anyHost(): SimulatedHost {
    return pick(this.random, this.hosts) as SimulatedHost;
  }

  anyEndpoint(): Acknowledged | undefined {
    return pick(this.random, [...this.endpoints.values()]);
  }

  /** Every fault stops and every process runs. */
  heal(): void {
    this.network.mendAll();
    Object.assign(this.network.faults, calm());
    for (const host of this.hosts) {
      host.resume();
      if (!host.isUp) host.boot();
    }
  }
}

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
