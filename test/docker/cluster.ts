/** Hosts with an agent and an engine each, and the agents serving the engines. */
import type { Agent } from "../lab/agent.ts";
import { sees } from "../lab/cluster.ts";
import type { Host } from "../lab/host.ts";
import { Lab } from "../lab/lab.ts";
import { Engine, type EngineOptions } from "./engine.ts";

/** The flags that lead an agent to its host's engine. */
export function dockerFlags(engine: Engine): readonly string[] {
  return ["--docker-plugin", `${engine.plugins}/starling.sock`, "--docker-socket", engine.socket];
}

/** What the engines are started with; `env` is the agents'. */
export type DockerClusterOptions = EngineOptions & { readonly env?: NodeJS.ProcessEnv };

/** A host of a cluster with Docker. */
export type DockerHost = { readonly host: Host; readonly engine: Engine; agent: Agent };

/** A lab whose hosts are one cluster, each with an engine that its agent serves. */
export class DockerCluster implements AsyncDisposable {
  readonly lab: Lab;
  readonly hosts: readonly DockerHost[];
  readonly #stack: AsyncDisposableStack;

  private constructor(lab: Lab, hosts: readonly DockerHost[], stack: AsyncDisposableStack) {
    this.lab = lab;
    this.hosts = hosts;
    this.#stack = stack;
  }

  static async open(
    names: readonly string[],
    options: DockerClusterOptions = {},
  ): Promise<DockerCluster> {
    const { env, ...engine } = options;
    await using stack = new AsyncDisposableStack();
    const lab = stack.use(await Lab.open({ hosts: names }));
    const engines = await Promise.all(lab.hosts.map((host) => Engine.open(host, engine)));
    for (const engine of engines) stack.use(engine);
    const hosts: DockerHost[] = [];
    for (const engine of engines) {
      const { host } = engine;
      const [founder] = hosts;
      const joining =
        founder === undefined
          ? {}
          : { join: [founder.host.address], token: await founder.agent.token() };
      const more = { flags: dockerFlags(engine), ...(env === undefined ? {} : { env }) };
      const agent = await host.startAgent({ ...joining, ...more }).ready();
      hosts.push({ host, engine, agent });
    }
    await Promise.all(hosts.map(({ agent }) => sees(agent, hosts.length)));
    return new DockerCluster(lab, hosts, stack.move());
  }

  at(name: string): DockerHost {
    const found = this.hosts.find(({ host }) => host.name === name);
    if (found === undefined) throw new Error(`no host ${name}`);
    return found;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}
