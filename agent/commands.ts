/**
 * Answers commands: each ticket exactly once, at once where it only reads, after the disk and the
 * kernel where it changes.
 */
import type { Cidr } from "../base/address.ts";
import { toHex } from "../base/bytes.ts";
import { encode } from "../base/codec.ts";
import type { ErrorCode, Refusal } from "../base/errors.ts";
import { type HostId, type NetworkId, parseNetworkId } from "../base/id.ts";
import type { Random } from "../base/random.ts";
import type { Instant } from "../base/time.ts";
import type { Version } from "../store/head.ts";
import type { Write } from "../store/writer.ts";
import type { Addressing } from "./addressing.ts";
import type { Attachments } from "./attachments.ts";
import type { AdmissionCommand, Answer, Command } from "./command.ts";
import { limits } from "./config.ts";
import type { Confirmations, Confirmed } from "./confirmations.ts";
import type { Emit } from "./effect.ts";
import { type EndpointCommand, EndpointCommands } from "./endpoint-commands.ts";
import type { Forgetting } from "./forgetting.ts";
import { barOf, forgettable, forgottenView } from "./forgotten.ts";
import type { Leaving } from "./leaving.ts";
import { findEndpoint, findNetwork } from "./lookup.ts";
import { networkFault } from "./network-fault.ts";
import type { Places } from "./places.ts";
import { type NetworkRecord, networkKey, removalKey } from "./schema.ts";
import type { Network, Tables } from "./tables.ts";
import type { StatusView, WaitReport } from "./view.ts";
import {
  endpointView,
  endpointViews,
  hostRef,
  memberViews,
  networkView,
  ownedViews,
  type Scene,
} from "./views.ts";

type Of<Kind extends Command["kind"]> = Extract<Command, { kind: Kind }>;

/** What commands are answered from, and changed through. */
export type CommandsOptions = {
  readonly self: HostId;
  readonly tables: Tables;
  readonly attachments: Attachments;
  readonly places: Places;
  readonly addressing: Addressing;
  readonly confirmations: Confirmations;
  readonly forgetting: Forgetting;
  readonly leaving: Leaving;
  readonly random: Random;
  readonly emit: Emit;
  readonly scene: () => Scene;
  readonly status: (now: Instant) => StatusView;
  readonly routes: () => readonly { readonly cidr: Cidr; readonly device: string }[];
  readonly alive: () => readonly HostId[];
  readonly version: () => Version;
  readonly wallMs: () => number;
  /** Writes records; the ticket returns through `durable` or `lost`. */
  readonly write: (writes: readonly Write[]) => number;
  /** Why a command is not even tried. */
  readonly veto: (command: Command) => Refusal | undefined;
  /** Commands about who may be in the cluster. */
  readonly admission: (command: AdmissionCommand, reply: (answer: Answer) => void) => void;
  /** How long an endpoint waits for addresses that other hosts must grant. */
  readonly addressMs: number;
};

/** Called when the write is on disk, or with a refusal when it is not. */
type Then = (refusal: Refusal | undefined, now: Instant) => void;

/** The tickets that are open, and what each waits for. */
export class Commands {
  readonly #options: CommandsOptions;
  readonly #writes = new Map<number, Then>();
  readonly #open = new Set<number>();
  readonly #creating = new Map<string, readonly Cidr[]>();
  readonly #endpoints: EndpointCommands;

