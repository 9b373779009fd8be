/**
 * Endpoints that come and go at random on all hosts, as a busy operator's do, with every answer
 * written into the ledger. A slot is a namespace with one endpoint at most:
 *
 *   free --POST--> held --DELETE--> free        busy meanwhile
 *   busy --no answer: the agent died--> unknown --the agent is asked again--> free | held
 */
import type { EndpointView } from "../../agent/view.ts";
import { pick, type Random } from "../../base/random.ts";
import type { Agent } from "./agent.ts";
import type { Reply } from "./api.ts";
import type { Ledger } from "./ledger.ts";
import { addNamespace, namespacePath, removeNamespace } from "./namespace.ts";

export type ChurnOptions = {
  readonly agents: readonly Agent[];
  readonly ledger: Ledger;
  readonly network: string;
  readonly random: Random;
  readonly perSecond: number;
  readonly slotsPerHost: number;
};

type Slot = {
  readonly agent: Agent;
  readonly name: string;
  readonly netns: string;
  state: "free" | "held" | "busy" | "unknown";
  id: string | undefined;
};

export class Churn implements AsyncDisposable {
  /** Changes acknowledged. */
  done = 0;
  /** Refusals by code: some faults must be answered by one. */
  readonly refusals = new Map<string, number>();
  /** Milliseconds of each acknowledged change. */
  readonly tookMs: number[] = [];
  readonly #options: ChurnOptions;
  readonly #slots: readonly Slot[];
  readonly #underWay = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | undefined;

  private constructor(options: ChurnOptions) {
    this.#options = options;
    this.#slots = options.agents.flatMap((agent) =>
      Array.from({ length: options.slotsPerHost }, (_, at): Slot => {
        const name = `${agent.host.name}-s${at}`;
        return { agent, name, netns: namespacePath(name), state: "free", id: undefined };
      }),
    );
  }

  static async open(options: ChurnOptions): Promise<Churn> {
    const churn = new Churn(options);
    for (const { name } of churn.#slots) await addNamespace(name);
    return churn;
  }

  /** Begins; without agents named, on all of them. */
  start(agents: readonly Agent[] = this.#options.agents): void {
    this.#timer = setInterval(() => this.#change(agents), 1_000 / this.#options.perSecond);
  }

  /** Resolves when every change under way has its answer, or none any more. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#underWay);
  }

  /** Asks an agent that has been away what became of the changes it did not answer. */
  async learn(agent: Agent): Promise<void> {
    const shown = await agent.api.endpoints();
    const unknown = this.#slots.filter((slot) => slot.agent === agent && slot.state === "unknown");
    const { ledger } = this.#options;
    for (const slot of unknown) {
      const view = shown.find(({ isLocal, netns }) => isLocal && netns === slot.netns);
      if (view !== undefined) ledger.added(view);
      else if (slot.id !== undefined) ledger.removed(slot.id);
      ledger.knows(slot.netns);
      slot.id = view?.id;
      slot.state = view === undefined ? "free" : "held";
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    for (const { name } of this.#slots) await removeNamespace(name);
  }

  #change(agents: readonly Agent[]): void {
    const ready = this.#slots.filter(({ agent, state }) => {
      const isAwake = agents.includes(agent) && agent.isRunning;
      return isAwake && (state === "free" || state === "held");
    });
    const slot = pick(this.#options.random, ready);
    if (slot === undefined) return;
    const isAdding = slot.state === "free";
    slot.state = "busy";
    const change = isAdding ? this.#add(slot) : this.#remove(slot);
    const caught = change.catch(() => {
      slot.state = "unknown";
      this.#options.ledger.doubts(slot.netns, slot.id);
    });
    this.#underWay.add(caught);
    void caught.finally(() => this.#underWay.delete(caught));
  }

  async #add(slot: Slot): Promise<void> {
    const { network, ledger } = this.#options;
    const body = { network, netns: slot.netns, name: slot.name };
    const reply = await this.#timed(() => slot.agent.api.ask("POST", "/v1/endpoints", body));
    if (reply.status >= 300) this.#refused(reply);
    else {
      const { endpoint } = reply.body as { readonly endpoint: EndpointView };
      ledger.added(endpoint);
      slot.id = endpoint.id;
    }
    slot.state = slot.id === undefined ? "free" : "held";
  }

  async #remove(slot: Slot): Promise<void> {
    const path = `/v1/endpoints/${slot.id}`;
    const reply = await this.#timed(() => slot.agent.api.ask("DELETE", path));
    if (reply.status >= 300) this.#refused(reply);
    else {
      if (slot.id !== undefined) this.#options.ledger.removed(slot.id);
      slot.id = undefined;
    }
    slot.state = slot.id === undefined ? "free" : "held";
  }

  async #timed(ask: () => Promise<Reply>): Promise<Reply> {
    const at = performance.now();
    const reply = await ask();
    if (reply.status >= 300) return reply;
    this.tookMs.push(performance.now() - at);
    this.done += 1;
    return reply;
  }

  #refused({ body }: Reply): void {
    const { code } = (body as { readonly error: { readonly code: string } }).error;
    this.refusals.set(code, (this.refusals.get(code) ?? 0) + 1);
  }
}
