/**
 * What Docker does not tell its plugins, taken from its events and by asking: what networks and
 * containers are called, and what is no more. Every look is at the whole state of a thing, so an
 * event that was missed costs time and nothing else.
 *
 *   follow events --opened--> look at all --> [event: look at one | `sweepMs`: look at all]
 *        ^-----------------------------------------------|  the stream ends: Docker restarts
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Desk } from "../../agent/command.ts";
import { describeError } from "../../base/errors.ts";
import type { EndpointId } from "../../base/id.ts";
import type { Log } from "../../base/log.ts";
import type { Clock } from "../../base/time.ts";
import {
  type EngineEvent,
  type Inspected,
  type Naming,
  readContainer,
  readEngineId,
  readEvent,
  readList,
  readNetwork,
} from "../docker-engine.ts";
import type { LeftoverOptions } from "../docker-leftovers.ts";
import { Leftovers } from "../docker-leftovers.ts";
import { nameOf, readWish } from "../docker-network.ts";
import { readOwner } from "../docker-owner.ts";
import type { Engine } from "./engine.ts";
import { ask, askOwned, type Networks, type Owned } from "./networks.ts";

/** When it looks. */
export type WatcherTiming = LeftoverOptions & {
  readonly sweepMs: number;
  /** Between tries to reach Docker: doubled from the first up to the second. */
  readonly retryMs: number;
  readonly retryMaxMs: number;
  /** How long a network may take to be found or made. */
  readonly resolveMs: number;
};

/** What it looks at, and what it changes. */
export type WatcherOptions = {
  readonly engine: Engine;
  readonly desk: Desk;
  readonly networks: Networks;
  readonly clock: Clock;
  readonly log: Log;
  /** The name under which Docker knows us: `starling`. */
  readonly driver: string;
  readonly timing: WatcherTiming;
};

/** What is to be looked at. */
type Look = EngineEvent | { readonly about: "all" };
type Attachment = Extract<EngineEvent, { readonly about: "attachment" }>;

/** Follows Docker until the signal aborts. */
export class Watcher {
  readonly #options: WatcherOptions;
  readonly #endpoints: Leftovers<EndpointId>;
  readonly #networks: Leftovers<string>;
  readonly #looks = new Map<string, Look>();
  #wake: (() => void) | undefined;

  constructor(options: WatcherOptions) {
    this.#options = options;
    this.#endpoints = new Leftovers(options.timing);
    this.#networks = new Leftovers(options.timing);
  }

  /** Docker has spoken of it just now. */
  touched(endpoint: EndpointId): void {
    this.#endpoints.touch(endpoint, this.#options.clock.now());
  }

