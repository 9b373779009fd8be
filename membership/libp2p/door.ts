/**
 * Who may stand at the door, and how long. Everybody who knows the cluster's id can shake hands
 * with us, so those who have no link are counted by address, and sent away when their time is over.
 */
import type { Connection, ConnectionGater, MultiaddrConnection } from "@libp2p/interface";
import { type HostId, parseHostId } from "../../base/id.ts";
import { addressText } from "./address.ts";
import type { TransportLimits } from "./limits.ts";

/** No address may keep all others out. */
const shareOfOneAddress = 1 / 4;

/** Counts and times the hosts that are connected and have no link. */
export class Door {
  readonly #limits: TransportLimits;
  readonly #isLinked: (host: HostId, connection: Connection) => boolean;
  /** Strangers' ends of connections, by their host part. */
  readonly #waiting = new Map<string, Set<string>>();
  readonly #timers = new Map<Connection, NodeJS.Timeout>();

  constructor(
    limits: TransportLimits,
    isLinked: (host: HostId, connection: Connection) => boolean,
  ) {
    this.#limits = limits;
    this.#isLinked = isLinked;
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

  /** It has a link: it no longer counts. */
  admitted(connection: Connection): void {
    this.#forget(connection);
    this.#leaves(addressText(connection.remoteAddr));
  }

  close(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }

  #comesIn(connection: MultiaddrConnection): boolean {
    const address = addressText(connection.remoteAddr);
    const same = this.#waiting.get(hostPart(address)) ?? new Set();
    if (same.size >= this.#limits.pendingConnections * shareOfOneAddress) return false;
    this.#waiting.set(hostPart(address), same.add(address));
    connection.addEventListener("close", () => this.#leaves(address), { once: true });
    return true;
  }

  #leaves(address: string): void {
    const same = this.#waiting.get(hostPart(address));
    same?.delete(address);
    if (same?.size === 0) this.#waiting.delete(hostPart(address));
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

function hostPart(address: string): string {
  return address.slice(0, address.lastIndexOf(":"));
}
