/**
 * Performs what the core wants, and tells it what came of it. The only place where the core meets
 * promises: every completion is one more input, handled to its end before the next.
 */
import { unreachable } from "../../base/assert.ts";
import { describeError, MeshError, type Refusal } from "../../base/errors.ts";
import type { HostId } from "../../base/id.ts";
import type { Log } from "../../base/log.ts";
import type { Clock, Instant } from "../../base/time.ts";
import type {
  GossipVerdict,
  Link,
  Transport,
  TransportHandler,
} from "../../membership/transport.ts";
import type { Vault } from "../../membership/vault.ts";
import type { NameServer, Oracle, Query, ServerReport } from "../../names/name-server.ts";
import type { Reply } from "../../names/record.ts";
import type { Dataplane, DataplaneOp, OpFailure } from "../../overlay/dataplane.ts";
import type { Trust } from "../../store/fence.ts";
import type { Journal } from "../../store/journal.ts";
import type { Agent } from "../agent.ts";
import type { Answer, Command, Desk } from "../command.ts";
import { tickMs } from "../config.ts";
import type { Effect } from "../effect.ts";
import { encodeEnvelope } from "../envelope.ts";
import type { MemberView, StatusView, WatchEvent } from "../view.ts";

/** What the core's effects are performed on. */
export type Ports = {
  readonly transport: Transport;
  readonly journal: Journal;
  readonly dataplane: Dataplane;
  readonly vault: Vault;
  readonly names: NameServer;
};

/** The core in the world: the desk for commands, the handler of the transport. */
export class Loop implements Desk, TransportHandler, Oracle {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #listeners = new Set<(event: WatchEvent) => void>();
  readonly #answers = new Map<number, (answer: Answer) => void>();
  readonly #joins = new Map<number, (answer: Uint8Array) => void>();
  #running: { readonly agent: Agent; readonly ports: Ports } | undefined;
  /** While not a member: what `status` says, and why other commands are refused. */
  #joining: () => StatusView;
  readonly #stopped: () => void;
  #ticket = 0;
  #timer: NodeJS.Timeout | undefined;
  #unwatch: (() => void) | undefined;
  #isClosed = false;
  #ready: (() => void) | undefined;

  constructor(options: {
    readonly clock: Clock;
    readonly log: Log;
    readonly joining: () => StatusView;
    /** The agent wants to end. */
    readonly stopped: () => void;
  }) {
    this.#clock = options.clock;
    this.#log = options.log;
    this.#joining = options.joining;
    this.#stopped = options.stopped;
  }

