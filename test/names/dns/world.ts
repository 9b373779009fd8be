/** A name server on loopback addresses, whom it asks, and who asks it. */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { connect } from "node:net";
import * as dns from "dns-packet";
import type { Ip } from "../../../base/address.ts";
import { frame, Unframer } from "../../../names/dns/frame.ts";
import { openNameServer, type ServerOptions } from "../../../names/dns/server.ts";
import type { Oracle, Query, ServerReport } from "../../../names/name-server.ts";
import type { Reply } from "../../../names/record.ts";
import { silentLog } from "../../agent/samples.ts";
import { ip } from "../world.ts";

export const gateway = ip("127.0.0.53");
export const forwards: Reply = { kind: "forward" };

/** The agent, as far as the server sees it: answers by a function and keeps what it hears. */
export class Script implements Oracle {
  answer: (query: Query) => Reply;
  report: ServerReport = { listening: [], upstreams: [] };
  readonly heard: Query[] = [];
  #told: (() => void)[] = [];

  constructor(answer: (query: Query) => Reply) {
    this.answer = answer;
  }

  resolve(query: Query): Reply {
    this.heard.push(query);
    return this.answer(query);
  }

  serving(report: ServerReport): void {
    this.report = report;
    for (const told of this.#told.splice(0)) told();
  }

  /** Resolves as soon as the report is so. */
  async until(isSo: (report: ServerReport) => boolean): Promise<void> {
    while (!isSo(this.report)) await new Promise<void>((resolve) => this.#told.push(resolve));
  }
}

export type Changes = {
  readonly [Part in "listen" | "quota" | "forward"]?: Partial<ServerOptions[Part]>;
} & Partial<Pick<ServerOptions, "resolvConf" | "upstreams">>;

/** A port that nobody has, on any address. */
export async function freePort(): Promise<number> {
  const socket = createSocket("udp4").bind(0, "0.0.0.0");
  await once(socket, "listening");
  const { port } = socket.address();
  socket.close();
  return port;
}

export function options(oracle: Oracle, port: number, changes: Changes = {}): ServerOptions {
  const listen = { port, eagerMs: 5, retryMs: 20, connections: 4, idleMs: 5_000, pipelined: 8 };
  const quota = { perSecond: 10_000, burst: 10_000, askers: 16 };
  const forward = { port: port + 1, askMs: 200, asks: 3, openAtMost: 16, openPerAsker: 8 };
  return {
    oracle,
    log: silentLog,
    resolvConf: "/nonexistent",
    upstreams: [ip("127.0.0.1")],
    ...changes,
    listen: { ...listen, ...changes.listen },
    quota: { ...quota, ...changes.quota },
    forward: { ...forward, ...changes.forward },
  };
}

/** A server that serves, and what it asks. */
export async function serve(answer: (query: Query) => Reply, changes: Changes = {}) {
  const port = await freePort();
  const oracle = new Script(answer);
  const server = openNameServer(options(oracle, port, changes));
  server.listen([gateway]);
  await oracle.until(
    ({ listening }) => listening[0] !== undefined && listening[0].fault === undefined,
  );
  return { oracle, port, server, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

export function question(name: string, type = "A", more: Partial<dns.Packet> = {}): Buffer {
  const questions = [{ name, type: type as dns.RecordType }];
  return dns.encode({ type: "query", id: 4711, flags: dns.RECURSION_DESIRED, questions, ...more });
}

export const bigger: dns.Answer = {
  type: "OPT",
  name: ".",
  udpPayloadSize: 4_096,
  extendedRcode: 0,
  ednsVersion: 0,
  flags: 0,
  flag_do: false,
  options: [],
};

/** Sends packets from one socket, and returns the first packet that comes back. */
export async function askUdp(port: number, ...packets: Buffer[]): Promise<Buffer> {
  const socket = createSocket("udp4");
  for (const packet of packets) socket.send(packet, port, gateway);
  const [answer] = (await once(socket, "message")) as [Buffer];
  socket.close();
  return answer;
}

export async function askTcp(port: number, packet: Buffer): Promise<Buffer> {
  const socket = connect(port, gateway);
  const unframer = new Unframer(65_535);
  try {
    socket.write(frame(packet));
    for await (const chunk of socket) {
      const [answer] = unframer.take(chunk as Buffer) ?? [];
      if (answer !== undefined) return answer;
    }
    throw new Error("closed without an answer");
  } finally {
    socket.destroy();
  }
}

/** Another resolver, at 127.0.0.1 behind the server's port. */
export async function upstream(
  port: number,
  answer: (query: Buffer) => readonly Buffer[],
  address: Ip = ip("127.0.0.1"),
): Promise<Socket & { readonly asked: Buffer[] }> {
  const asked: Buffer[] = [];
  const socket = createSocket("udp4").bind(port + 1, address);
  socket.on("message", (query, from) => {
    asked.push(query);
    for (const response of answer(query)) socket.send(response, from.port, from.address);
  });
  await once(socket, "listening");
  return Object.assign(socket, { asked });
}

/** A resolver's answer: an address for the question. */
export function response(query: Buffer, address: string, code = 0): Buffer {
  const { id = 0, questions = [] } = dns.decode(query);
  const [{ name } = { name: "" }] = questions;
  const answers: dns.Answer[] = code === 0 ? [{ name, type: "A", ttl: 60, data: address }] : [];
  return dns.encode({ type: "response", id, flags: code, questions, answers });
}
