import type { EndpointView, WaitReport } from "../../agent/view.ts";
import type { Agent } from "./agent.ts";
import { addNamespace, enterNamespace, namespacePath, removeNamespace } from "./namespace.ts";
import { Ping, type PingOptions, type PingReport } from "./ping.ts";
import { Process, type RunOptions, run } from "./process.ts";

export type EndpointOptions = {
  readonly network: string;
  readonly name: string;
  /** Further flags of `starling endpoint add`. */
  readonly flags?: readonly string[];
};

type Added = { readonly endpoint: EndpointView; readonly wait?: WaitReport };

/**
 * A container of sorts: a network namespace of its own, attached to a network as an operator would
 * do it.
 */
export class Endpoint implements AsyncDisposable {
  readonly name: string;
  readonly namespace: string;
  readonly view: EndpointView;
  /** Which hosts had programmed it when the command returned, and after how long. */
  readonly wait: WaitReport | undefined;
  readonly enter: readonly string[];

  private constructor(namespace: string, name: string, added: Added) {
    this.name = name;
    this.namespace = namespace;
    this.view = added.endpoint;
    this.wait = added.wait;
    this.enter = enterNamespace(namespace);
  }

  static async open(
    agent: Agent,
    { network, name, flags = [] }: EndpointOptions,
  ): Promise<Endpoint> {
    const namespace = `${agent.host.name}-${name}`;
    await addNamespace(namespace);
    try {
      const where = ["--network", network, "--netns", namespacePath(namespace), "--name", name];
      const added = await agent.json<Added>("endpoint", "add", ...where, "--wait", ...flags);
      return new Endpoint(namespace, name, added);
    } catch (error) {
      await removeNamespace(namespace);
      throw error;
    }
  }

  /** Its first address, without the prefix length. */
  get address(): string {
    return this.view.addresses[0]?.split("/")[0] ?? "";
  }

  async run(argv: readonly string[], options?: RunOptions): Promise<string> {
    return run([...this.enter, ...argv], options);
  }

  spawn(argv: readonly string[]): Process {
    return new Process([...this.enter, ...argv]);
  }

  /** Pings to the end and says what came back. */
  async ping(other: Endpoint, options?: PingOptions): Promise<PingReport> {
    return Ping.run(this.enter, other.address, options);
  }

  /** Starts a ping that goes on until it is stopped. */
  startPing(other: Endpoint, intervalMs = 10): Ping {
    return new Ping(this.enter, other.address, intervalMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await removeNamespace(this.namespace);
  }
}
