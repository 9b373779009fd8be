import type { WatchEvent } from "../../agent/view.ts";
import type { Agent } from "./agent.ts";
import type { Watch } from "./api.ts";
import { Lines } from "./lines.ts";

/**
 * Follows what every agent tells, over kills and restarts: a line for each event, for whoever waits
 * for something to come true, and the one thing that only a witness can see: that an agent showed
 * an endpoint again after it had shown it removed.
 */
export class Witness implements AsyncDisposable {
  readonly events = new Lines("events of all agents");
  readonly #resurrections: string[] = [];
  readonly #gone = new Map<Agent, Set<string>>();
  readonly #watches = new Map<Agent, Watch>();
  readonly #readers: Promise<void>[] = [];

  get resurrections(): readonly string[] {
    return this.#resurrections;
  }

  /** Reads an agent's events from now on; again after each of its restarts. */
  async follow(agent: Agent): Promise<void> {
    const watch = await agent.api.watch();
    this.#watches.get(agent)?.[Symbol.dispose]();
    this.#watches.set(agent, watch);
    this.#readers.push(this.#read(agent, watch));
    this.events.push(`${agent.host.name} is followed`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const watch of this.#watches.values()) watch[Symbol.dispose]();
    await Promise.all(this.#readers);
    this.events.end("nobody is followed any more");
  }

  async #read(agent: Agent, watch: Watch): Promise<void> {
    const gone = this.#gone.get(agent) ?? new Set();
    this.#gone.set(agent, gone);
    for await (const line of watch.events) {
      const event = JSON.parse(line) as WatchEvent;
      if (event.kind === "endpoint") this.#note(agent.host.name, event, gone);
      this.events.push(`${agent.host.name} ${event.kind}`);
    }
  }

  #note(
    host: string,
    { change, endpoint }: Extract<WatchEvent, { kind: "endpoint" }>,
    gone: Set<string>,
  ): void {
    if (change === "removed") gone.add(endpoint.id);
    else if (gone.has(endpoint.id)) {
      this.#resurrections.push(`${host} showed endpoint ${endpoint.id} again after its removal`);
    }
  }
}