  /**
   * Starts the agent's life: from here on it gets inputs. Resolves when its kernel equals its map.
   */
  start(running: {
    readonly agent: Agent;
    readonly ports: Ports;
    /** What the disk says of our own records. */
    readonly trust: Trust;
  }): Promise<void> {
    this.#running = running;
    this.#timer = setInterval(() => this.#input((agent, now) => agent.tick(now)), tickMs);
    this.#unwatch = running.ports.dataplane.watch(() =>
      this.#input((agent, now) => agent.kernelChanged(now)),
    );
    return new Promise((resolve) => {
      this.#ready = resolve;
      this.#input((agent, now) => agent.start(running.trust, now));
    });
  }

  /** Answers what is open and takes no more inputs. */
  close(): void {
    if (this.#isClosed) return;
    clearInterval(this.#timer);
    this.#unwatch?.();
    this.#input((agent) => agent.close());
    this.#isClosed = true;
  }

  ask(command: Command): Promise<Answer> {
    if (this.#isClosed) return Promise.resolve(refused("SHUTTING_DOWN", "the agent is stopping"));
    if (this.#running === undefined) return Promise.resolve(this.#askJoining(command));
    this.#ticket += 1;
    const ticket = this.#ticket;
    return new Promise((resolve) => {
      this.#answers.set(ticket, resolve);
      this.#input((agent, now) => agent.ask(ticket, command, now));
    });
  }

  watch(listener: (event: WatchEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  hello(): Uint8Array | undefined {
    return this.#running?.agent.hello();
  }

  refusal(peer: HostId, hello: Uint8Array): string | undefined {
    if (this.#running === undefined || this.#isClosed) return "it is not yet a member itself";
    return this.#running.agent.refusal(peer, hello, this.#clock.now());
  }

  linkUp(link: Link): void {
    this.#input((agent, now) => agent.linkUp(link, now));
  }

  linkDown(host: HostId, reason: string): void {
    this.#input((agent, now) => agent.linkDown(host, reason, now));
  }

  dialFailed(address: string, reason: string): void {
    this.#input((agent, now) => agent.dialFailed(address, reason, now));
  }

  received(from: HostId, message: Uint8Array): void {
    this.#input((agent, now) => agent.received(from, message, now));
  }

  gossiped(from: HostId, message: Uint8Array): GossipVerdict {
    let verdict: GossipVerdict = "ignore";
    this.#input((agent, now) => {
      verdict = agent.gossiped(from, message, now);
    });
    return verdict;
  }

  serve(from: HostId, request: Uint8Array): Iterable<Uint8Array> {
    return this.#running?.agent.serve(from, request) ?? [];
  }

  resolve(query: Query): Reply {
    if (this.#running !== undefined) return this.#running.agent.resolve(query);
    return { kind: "refused", reason: "this host is not yet a member of a cluster" };
  }

  serving(report: ServerReport): void {
    this.#input((agent) => agent.serving(report));
  }

  pulled(id: number, frame: Uint8Array): void {
    this.#input((agent, now) => agent.pulled(id, frame, now));
  }

  pullEnded(id: number, reason: string | undefined): void {
    this.#input((agent, now) => agent.pullEnded(id, reason, now));
  }

  joinRequested(_from: HostId, request: Uint8Array): Promise<Uint8Array> {
    if (this.#running === undefined || this.#isClosed) {
      return Promise.reject(new MeshError("SHUTTING_DOWN", "this host is not a member itself"));
    }
    this.#ticket += 1;
    const ticket = this.#ticket;
    return new Promise((resolve) => {
      this.#joins.set(ticket, resolve);
      this.#input((agent, now) => agent.joinRequested(ticket, request, now));
    });
  }

  /** Until we are a member there is only ourselves to show; the rest has to wait. */
  #askJoining(command: Command): Answer {
    const status = this.#joining();
    switch (command.kind) {
      case "status":
        return { kind: "status", status };
      case "members":
        return { kind: "members", members: [selfOf(status)] };
      case "networks":
        return { kind: "networks", networks: [] };
      case "endpoints":
      case "endpoints-owned":
        return { kind: "endpoints", endpoints: [] };
      default: {
        const what = "this host is not yet a member of a cluster; it keeps trying to join";
        return refused("NOT_A_MEMBER", `${what} (${status.joining})`);
      }
    }
  }

  #input(handle: (agent: Agent, now: Instant) => void): void {
    if (this.#running === undefined || this.#isClosed) return;
    const { agent, ports } = this.#running;
    handle(agent, this.#clock.now());
    for (const effect of agent.drain()) this.#perform(effect, ports);
    if (this.#ready !== undefined && agent.isSettled) {
      this.#ready();
      this.#ready = undefined;
    }
  }

  #perform(effect: Effect, ports: Ports): void {
    switch (effect.kind) {
      case "dial":
        return ports.transport.dial(effect.address);
      case "send":
        return ports.transport.send(effect.to, encodeEnvelope(effect.message));
      case "publish":
        return ports.transport.publish(encodeEnvelope(effect.message));
      case "close":
        return ports.transport.close(effect.host, effect.reason);
      case "pull":
        return ports.transport.pull(effect.pull);
      case "listen":
        return ports.names.listen(effect.addresses);
      case "wake":
        setTimeout(() => this.#input((agent, now) => agent.woken(now)), effect.afterMs).unref();
        return;
      case "append":
      case "keep":
        return this.#performOnDisk(effect, ports.journal);
      case "save": {
        const { file } = effect;
        return this.#then(ports.vault.save(file, effect.bytes), {
          done: () => (agent, now) => agent.saved(file, undefined, now),
          failed: (refusal) => (agent, now) => agent.saved(file, refusal, now),
        });
      }
      case "answer":
        return settle(this.#answers, effect.ticket, effect.answer);
      case "joined":
        return settle(this.#joins, effect.ticket, effect.answer);
      case "event":
        for (const listener of this.#listeners) listener(effect.event);
        return;
      case "stop":
        this.#log.info("the agent ends", { reason: effect.reason });
        return this.#stopped();
      default:
        return this.#performInKernel(effect, ports.dataplane);
    }
  }

  #performOnDisk(
    { kind, ops }: Extract<Effect, { kind: "append" | "keep" }>,
    journal: Journal,
  ): void {
    const isDurable = kind === "append";
    this.#then(journal.append(ops, { isDurable }), {
      done: () => (agent, now) => {
        if (isDurable) agent.appended(now);
        else agent.kept(ops, undefined, now);
      },
      failed: (refusal) => (agent, now) => {
        if (isDurable) agent.appendFailed(refusal, now);
        else agent.kept(ops, refusal, now);
      },
    });
  }

  #performInKernel(
    effect: Extract<Effect, { kind: "apply" | "dump" | "attach" | "inspect" }>,
    dataplane: Dataplane,
  ): void {
    switch (effect.kind) {
      case "apply":
        return this.#then(dataplane.apply(effect.ops), {
          done: (failures) => (agent, now) => agent.applied(failures, now),
          failed: (refusal) => (agent, now) => agent.applied(allFailed(effect.ops, refusal), now),
        });
      case "dump":
        return this.#then(dataplane.read(), {
          done: (actual) => (agent, now) => agent.dumped(actual, now),
          failed: (refusal) => (agent, now) => {
            this.#log.warn("kernel could not be read", { reason: refusal.message });
            agent.dumped(undefined, now);
          },
        });
      case "attach": {
        const { endpoint } = effect.attachment;
        return this.#then(dataplane.attach(effect.attachment), {
          done: (outcome) => (agent, now) => agent.attached(endpoint, outcome, now),
          failed: (refusal) => (agent, now) => agent.attached(endpoint, { refusal }, now),
        });
      }
      case "inspect":
        return this.#then(dataplane.netnsInode(effect.netns), {
          done: (inode) => (agent, now) => agent.inspected(effect.endpoint, inode, now),
          failed: () => (agent, now) => agent.inspected(effect.endpoint, undefined, now),
        });
      default:
        return unreachable(effect);
    }
  }

  /** Makes an input of how a promise ends. */
  #then<Value>(
    promise: Promise<Value>,
    then: {
      readonly done: (value: Value) => (agent: Agent, now: Instant) => void;
      readonly failed: (refusal: Refusal) => (agent: Agent, now: Instant) => void;
    },
  ): void {
    promise.then(
      (value) => this.#input(then.done(value)),
      (error: unknown) => this.#input(then.failed(refusalOf(error))),
    );
  }
}

function settle<Value>(
  waiting: Map<number, (value: Value) => void>,
  ticket: number,
  value: Value,
): void {
  const resolve = waiting.get(ticket);
  waiting.delete(ticket);
  resolve?.(value);
}

function allFailed(ops: readonly DataplaneOp[], { message }: Refusal): OpFailure[] {
  return ops.map((op) => ({ op, reason: message }));
}

function selfOf({ host, underlay, version, uptimeMs }: StatusView): MemberView {
  return {
    id: host.id,
    name: host.name,
    isSelf: true,
    state: "joining",
    address: host.address,
    vtep: underlay.vtep,
    sinceMs: uptimeMs,
    rttMs: undefined,
    version,
  };
}

function refused(code: Refusal["code"], message: string): Answer {
  return { kind: "refused", refusal: { code, message } };
}

function refusalOf(error: unknown): Refusal {
  const code = error instanceof MeshError ? error.code : "INTERNAL";
  return { code, message: describeError(error) };
}
