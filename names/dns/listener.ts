/**
 * One address that is served: a UDP and a TCP socket, both or neither. The address may not be there
 * yet, or somebody may have its port: it is tried again until it works or is no longer wanted.
 */
import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { createServer, type Server, type Socket } from "node:net";
import { familyOf, type Ip } from "../../base/address.ts";
import { describeError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import type { Listening } from "../name-server.ts";
import { frame, Unframer } from "./frame.ts";
import { queryBytesAtMost } from "./packet.ts";

/** Times in milliseconds. */
export type ListenOptions = {
  readonly port: number;
  /** An address comes with its bridge, in tens of milliseconds: so often it is tried at first... */
  readonly eagerMs: number;
  /** ... and so often when it was tried for this long. */
  readonly retryMs: number;
  /** Connections of all askers of one address at once, and how long one may say nothing. */
  readonly connections: number;
  readonly idleMs: number;
  /** Questions of one connection that are not answered yet. */
  readonly pipelined: number;
};

type Options = ListenOptions & {
  readonly log: Log;
  /** The answer, or undefined where there is none to be given. */
  readonly answer: (packet: Buffer, from: string, isTcp: boolean) => Promise<Buffer | undefined>;
  readonly changed: () => void;
};

/** Both sockets of one address. */
export class Listener {
  readonly #address: Ip;
  readonly #options: Options;
  #udp: UdpSocket | undefined;
  #tcp: Server | undefined;
  readonly #connections = new Set<Socket>();
  #timer: NodeJS.Timeout | undefined;
  #fault: string | undefined = "not yet";
  #isClosed = false;
  #tries = 0;

  constructor(address: Ip, options: Options) {
    this.#address = address;
    this.#options = options;
  }

  get state(): Listening {
    return { address: this.#address, fault: this.#fault };
  }

  /** Begins to serve, as soon as that is possible. */
  open(): void {
    this.#openBoth().then(
      () => this.#settle(undefined),
      (error: unknown) => {
        this.#closeSockets();
        if (this.#isClosed) return;
        this.#retry(error);
      },
    );
  }

  /** Ends it at once. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#closeSockets();
  }

  async #openBoth(): Promise<void> {
    const [address, { port }] = [this.#address, this.#options];
    const udp = createSocket({ type: familyOf(address) === 4 ? "udp4" : "udp6" });
    this.#udp = udp;
    await new Promise<void>((resolve, reject) => {
      udp.once("error", reject);
      udp.bind({ address, port, exclusive: true }, resolve);
    });
    if (this.#isClosed) return this.#closeSockets();
    this.#serveUdp(udp);
    const tcp = createServer((socket) => this.#serveTcp(socket));
    tcp.maxConnections = this.#options.connections;
    this.#tcp = tcp;
    await new Promise<void>((resolve, reject) => {
      tcp.once("error", reject);
      tcp.listen({ host: address, port, exclusive: true }, resolve);
    });
    tcp.on("error", (error) => this.#broken(error));
    if (this.#isClosed) this.#closeSockets();
  }

  #serveUdp(udp: UdpSocket): void {
    udp.removeAllListeners("error");
    udp.on("error", (error) => this.#broken(error));
    udp.on("message", (packet, { address, port }) => {
      this.#reply(packet, address, false, (answer) => {
        // Who has gone meanwhile does not need it.
        if (answer !== undefined && this.#udp === udp)
          udp.send(answer, port, address, () => undefined);
      });
    });
  }

  #serveTcp(socket: Socket): void {
    const { idleMs, pipelined } = this.#options;
    const unframer = new Unframer(queryBytesAtMost);
    const from = socket.remoteAddress ?? "";
    let open = 0;
    this.#connections.add(socket);
    socket.setTimeout(idleMs, () => socket.destroy());
    socket.on("error", () => undefined);
    socket.on("close", () => this.#connections.delete(socket));
    socket.on("data", (chunk) => {
      const packets = unframer.take(chunk);
      open += packets?.length ?? 0;
      // Who asks without reading the answers is let go.
      if (packets === undefined || open > pipelined) return void socket.destroy();
      for (const packet of packets) {
        this.#reply(packet, from, true, (answer) => {
          open -= 1;
          if (answer === undefined) socket.destroy();
          else if (socket.writable) socket.write(frame(answer));
        });
      }
    });
  }

  #reply(
    packet: Buffer,
    from: string,
    isTcp: boolean,
    send: (answer: Buffer | undefined) => void,
  ): void {
    this.#options.answer(packet, from, isTcp).then(
      (answer) => send(answer),
      (error: unknown) => {
        this.#options.log.error("a question broke the name server", {
          address: this.#address,
          error: describeError(error),
        });
      },
    );
  }

  /** A socket that served and does no more: the interface may have gone. */
  #broken(error: Error): void {
    if (this.#isClosed || this.#fault !== undefined) return;
    this.#closeSockets();
    this.#retry(error);
  }

  #retry(error: unknown): void {
    this.#settle(faultOf(error));
    const { eagerMs, retryMs } = this.#options;
    this.#tries += 1;
    const ms = this.#tries * eagerMs < retryMs ? eagerMs : retryMs;
    this.#timer = setTimeout(() => this.open(), ms).unref();
  }

  #settle(fault: string | undefined): void {
    if (this.#isClosed || this.#fault === fault) return;
    if (fault === undefined) this.#tries = 0;
    this.#fault = fault;
    const { log } = this.#options;
    const address = this.#address;
    if (fault === undefined) log.info("names are served", { address });
    else log.debug("names are not served yet", { address, reason: fault });
    this.#options.changed();
  }

  #closeSockets(): void {
    this.#udp?.close();
    this.#tcp?.close();
    for (const socket of this.#connections) socket.destroy();
    this.#udp = undefined;
    this.#tcp = undefined;
  }
}

function faultOf(error: unknown): string {
  const { code } = error as { readonly code?: unknown };
  if (code === "EADDRNOTAVAIL") return "the kernel does not have the address yet";
  if (code === "EADDRINUSE")
    return "another program has its port 53, perhaps on all addresses, as dnsmasq does: have it listen elsewhere";
  if (code === "EACCES") return "the agent needs CAP_NET_BIND_SERVICE for port 53";
  return describeError(error);
}
