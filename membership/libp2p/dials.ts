import type { Connection, Stream } from "@libp2p/interface";
import type { Multiaddr } from "@multiformats/multiaddr";
import { MeshError } from "../../base/errors.ts";
import type { TransportHandler } from "../transport.ts";
import { parsePlace, resolvePlace } from "./address.ts";
import { Deadline } from "./deadline.ts";
import type { TransportLimits } from "./limits.ts";
import { type DialFault, dialFault } from "./reason.ts";

/** The stream that carries a link. */
export const linkProtocol = "/starling/link/1";

/** What a dial needs: how to connect, and what to do with a connection. */
export type DialsOptions = {
  readonly handler: TransportHandler;
  readonly limits: TransportLimits;
  /**
   * The port of an address that names none: our own, since all hosts may have one configuration.
   */
  readonly defaultPort: () => number;
  readonly dial: (address: Multiaddr, signal: AbortSignal) => Promise<Connection>;
  readonly greet: (
    stream: Stream,
    connection: Connection,
    withinMs: number,
  ) => Promise<string | undefined>;
  /** Aborted when the transport closes. */
  readonly closing: AbortSignal;
};

const crowded = Promise.resolve("as many dials run as may");

/**
 * Connections we open. Each dial ends in one `linkUp` or one `dialFailed`, within the time of a
 * dial.
 */
export class Dials {
  readonly #options: DialsOptions;
  readonly #running = new Set<string>();

  constructor(options: DialsOptions) {
    this.#options = options;
  }

  /** Dials for a link. While it runs, further dials of the same address have the same outcome. */
  async dial(address: string): Promise<void> {
    const { handler, limits } = this.#options;
    if (this.#running.has(address)) return;
    const isCrowded = this.#running.size >= limits.connections;
    this.#running.add(address);
    try {
      // Nothing is told before the caller has ended its call, not even this.
      const failure = await (isCrowded ? crowded : this.#link(address));
      if (failure !== undefined) handler.dialFailed(address, failure);
    } finally {
      this.#running.delete(address);
    }
  }

  /**
   * A connection of its own. Throws a MeshError: TOKEN_REFUSED where that is another cluster,
   * AGENT_UNREACHABLE.
   */
  async connect(address: string): Promise<Connection> {
    using deadline = this.#deadline();
    const outcome = await this.#connect(address, deadline.signal);
    if ("connection" in outcome) return outcome.connection;
    const { kind, reason } = outcome;
    const code = kind === "cluster" ? "TOKEN_REFUSED" : "AGENT_UNREACHABLE";
    throw new MeshError(code, `cannot join at ${address}: ${reason}`);
  }

  async #link(address: string): Promise<string | undefined> {
    using deadline = this.#deadline();
    const { signal } = deadline;
    const outcome = await this.#connect(address, signal);
    if (!("connection" in outcome)) return outcome.reason;
    const { connection } = outcome;
    try {
      const stream = await connection.newStream(linkProtocol, { signal });
      return await this.#options.greet(stream, connection, deadline.leftMs);
    } catch (error) {
      connection.abort(new Error("no link"));
      return dialFault(error).reason;
    }
  }

  async #connect(
    address: string,
    signal: AbortSignal,
  ): Promise<{ readonly connection: Connection } | DialFault> {
    const place = parsePlace(address, this.#options.defaultPort());
    if (place === undefined) {
      return { kind: "other", reason: "that is no host, host:port or multiaddr" };
    }
    let fault: DialFault = { kind: "silent", reason: "its name has no address" };
    try {
      for (const target of await raced(resolvePlace(place), signal)) {
        try {
          return { connection: await this.#options.dial(target, signal) };
        } catch (error) {
          fault = dialFault(error);
        }
      }
    } catch (error) {
      fault = dialFault(error);
    }
    return fault;
  }

  #deadline(): Deadline {
    return new Deadline(this.#options.limits.dialMs, this.#options.closing);
  }
}

/** The system's resolver cannot be stopped, only no longer waited for. */
function raced<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> {
  return new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    promise.then(resolve, reject);
  });
}
