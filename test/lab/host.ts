import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Agent, type AgentOptions } from "./agent.ts";
import { Endpoint, type EndpointOptions } from "./endpoint.ts";
import { Monitor, type MonitorKind } from "./monitor.ts";
import { addNamespace, enterNamespace, removeNamespace } from "./namespace.ts";
import { type Process, Process as RunningProcess, type RunOptions, run } from "./process.ts";

/**
 * A simulated machine: a network namespace with one interface on the lab's underlay and a folder of
 * its own.
 */
export class Host implements AsyncDisposable {
  readonly name: string;
  /** On the underlay. */
  readonly address: string;
  readonly device = "eth0";
  /** The cable's other end, in the lab's own namespace. */
  readonly port: string;
  /** The words that put a command into this host. */
  readonly enter: readonly string[];
  /** Its data and sockets: on the lab's tmpfs, so that they end with the lab. */
  readonly folder: string;
  /** Its agent's data: in the folder too, unless the lab was given a disk. */
  readonly dataDir: string;
  #parts = new AsyncDisposableStack();

  private constructor({ name, address, disk }: HostOptions) {
    this.name = name;
    this.address = address.split("/")[0] ?? "";
    this.port = `lab-${name}`;
    this.enter = enterNamespace(name);
    this.folder = join("/run/lab", name);
    this.dataDir = disk === undefined ? join(this.folder, "data") : join(disk, name);
  }

  /** A host on the lab's bridge. `address` carries its prefix length. */
  static async open(options: HostOptions): Promise<Host> {
    const { name, address, bridge, mtu } = options;
    const host = new Host(options);
    const { port, device } = host;
    mkdirSync(host.folder, { recursive: true });
    await using undo = new AsyncDisposableStack();
    // The next host of this name is another machine: it must not find this one's disk.
    undo.defer(() => {
      for (const folder of [host.folder, host.dataDir])
        rmSync(folder, { recursive: true, force: true });
    });
    await addNamespace(name);
    undo.defer(() => removeNamespace(name));
    const link = `link add name ${port} mtu ${mtu} type veth peer name ${device} mtu ${mtu}`;
    await run(["ip", "-batch", "-"], {
      input: `${link} netns ${name}\nlink set dev ${port} master ${bridge} up\n`,
    });
    // The kernel empties a removed namespace in its own time; this end takes the other with it at
    // once.
    undo.defer(() => run(["ip", "link", "del", "dev", port]).then(() => undefined));
    // Without `nodad` nothing could bind to an IPv6 address for a second.
    const flags = address.includes(":") ? " nodad" : "";
    await run([...host.enter, "ip", "-batch", "-"], {
      input: `addr add ${address} dev ${device}${flags}\nlink set dev ${device} up\n`,
    });
    host.#parts = undo.move();
    return host;
  }

  async run(argv: readonly string[], options?: RunOptions): Promise<string> {
    return run([...this.enter, ...argv], options);
  }

  /** A command that keeps running; it ends with the host at the latest. */
  spawn(argv: readonly string[], env?: NodeJS.ProcessEnv): Process {
    return this.#parts.use(new RunningProcess([...this.enter, ...argv], env));
  }

  /** Starts an agent here. Await its `ready()`. */
  startAgent(options?: AgentOptions): Agent {
    return this.#parts.use(new Agent(this, options));
  }

  /** Makes a container of sorts: a namespace, attached to a network by this host's agent. */
  async endpoint(agent: Agent, options: EndpointOptions): Promise<Endpoint> {
    return this.#parts.use(await Endpoint.open(agent, options));
  }

  async monitor(kind: MonitorKind): Promise<Monitor> {
    const device = this.device;
    return this.#parts.use(await Monitor.open({ enter: this.enter, kind, device }));
  }

  /** Pulls the cable. */
  async cut(): Promise<void> {
    await run(["ip", "link", "set", "dev", this.port, "down"]);
  }

  async mend(): Promise<void> {
    await run(["ip", "link", "set", "dev", this.port, "up"]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.disposeAsync();
  }
}

export type HostOptions = {
  readonly name: string;
  readonly address: string;
  readonly bridge: string;
  readonly mtu: number;
  readonly disk: string | undefined;
};
