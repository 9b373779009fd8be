import { isInLab } from "./enter.ts";
import { clearRules, cutRules, type Faults, noFaults } from "./faults.ts";
import { Host } from "./host.ts";
import { run } from "./process.ts";

export type LabOptions = {
  readonly hosts: readonly string[];
  /** `ipv4` is 10.77.0.0/24, `ipv6` is fd77::/64; hosts are numbered from 1. */
  readonly underlay?: "ipv4" | "ipv6";
  /** Of the underlay, in bytes. */
  readonly mtu?: number;
  /** A folder for the agents' data where syncing must cost what it costs: else it is memory. */
  readonly disk?: string | undefined;
};

const bridge = "lab";

/** Hosts on one wire: a bridge in the lab's own namespace, and the faults that may be put on it. */
export class Lab implements AsyncDisposable {
  readonly hosts: readonly Host[];
  #faults: Faults = noFaults;
  #parts = new AsyncDisposableStack();

  private constructor(hosts: readonly Host[]) {
    this.hosts = hosts;
  }

  /** Needs `enterLab()` before: no bridge of ours may come to be in the machine's own namespace. */
  static async open(options: LabOptions): Promise<Lab> {
    if (!isInLab()) {
      throw new Error("not in a lab: run this as `node test/lab/enter.ts COMMAND...`");
    }
    const { hosts: names, underlay = "ipv4", mtu = 1500, disk } = options;
    await using undo = new AsyncDisposableStack();
    await run(["ip", "link", "add", "name", bridge, "mtu", `${mtu}`, "type", "bridge"]);
    undo.defer(() => run(["ip", "link", "del", "dev", bridge]).then(() => undefined));
    await run(["ip", "link", "set", "dev", bridge, "up"]);
    undo.defer(() => run(["nft", "-f", "-"], { input: clearRules(bridge) }).then(() => undefined));
    const hosts: Host[] = [];
    for (const [at, name] of names.entries()) {
      const address = underlay === "ipv4" ? `10.77.0.${at + 1}/24` : `fd77::${at + 1}/64`;
      hosts.push(undo.use(await Host.open({ name, address, bridge, mtu, disk })));
    }
    const lab = new Lab(hosts);
    lab.#parts = undo.move();
    return lab;
  }

  host(name: string): Host {
    const host = this.hosts.find((candidate) => candidate.name === name);
    if (host === undefined) throw new Error(`the lab has no host ${name}`);
    return host;
  }

  /**
   * Only hosts of one group hear each other; a host in no group is cut off from all that are in
   * one.
   */
  async partition(groups: readonly (readonly Host[])[]): Promise<void> {
    const groupOf = (host: Host): number => groups.findIndex((group) => group.includes(host));
    const cuts = this.hosts.flatMap((from) =>
      this.hosts
        .filter((to) => from !== to && groupOf(from) !== groupOf(to))
        .map((to) => [from.port, to.port] as const),
    );
    await this.#apply({ ...this.#faults, cuts });
  }

  /** Frames from one host to the other are lost; the way back stays open. */
  async block(from: Host, to: Host): Promise<void> {
    await this.#apply({ ...this.#faults, cuts: [...this.#faults.cuts, [from.port, to.port]] });
  }

  /** Loses this share of all frames between hosts, at random. */
  async drop(percent: number): Promise<void> {
    await this.#apply({ ...this.#faults, lossPercent: percent });
  }

  /** Takes every partition, block and loss away. */
  async heal(): Promise<void> {
    await this.#apply(noFaults);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.disposeAsync();
  }

  async #apply(faults: Faults): Promise<void> {
    await run(["nft", "-f", "-"], { input: cutRules(bridge, faults) });
    this.#faults = faults;
  }
}