  /** Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { timing, log, engine } = this.#options;
    const { retryMs, retryMaxMs } = timing;
    let wait = retryMs;
    while (!signal.aborted) {
      const round = new AbortController();
      const ended = AbortSignal.any([signal, round.signal]);
      const working = this.#work(ended);
      const opened = () => {
        wait = retryMs;
        this.#note("all", { about: "all" });
        log.info("following Docker's events");
      };
      const line = (text: string) => {
        const event = readEvent(text);
        if (event !== undefined) this.#note(keyOf(event), event);
      };
      const reason = await engine.follow(eventsPath, { opened, line }, ended).then(
        () => "the stream ended",
        (error: unknown) => describeError(error),
      );
      round.abort();
      await working;
      if (signal.aborted) return;
      log.debug("Docker is not there", { reason });
      await sleep(wait, undefined, { signal }).catch(() => undefined);
      wait = Math.min(2 * wait, retryMaxMs);
    }
  }

  #note(key: string, look: Look): void {
    this.#looks.delete(key);
    this.#looks.set(key, look);
    this.#wake?.();
  }

  /** One look after the other, so that the newest is the last word. */
  async #work(signal: AbortSignal): Promise<void> {
    const { log, timing } = this.#options;
    this.#looks.clear();
    const sweep = setInterval(() => this.#note("all", { about: "all" }), timing.sweepMs);
    while (!signal.aborted) {
      const [next] = this.#looks;
      if (next === undefined) {
        await this.#woken(signal);
        continue;
      }
      const [key, look] = next;
      this.#looks.delete(key);
      await this.#look(look, signal).catch((error: unknown) => {
        if (!signal.aborted) log.warn("Docker was not understood", { error: describeError(error) });
      });
    }
    clearInterval(sweep);
  }

  #woken(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const stop = () => resolve();
    signal.addEventListener("abort", stop, { once: true });
    this.#wake = resolve;
    return promise.finally(() => {
      this.#wake = undefined;
      signal.removeEventListener("abort", stop);
    });
  }

  async #look(look: Look, signal: AbortSignal): Promise<void> {
    if (look.about === "all") await this.#lookAtAll(signal);
    else if (look.about === "attachment") await this.#lookAtAttachment(look, signal);
    else if (look.about === "container") await this.#lookAtContainer(look.id, signal);
    else if (look.change !== "removed") await this.#lookAtNetwork(look.id, signal);
  }

  async #lookAtAll(signal: AbortSignal): Promise<void> {
    const { engine, driver } = this.#options;
    const filters = encodeURIComponent(JSON.stringify({ driver: [driver] }));
    const list = readList((await engine.get(`/networks?filters=${filters}`, signal)) ?? "");
    if (list === undefined) throw new Error("the list of networks is malformed");
    const attached: Inspected["attached"][number][] = [];
    for (const id of list)
      attached.push(...((await this.#lookAtNetwork(id, signal))?.attached ?? []));
    const own = new Map(
      (await askOwned(this.#options.desk)).map((endpoint) => [endpoint.id, endpoint]),
    );
    const theirs = { networks: new Set(list), endpoints: new Set(attached.map(idOfAttached)) };
    await this.#clearAway(own, theirs, signal);
    for (const each of attached) {
      const isNameless = own.get(idOfAttached(each))?.name === undefined;
      if (isNameless && own.has(idOfAttached(each)) && each.container !== undefined)
        await this.#lookAtContainer(each.container, signal);
    }
  }

  /** What Docker has no more goes. */
  async #clearAway(
    own: ReadonlyMap<EndpointId, Owned>,
    theirs: {
      readonly networks: ReadonlySet<string>;
      readonly endpoints: ReadonlySet<EndpointId>;
    },
    signal: AbortSignal,
  ): Promise<void> {
    const { networks, clock } = this.#options;
    const isOwnDocker = await this.#isKnownDocker(own.size, signal);
    const now = clock.now();
    for (const id of this.#endpoints.compare([...own.keys()], theirs.endpoints, now)) {
      if (isOwnDocker || own.get(id)?.state === "missing") await this.#collect(id);
    }
    const known = networks.all().map(({ id }) => id);
    const gone = this.#networks.compare(known, theirs.networks, now);
    for (const id of isOwnDocker ? gone : []) await networks.remove(id);
  }

  /**
   * Whether this is the Docker that our networks are of. Of another one, which a wrong socket leads
   * to, nothing can be told by what it lacks.
   */
  async #isKnownDocker(endpoints: number, signal: AbortSignal): Promise<boolean> {
    const { engine, networks, log } = this.#options;
    const id = readEngineId((await engine.get("/info", signal)) ?? "");
    if (id === undefined || id === networks.engine) return id !== undefined;
    if (networks.engine === undefined || (endpoints === 0 && networks.all().length === 0)) {
      await networks.putEngine(id);
      return true;
    }
    const reason = `it is ${id}, and our networks are of ${networks.engine}`;
    log.warn("this is another Docker: is docker-socket right?", { reason });
    return false;
  }

  /** Learns what a network is called, and finds or makes what it stands for. */
  async #lookAtNetwork(id: string, signal: AbortSignal): Promise<Inspected | undefined> {
    const { engine, driver, networks, log, timing, clock } = this.#options;
    const body = await engine.get(`/networks/${id}`, signal);
    if (body === undefined) return undefined;
    const found = readNetwork(body);
    // To go on would be to take its endpoints for gone.
    if (found === undefined) throw new Error(`network ${id} is malformed`);
    if (found.driver !== driver) return undefined;
    this.#networks.touch(id, clock.now());
    const known = networks.get(id);
    const wish = known === undefined ? readWish(found.wish) : { network: known };
    if ("reason" in wish) {
      log.warn("a network of Docker's cannot be served", { name: found.name, reason: wish.reason });
      return found;
    }
    const { network } = wish;
    if (known !== undefined && network.called === found.name && network.network !== undefined)
      return found;
    await networks.put({ ...network, called: found.name });
    if (nameOf({ asked: network.asked, called: found.name }) === undefined) {
      const reason = "its name is no DNS label: give -o starling.network=NAME";
      log.warn("a network of Docker's cannot be served", { name: found.name, reason });
      return found;
    }
    await networks.resolve(id, AbortSignal.timeout(timing.resolveMs)).catch((error: unknown) => {
      const reason = describeError(error);
      log.warn("a network of Docker's cannot be served", { name: found.name, reason });
    });
    return found;
  }

  /**
   * Docker says nothing of a container while it starts it, but its network has the name already, so
   * that others find the container as soon as it runs. Aliases come with the look that follows.
   */
  async #lookAtAttachment({ id, network }: Attachment, signal: AbortSignal): Promise<void> {
    const { engine, networks, desk } = this.#options;
    if (networks.get(network) === undefined) return;
    const found = readNetwork((await engine.get(`/networks/${network}`, signal)) ?? "");
    for (const attached of found?.attached.filter(({ container }) => container === id) ?? []) {
      const endpoint = idOfAttached(attached);
      const known = await desk.ask({ kind: "endpoint", endpoint });
      const isNameless = known.kind === "endpoint" && known.endpoint.name === undefined;
      if (isNameless) await this.#name({ network, endpoint, name: attached.name, aliases: [] });
    }
    this.#note(id, { about: "container", id, change: "changed" });
  }

  async #lookAtContainer(id: string, signal: AbortSignal): Promise<void> {
    const body = await this.#options.engine.get(`/containers/${id}/json`, signal);
    for (const naming of readContainer(body ?? "") ?? []) {
      if (this.#options.networks.get(naming.network) !== undefined) await this.#name(naming);
    }
  }

  async #name({ endpoint: id, name, aliases }: Naming): Promise<void> {
    const { desk, log } = this.#options;
    const found = await desk.ask({ kind: "endpoint", endpoint: id });
    if (found.kind !== "endpoint" || readOwner(found.endpoint.owner) === undefined) return;
    const { endpoint } = found;
    const isSame =
      endpoint.name === name &&
      endpoint.aliases.length === aliases.length &&
      aliases.every((alias) => endpoint.aliases.includes(alias));
    if (isSame) return;
    await ask(desk, { kind: "endpoint-rename", endpoint: id, name, aliases, waitMs: undefined });
    log.debug("endpoint named", { endpoint: id, name });
  }

  async #collect(id: EndpointId): Promise<void> {
    const { desk, log } = this.#options;
    log.info("endpoint removed: Docker has it no more", { endpoint: id });
    const command = { kind: "endpoint-remove", endpoint: id, waitMs: undefined } as const;
    const answer = await desk.ask(command);
    if (answer.kind === "refused")
      log.warn("cannot remove an endpoint", { endpoint: id, reason: answer.refusal.message });
  }
}

/** A later look at the same thing takes an earlier one's place. */
function keyOf(event: EngineEvent): string {
  return event.about === "attachment" ? `${event.id} in ${event.network}` : event.id;
}

function idOfAttached({ endpoint }: Inspected["attached"][number]): EndpointId {
  return endpoint.slice(0, 16) as EndpointId;
}

const filters = {
  type: ["network", "container"],
  event: ["create", "destroy", "remove", "connect", "start", "rename"],
};
const eventsPath = `/events?filters=${encodeURIComponent(JSON.stringify(filters))}`;
