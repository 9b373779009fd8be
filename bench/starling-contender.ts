/**
 * Our own agents. What they see is read from their watch streams; an update is a new network: one
 * record, signed, synced to disk and gossiped, and no work for any kernel.
 */
import { Agent as HttpAgent, request } from "node:http";
import type { WatchEvent } from "../agent/view.ts";
import type { Agent } from "../test/lab/agent.ts";
import type { Watch } from "../test/lab/api.ts";
import type { Host } from "../test/lab/host.ts";
import type { Lab } from "../test/lab/lab.ts";
import type { Contender, Runner } from "./contender.ts";
import { type Look, Sightings } from "./sightings.ts";

/** Programs start in twos, one for each core of a small machine: they take half a second of one. */
const startsAtOnce = 2;
const startMs = 60_000;
/** Calls of one burst that are under way at the same time. */
const calls = 32;

/** One `starling agent` on one host. */
class StarlingRunner implements Runner {
  readonly host: Host;
  readonly sightings: Sightings;
  readonly #program: string | undefined;
  #agent: Agent | undefined;
  #watch: Watch | undefined;

  constructor(host: Host, program: string | undefined) {
    this.host = host;
    this.#program = program;
    this.sightings = new Sightings(`starling on ${host.name}`);
  }

  get pid(): number {
    return this.agent.pid;
  }

  get isStarted(): boolean {
    return this.#agent !== undefined;
  }

  get agent(): Agent {
    if (this.#agent === undefined) throw new Error(`no agent was started on ${this.host.name}`);
    return this.#agent;
  }

  /** A first start, or one that follows a kill. */
  start(way: { readonly join?: readonly string[]; readonly token?: string } = {}): void {
    this.sightings.forget();
    this.#agent = this.host.startAgent({ ...way, program: this.#program });
  }

  /** Resolves when it says that it serves, and then reads all that it has to tell. */
  async follow(): Promise<void> {
    await this.agent.log.until(/\bready\b/, { withinMs: startMs });
    this.#watch?.[Symbol.dispose]();
    const watch = await this.agent.api.watch();
    this.#watch = watch;
    void read(watch, this.sightings);
    for (const { name, state } of await this.agent.api.members()) {
      const look = lookOf(state);
      // What the stream has told since is newer.
      if (look !== undefined && this.sightings.lookOf(name) === undefined)
        this.sightings.member(name, look);
    }
  }

  async kill(): Promise<void> {
    await this.agent.kill();
  }
}

/** Agents on all hosts of the lab. They end with the lab, or when disposed. */
export class StarlingContender implements Contender {
  readonly product = "starling";
  readonly runners: readonly StarlingRunner[];
  #networks = 0;

  constructor(lab: Lab, program: string | undefined) {
    this.runners = lab.hosts.map((host) => new StarlingRunner(host, program));
  }

  async storm(isWarm: boolean): Promise<number> {
    return isWarm ? this.#joinAtOnce() : this.#startAtOnce();
  }

  async update(runner: Runner, names: readonly string[]): Promise<void> {
    const { agent } = this.#ours(runner);
    // Not kept for the next time: an agent closes connections that have been idle for a while.
    const http = new HttpAgent({ keepAlive: true, maxSockets: calls });
    await Promise.all(names.map((name) => this.#createNetwork({ agent, http }, name)));
    http.destroy();
  }

  async kill(runner: Runner): Promise<void> {
    await this.#ours(runner).kill();
  }

  async restart(runner: Runner): Promise<void> {
    this.#ours(runner).start();
    await this.#ours(runner).follow();
  }

  pause(runner: Runner): void {
    this.#ours(runner).agent.pause();
  }

  resume(runner: Runner): void {
    this.#ours(runner).agent.resume();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.runners.filter(({ isStarted }) => isStarted).map((each) => each.kill()));
  }

  /**
   * All agents have asked the seed once, in vain, and stand still; then the seed listens, and all
   * go on at the same instant. Their next try is due by then: no back-off is part of the time.
   */
  async #joinAtOnce(): Promise<number> {
    const [seed, ...others] = this.runners;
    if (seed === undefined) throw new Error("a storm needs a seed");
    seed.start();
    await seed.follow();
    const way = { join: [seed.host.address], token: await seed.agent.token() };
    await seed.agent.stop();
    for (let at = 0; at < others.length; at += startsAtOnce) {
      await Promise.all(others.slice(at, at + startsAtOnce).map((each) => hold(each, way)));
    }
    seed.start();
    await seed.follow();
    await new Promise((resolve) => setTimeout(resolve, backOffMs));
    const at = performance.now();
    for (const { agent } of others) agent.resume();
    return at;
  }

  /** All are killed; then all programs start at once, members already. */
  async #startAtOnce(): Promise<number> {
    await Promise.all(this.runners.map((runner) => runner.kill()));
    const at = performance.now();
    for (const runner of this.runners) runner.start();
    await Promise.all(this.runners.map((runner) => runner.follow()));
    return at;
  }

  async #createNetwork(
    { agent, http }: { readonly agent: Agent; readonly http: HttpAgent },
    name: string,
  ): Promise<void> {
    // The smallest that is allowed: few grants of its addresses come with the network's record.
    const at = this.#networks;
    this.#networks += 1;
    const subnet = `10.${128 + (at >> 10)}.${(at >> 2) & 255}.${(at & 3) << 6}/26`;
    const body = JSON.stringify({ name, subnets: [subnet] });
    const headers = { "content-type": "application/json" };
    const socketPath = agent.api.socket;
    const options = { socketPath, method: "POST", path: "/v1/networks", headers, agent: http };
    await new Promise<void>((resolve, reject) => {
      const outgoing = request(options, (incoming) => {
        const { statusCode = 0 } = incoming;
        incoming.resume().on("end", () => {
          if (statusCode < 300) resolve();
          else reject(new Error(`network ${name} refused: ${statusCode}`));
        });
      });
      outgoing.on("error", reject).end(body);
    });
  }

  #ours(runner: Runner): StarlingRunner {
    const found = this.runners.find((each) => each === runner);
    if (found === undefined) throw new Error("that is not a runner of ours");
    return found;
  }
}

/** More than the first pause between two tries of one who wants to join. */
const backOffMs = 1_000;

/** Starts it and stops it in its tracks once it has found nobody at the seed. */
async function hold(
  runner: StarlingRunner,
  way: { readonly join: readonly string[]; readonly token: string },
): Promise<void> {
  runner.start(way);
  await runner.follow();
  await runner.agent.log.until(/not yet joined/, { withinMs: startMs });
  runner.agent.pause();
}

async function read({ events }: Watch, sightings: Sightings): Promise<void> {
  for await (const line of events) {
    const event = JSON.parse(line) as Partial<WatchEvent>;
    if (event.kind === "network" && event.change === "added" && event.network !== undefined) {
      sightings.update(event.network.name);
    }
    const look = event.kind === "member" ? lookOf(event.member?.state) : undefined;
    if (event.kind === "member" && event.member !== undefined && look !== undefined) {
      sightings.member(event.member.name, look);
    }
  }
}

function lookOf(state: string | undefined): Look | undefined {
  return state === "alive" || state === "suspect" || state === "unreachable" ? state : undefined;
}
