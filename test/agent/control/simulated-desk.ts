/** A desk without an agent: networks and endpoints are in memory, and what was asked is kept. */
import { EventEmitter, once } from "node:events";
import type { AdmissionCommand, Answer, Command, Desk } from "../../../agent/command.ts";
import type { EndpointView, NetworkView, WaitReport, WatchEvent } from "../../../agent/view.ts";
import type { ErrorCode } from "../../../base/errors.ts";
import type { EndpointId, NetworkId } from "../../../base/id.ts";
import {
  address,
  admins,
  endpoint,
  forgotten,
  hostB,
  members,
  network,
  revocations,
  status,
  subnet,
  token,
  tokens,
  wait,
} from "./samples.ts";

type Of<Kind extends Command["kind"]> = Extract<Command, { kind: Kind }>;

export class SimulatedDesk implements Desk {
  readonly asked: Command[] = [];
  readonly networks = new Map<string, NetworkView>();
  readonly endpoints = new Map<string, EndpointView>();
  /** What a change that waits is told. */
  report: WaitReport = wait;
  /** Answers commands in the desk's place, as long as it is there. */
  answer: ((command: Command) => Answer | Promise<Answer>) | undefined;
  readonly #emitter = new EventEmitter();
  readonly #listeners = new Set<(event: WatchEvent) => void>();
  #count = 0;

  get watchers(): number {
    return this.#listeners.size;
  }

  async ask(command: Command): Promise<Answer> {
    this.asked.push(command);
    this.#emitter.emit("asked");
    return this.answer === undefined ? this.#handle(command) : this.answer(command);
  }

  watch(listener: (event: WatchEvent) => void): () => void {
    this.#listeners.add(listener);
    this.#emitter.emit("watchers");
    return () => {
      this.#listeners.delete(listener);
      this.#emitter.emit("watchers");
    };
  }

  tell(event: WatchEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  /** Resolves when so many watch. */
  async watched(by: number): Promise<void> {
    while (this.watchers !== by) await once(this.#emitter, "watchers");
  }

  /** Resolves when a command of the kind has been asked. */
  async askedFor(kind: Command["kind"]): Promise<void> {
    while (!this.asked.some((command) => command.kind === kind)) await once(this.#emitter, "asked");
  }

  #handle(command: Command): Answer {
    switch (command.kind) {
      case "status":
        return { kind: "status", status };
      case "members":
        return { kind: "members", members };
      case "ipam":
        return { kind: "ipam", ipam: [subnet] };
      case "forget":
        return { kind: "forgotten", forgotten, wait: this.#waited(command) };
      case "leave":
        return { kind: "left", obstacle: undefined };
      case "networks":
        return { kind: "networks", networks: [...this.networks.values()] };
      case "endpoints":
        return { kind: "endpoints", endpoints: [...this.endpoints.values()] };
      case "endpoints-owned":
        return { kind: "endpoints", endpoints: this.#owned(command.owner) };
      case "network":
        return this.#network(command.network, (found) => ({ ...found, wait: undefined }));
      case "network-create":
        return this.#createNetwork(command);
      case "network-remove":
        return this.#network(command.network, (found) => {
          this.networks.delete(this.#keyOf(found.network));
          return { kind: "removed", id: found.network.id, wait: this.#waited(command) };
        });
      case "endpoint":
        return this.#endpoint(command.endpoint, (found) => found);
      case "endpoint-add":
        return this.#addEndpoint(command);
      case "endpoint-remove":
        return this.#endpoint(command.endpoint, (found) => {
          this.endpoints.delete(found.endpoint.id);
          return { kind: "removed", id: found.endpoint.id, wait: this.#waited(command) };
        });
      case "endpoint-rename":
        return this.#endpoint(command.endpoint, (found) => {
          const { name, aliases } = command;
          const view = { ...found.endpoint, name, aliases };
          this.endpoints.set(view.id, view);
          return { kind: "endpoint", endpoint: view, wait: this.#waited(command) };
        });
      case "address-reserve":
      case "address-release":
        return { kind: "address", address };
      default:
        return admit(command);
    }
  }

  #keyOf(network: NetworkView): string {
    return [...this.networks].find(([, each]) => each === network)?.[0] ?? "";
  }

  #owned(prefix: string): EndpointView[] {
    const own = [...this.endpoints.values()].filter(({ isLocal }) => isLocal);
    return own.filter(({ owner }) => owner?.startsWith(prefix));
  }

  #createNetwork(command: Of<"network-create">): Answer {
    const id = this.#id() as NetworkId;
    const { name, subnets } = command;
    if (this.networks.has(name)) return refused("NAME_TAKEN", `there is a network ${name} already`);
    const view = { ...network, id, name, subnets, conflict: undefined };
    this.networks.set(name, view);
    return { kind: "network", network: view, wait: this.#waited(command) };
  }

  #addEndpoint(command: Of<"endpoint-add">): Answer {
    return this.#network(command.network, (found) => {
      const id = command.id ?? (this.#id() as EndpointId);
      const { place, name, aliases, owner } = command;
      const where = place.kind === "link" ? { link: place.link } : place;
      const addresses = command.addresses.map((address) => `${address}/16`);
      const view: EndpointView = {
        ...endpoint,
        id,
        ...{ name, aliases, owner, netns: undefined, interface: undefined, link: undefined },
        ...where,
        mac: command.mac ?? endpoint.mac,
        network: { id: found.network.id, name: found.network.name },
        addresses: addresses.length > 0 ? addresses : endpoint.addresses,
      };
      this.endpoints.set(id, view);
      return { kind: "endpoint", endpoint: view, wait: this.#waited(command) };
    });
  }

  #network(ref: string, then: (found: Extract<Answer, { kind: "network" }>) => Answer): Answer {
    const found =
      this.networks.get(ref) ?? [...this.networks.values()].find(({ id }) => id === ref);
    if (found === undefined) return refused("UNKNOWN_NETWORK", `there is no network ${ref}`);
    return then({ kind: "network", network: found, wait: undefined });
  }

  #endpoint(ref: string, then: (found: Extract<Answer, { kind: "endpoint" }>) => Answer): Answer {
    const found = [...this.endpoints.values()].find(({ id, name }) => id === ref || name === ref);
    if (found === undefined) return refused("UNKNOWN_ENDPOINT", `there is no endpoint ${ref}`);
    return then({ kind: "endpoint", endpoint: found, wait: undefined });
  }

  #waited({ waitMs }: { readonly waitMs: number | undefined }): WaitReport | undefined {
    return waitMs === undefined ? undefined : this.report;
  }

  #id(): string {
    this.#count += 1;
    return this.#count.toString(16).padStart(16, "0");
  }
}

function admit(command: AdmissionCommand): Answer {
  switch (command.kind) {
    case "token":
    case "token-create":
      return { kind: "token", ...token };
    case "tokens":
      return { kind: "tokens", tokens };
    case "token-remove":
      return { kind: "removed", id: command.token, wait: undefined };
    case "admins":
      return { kind: "admins", admins };
    case "revocations":
      return { kind: "revocations", revocations };
    case "admin-add":
    case "admin-remove":
    case "revoke":
      return { kind: "host", host: { ...hostB, name: command.host }, isNew: true };
  }
}

export function refused(code: ErrorCode, message: string): Answer {
  return { kind: "refused", refusal: { code, message } };
}
