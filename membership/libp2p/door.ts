/**
 * Who may stand at the door, and how long. Everybody who knows the cluster's id can shake hands
 * with us, so those who have no link are counted by address, and sent away when their time is over.
 */
import type { Connection, ConnectionGater, MultiaddrConnection } from "@libp2p/interface";
import type { Multiaddr } from "@multiformats/multiaddr";
import { type HostId, parseHostId } from "../../base/id.ts";
import { addressText } from "./address.ts";
import type { TransportLimits } from "./limits.ts";
import { placeOf, WaitingRoom } from "./waiting-room.ts";

/** Counts and times the hosts that are connected and have no link. */
export class Door {
  readonly #limits: TransportLimits;
  readonly #isLinked: (host: HostId, connection: Connection) => boolean;
  readonly #room: WaitingRoom<MultiaddrConnection>;
  readonly #timers = new Map<Connection, NodeJS.Timeout>();

  constructor(
    limits: TransportLimits,
    isLinked: (host: HostId, connection: Connection) => boolean,
  ) {
    this.#limits = limits;
    this.#isLinked = isLinked;
    this.#room = new WaitingRoom(limits.pendingConnections);
  }

  readonly gater: ConnectionGater = {
    denyInboundConnection: (connection) => !this.#comesIn(connection),
    denyInboundEncryptedConnection: (peer) => parseHostId(peer.toString()) === undefined,
    denyOutboundEncryptedConnection: (peer) => parseHostId(peer.toString()) === undefined,
  };

  /**
   * A stranger has shaken hands: it has as long as a link and a request to join may take together.
   */
  opened(connection: Connection): void {
    if (connection.direction !== "inbound") return;
    const { dialMs, joinMs } = this.#limits;
    const timer = setTimeout(() => this.#timeIsOver(connection), dialMs + joinMs);
    this.#timers.set(connection, timer);
    connection.addEventListener("close", () => this.#forget(connection), { once: true });
  }

  /** It has a link: it no longer counts, and who comes from there is let in before strangers. */
  admitted(connection: Connection): void {
    this.#forget(connection);
    const address = addressText(connection.remoteAddr);
    this.#room.leave(address);
    this.#room.expect(placeOf(address));
  }

  /** We dial members only, and strangers never: who dials us from there is let in before others. */
  dialled(address: Multiaddr): void {
    this.#room.expect(placeOf(addressText(address)));
  }

  close(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }

  #comesIn(connection: MultiaddrConnection): boolean {
    const address = addressText(connection.remoteAddr);
    const { isIn, givesWay } = this.#room.enter(address, connection);
    givesWay?.abort(new Error("others wait as well"));
    if (isIn) connection.addEventListener("close", () => this.#room.leave(address), { once: true });
    return isIn;
  }

  #timeIsOver(connection: Connection): void {
    const host = parseHostId(connection.remotePeer.toString());
    this.#timers.delete(connection);
    if (host !== undefined && this.#isLinked(host, connection)) return;
    connection.abort(new Error("neither a link nor a request to join in time"));
  }

  #forget(connection: Connection): void {
    clearTimeout(this.#timers.get(connection));
    this.#timers.delete(connection);
  }
}
