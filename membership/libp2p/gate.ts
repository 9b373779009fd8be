/**
 * What keeps strangers from our protocols. A host is admitted while its link is up, on the
 * connection of that link and on no other. gossipsub and bulk transfers get a registrar through
 * which they see admitted hosts only: a stream of anybody else is reset before a byte of it is
 * read, and gossipsub hears of a host when its link comes up.
 */
import type { Connection, Stream, StreamHandler, Topology } from "@libp2p/interface";
import type { HostId } from "../../base/id.ts";
import type { Registrar } from "./node.ts";
import { renewByHalves } from "./window.ts";

type Admission = { readonly connection: Connection; readonly gossipTimer: NodeJS.Timeout };

/** Whom gossipsub and bulk transfers may meet. */
export class Gate {
  readonly #gossipMs: number;
  readonly #broken: (connection: Connection, reason: string) => void;
  readonly #admitted = new Map<HostId, Admission>();
  readonly #topologies = new Map<string, Topology>();
  #registered = 0;

  /**
   * Without gossip from a linked host for `gossipMs` after its link came up, or once it ends, the
   * link is `broken`.
   */
  constructor(gossipMs: number, broken: (connection: Connection, reason: string) => void) {
    this.#gossipMs = gossipMs;
    this.#broken = broken;
  }

  connectionOf(host: HostId): Connection | undefined {
    return this.#admitted.get(host)?.connection;
  }

  admit(host: HostId, connection: Connection): void {
    const gossipTimer = setTimeout(
      () => this.#broken(connection, "it opens no gossip stream"),
      this.#gossipMs,
    );
    this.#admitted.set(host, { connection, gossipTimer });
    for (const topology of this.#distinct()) {
      topology.onConnect?.(connection.remotePeer, connection);
    }
  }

  withdraw(host: HostId): void {
    const admission = this.#admitted.get(host);
    if (admission === undefined) return;
    clearTimeout(admission.gossipTimer);
    this.#admitted.delete(host);
    for (const topology of this.#distinct())
      topology.onDisconnect?.(admission.connection.remotePeer);
  }

  /** A handler that only meets streams of admitted hosts. */
  guarded(handler: StreamHandler): StreamHandler {
    return (stream, connection) => {
      if (this.#admissionOf(connection) !== undefined) return handler(stream, connection);
      stream.abort(new Error("no link with this host"));
    };
  }

  /** The registrar that gossipsub gets. */
  guardGossip(registrar: Registrar): Registrar {
    return {
      getProtocols: () => registrar.getProtocols(),
      getHandler: (protocol) => registrar.getHandler(protocol),
      getMiddleware: (protocol) => registrar.getMiddleware(protocol),
      use: (protocol, middleware) => registrar.use(protocol, middleware),
      unuse: (protocol) => registrar.unuse(protocol),
      handle: (protocol, handler, options) =>
        registrar.handle(protocol, this.guarded(this.#watched(handler)), options),
      unhandle: (protocol, options) => registrar.unhandle(protocol, options),
      register: async (_protocol, topology) => this.#register(topology),
      unregister: (id) => void this.#topologies.delete(id),
      getTopologies: () => this.#distinct(),
    };
  }

  /**
   * gossipsub opens its stream to a host once and never again. So a stream that is missing or has
   * ended would leave a link that looks well and gossips in one direction; a new link opens a new
   * one.
   */
  #watched(handler: StreamHandler): StreamHandler {
    return (stream, connection) => {
      clearTimeout(this.#admissionOf(connection)?.gossipTimer);
      renewByHalves(stream);
      onceOver(stream, () => this.#broken(connection, "its gossip stream ended"));
      return handler(stream, connection);
    };
  }

  #admissionOf(connection: Connection): Admission | undefined {
    return [...this.#admitted.values()].find((admission) => admission.connection === connection);
  }

  #register(topology: Topology): string {
    this.#registered += 1;
    const id = `${this.#registered}`;
    this.#topologies.set(id, topology);
    return id;
  }

  /** gossipsub registers one topology once for each version of its protocol. */
  #distinct(): Topology[] {
    return [...new Set(this.#topologies.values())];
  }
}

/**
 * Told after the events of other streams that end at the same moment, such as that of the link
 * itself.
 */
function onceOver(stream: Stream, over: () => void): void {
  const told = () => queueMicrotask(over);
  stream.addEventListener("remoteCloseWrite", told, { once: true });
  stream.addEventListener("close", told, { once: true });
}