  constructor(options: CommandsOptions) {
    this.#options = options;
    this.#endpoints = new EndpointCommands({
      ...options,
      answer: (ticket, answer) => this.#answer(ticket, answer),
      finish: (ticket, { waitMs, now, refusal, answer }) =>
        this.#finish(ticket, waitMs, now, refusal, answer),
      whenWritten: (written, then) => void this.#writes.set(written, then),
    });
  }

  ask(ticket: number, command: Command, now: Instant): void {
    if (this.#open.size >= limits.commandsPending) {
      const message = `${limits.commandsPending} commands are waiting already; try again later`;
      this.#options.emit({ kind: "answer", ticket, answer: refused("TIMED_OUT", message) });
      return;
    }
    this.#open.add(ticket);
    const refusal = this.#options.veto(command);
    if (refusal !== undefined) return this.#answer(ticket, { kind: "refused", refusal });
    const answer = this.#handle(ticket, command, now);
    if (answer !== undefined) this.#answer(ticket, answer);
  }

  /** These writes are on disk. */
  durable(tickets: readonly number[], now: Instant): void {
    for (const ticket of tickets) this.#settle(ticket, undefined, now);
  }

  /** These writes are not. */
  lost(tickets: readonly number[], refusal: Refusal, now: Instant): void {
    for (const ticket of tickets) this.#settle(ticket, refusal, now);
  }

  /** Tells when another part's write is on disk, or why it is not. */
  whenDurable(ticket: number, then: (refusal: Refusal | undefined) => void): void {
    this.#writes.set(ticket, (refusal) => then(refusal));
  }

  /** Addresses may have come, or none will. */
  retry(now: Instant): void {
    this.#endpoints.retry(now);
  }

  /** Answers whatever is still open: the agent stops. */
  close(): void {
    for (const ticket of [...this.#open]) {
      this.#answer(
        ticket,
        refused("SHUTTING_DOWN", "the agent is stopping; ask again when it runs"),
      );
    }
  }

  #handle(ticket: number, command: Command, now: Instant): Answer | undefined {
    const { scene, status } = this.#options;
    const barred = barOf(command, scene());
    if (barred !== undefined) return { kind: "refused", refusal: barred };
    switch (command.kind) {
      case "status":
        return { kind: "status", status: status(now) };
      case "members":
        return { kind: "members", members: memberViews(scene(), now) };
      case "networks":
        return { kind: "networks", networks: this.#networks() };
      case "network":
        return this.#withNetwork(command.network, (network) =>
          this.#networkAnswer(network, undefined),
        );
      case "network-create":
        return this.#createNetwork(ticket, command);
      case "network-remove":
        return this.#withNetwork(command.network, (network) =>
          this.#removeNetwork(ticket, network, command),
        );
      case "endpoints":
        return this.#list(command.network);
      case "endpoints-owned":
        return { kind: "endpoints", endpoints: ownedViews(scene(), command.owner) };
      case "endpoint":
        return this.#endpoint(command.endpoint);
      case "endpoint-add":
      case "endpoint-remove":
      case "endpoint-rename":
      case "address-reserve":
      case "address-release":
        return this.#changeEndpoint(ticket, command, now);
      case "ipam":
        return this.#ipam(command.network);
      case "forget":
        return this.#forget(ticket, command);
      case "leave":
        this.#options.leaving.leave(now, now + command.waitMs, (obstacle) =>
          this.#answer(ticket, { kind: "left", obstacle }),
        );
        return undefined;
      default:
        this.#options.admission(command, (answer) => this.#answer(ticket, answer));
        return undefined;
    }
  }

  #changeEndpoint(ticket: number, command: EndpointCommand, now: Instant): Answer | undefined {
    const endpoints = this.#endpoints;
    switch (command.kind) {
      case "endpoint-add":
        return this.#withNetwork(command.network, (at) => endpoints.add(ticket, at, command, now));
      case "endpoint-remove":
        return endpoints.remove(ticket, command);
      case "endpoint-rename":
        return endpoints.rename(ticket, command);
      case "address-reserve":
        return this.#withNetwork(command.network, (at) => endpoints.hold(ticket, at, command, now));
      case "address-release":
        return this.#withNetwork(command.network, (at) => endpoints.endHold(at, command));
    }
  }

  #networks() {
    const { tables, scene } = this.#options;
    const shown = tables
      .shownNetworks()
      .toSorted((a, b) => a.name.localeCompare(b.name) || a.created - b.created);
    return shown.map((network) => networkView(scene(), network));
  }

  #list(ref: string | undefined): Answer {
    const { tables, scene } = this.#options;
    if (ref === undefined)
      return { kind: "endpoints", endpoints: endpointViews(scene(), undefined) };
    const found = findNetwork(tables, ref);
    return found.kind === "refused"
      ? found
      : { kind: "endpoints", endpoints: endpointViews(scene(), found.item.id) };
  }

  #endpoint(ref: string): Answer {
    const found = findEndpoint(this.#options.tables, ref);
    if (found.kind === "refused") return found;
    return {
      kind: "endpoint",
      endpoint: endpointView(this.#options.scene(), found.item),
      wait: undefined,
    };
  }

  #createNetwork(ticket: number, command: Of<"network-create">): Answer | undefined {
    const { tables, random, self, addressing, alive, write, routes } = this.#options;
    const { name, subnets, waitMs } = command;
    const fault = networkFault(command, { tables, routes: routes(), creating: this.#creating });
    if (fault !== undefined) return { kind: "refused", refusal: fault };
    const id = parseNetworkId(toHex(random.bytes(8))) as NetworkId;
    const newest = Math.max(0, ...[...tables.networks.values()].map(({ created }) => created));
    const record: NetworkRecord = {
      name,
      subnets: [...subnets],
      created: Math.max(Math.floor(this.#options.wallMs()), newest + 1),
    };
    const shares = addressing.shares({ ...record, id, creator: self }, alive());
    this.#creating.set(name, subnets);
    const written = write([{ key: networkKey(id), value: encode(record) }, ...shares]);
    this.#writes.set(written, (refusal, now) => {
      this.#creating.delete(name);
      this.#finish(ticket, waitMs, now, refusal, (wait) =>
        this.#networkAnswer({ ...record, id, creator: self }, wait),
      );
    });
    return undefined;
  }

  #removeNetwork(
    ticket: number,
    network: Network,
    command: Of<"network-remove">,
  ): Answer | undefined {
    const { tables, self, scene, write } = this.#options;
    const endpoints = [...tables.endpointsOf(network.id).values()];
    if (endpoints.length > 0 && !command.isForced) {
      const hosts = new Set(endpoints.map(({ host }) => hostRef(scene(), host).name));
      const message = `network ${network.name} has ${endpoints.length} endpoints on ${[...hosts].join(", ")}; remove them, or use --force`;
      return refused("NETWORK_IN_USE", message);
    }
    const isOurs = network.creator === self;
    const written = write([
      isOurs
        ? { key: networkKey(network.id), value: undefined }
        : { key: removalKey(network.id), value: encode({}) },
    ]);
    this.#writes.set(written, (refusal, now) => {
      const answer = (wait: WaitReport | undefined): Answer => ({
        kind: "removed",
        id: network.id,
        wait,
      });
      this.#finish(ticket, command.waitMs, now, refusal, answer);
    });
    return undefined;
  }

  #ipam(ref: string | undefined): Answer {
    const { tables, addressing } = this.#options;
    if (ref === undefined) return { kind: "ipam", ipam: addressing.view(tables.shownNetworks()) };
    const found = findNetwork(tables, ref);
    return found.kind === "refused" ? found : { kind: "ipam", ipam: addressing.view([found.item]) };
  }

  #forget(ticket: number, { host: ref, isForced, waitMs }: Of<"forget">): Answer | undefined {
    const { scene, forgetting } = this.#options;
    const found = forgettable(scene(), ref, isForced);
    if (found.kind === "refused") return found;
    const answer = (wait: WaitReport | undefined): Answer => {
      return { kind: "forgotten", forgotten: forgottenView(scene(), found.item, forgetting), wait };
    };
    const written = forgetting.forget(found.item);
    if (written === undefined) return answer(undefined);
    this.#writes.set(written, (refusal, now) => {
      const finish = (at: Instant) => this.#finish(ticket, waitMs, at, refusal, answer);
      if (refusal === undefined) forgetting.whenSettled(found.item, now, finish);
      else finish(now);
    });
    return undefined;
  }

  #finish(
    ticket: number,
    waitMs: number | undefined,
    now: Instant,
    refusal: Refusal | undefined,
    answer: (wait: WaitReport | undefined) => Answer,
  ): void {
    if (refusal !== undefined) this.#answer(ticket, { kind: "refused", refusal });
    else if (waitMs === undefined) this.#answer(ticket, answer(undefined));
    else {
      const { confirmations, version, alive } = this.#options;
      confirmations.wait(version(), alive(), { now, waitMs }, (confirmed) =>
        this.#answer(ticket, answer(this.#report(confirmed))),
      );
    }
  }

  #report({ programmed, missing, ms }: Confirmed): WaitReport {
    const scene = this.#options.scene();
    const ref = (host: HostId) => hostRef(scene, host);
    const unreachable = [...scene.tables.hosts.keys()].filter(
      (host) => host !== scene.self && scene.peer(host)?.reach === "unreachable",
    );
    return {
      programmed: programmed.map(ref),
      missing: missing.map(ref),
      unreachable: unreachable.map(ref),
      ms: Math.round(ms),
    };
  }

  #networkAnswer(network: Network, wait: WaitReport | undefined): Answer {
    return { kind: "network", network: networkView(this.#options.scene(), network), wait };
  }

  #withNetwork(ref: string, then: (network: Network) => Answer | undefined): Answer | undefined {
    const found = findNetwork(this.#options.tables, ref);
    return found.kind === "refused" ? found : then(found.item);
  }

  #settle(ticket: number, refusal: Refusal | undefined, now: Instant): void {
    const then = this.#writes.get(ticket);
    this.#writes.delete(ticket);
    then?.(refusal, now);
  }

  #answer(ticket: number, answer: Answer): void {
    if (this.#open.delete(ticket)) this.#options.emit({ kind: "answer", ticket, answer });
  }
}

function refused(code: ErrorCode, message: string): Answer {
  return { kind: "refused", refusal: { code, message } };
}
