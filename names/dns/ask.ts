/**
 * One question to one resolver. The socket is new, so that its port is one of 28,000 that nobody
 * can guess, and connected, so that the kernel takes packets from that resolver alone (RFC 5452).
 */
import { randomInt } from "node:crypto";
import { createSocket } from "node:dgram";
import { connect } from "node:net";
import { familyOf, type Ip } from "../../base/address.ts";
import { frame, Unframer } from "./frame.ts";
import { isAnswerTo } from "./packet.ts";

/** Whom to ask what, and for how long to wait. */
export type Ask = {
  readonly server: Ip;
  readonly port: number;
  readonly query: Buffer;
  readonly questionEnd: number;
  readonly isTcp: boolean;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
};

/** The answer, or undefined where there is none in time. Never rejects. */
export async function ask(wish: Ask): Promise<Buffer | undefined> {
  if (wish.signal.aborted) return undefined;
  const query = Buffer.from(wish.query);
  query.writeUInt16BE(randomInt(65_536), 0);
  const signal = AbortSignal.any([wish.signal, AbortSignal.timeout(wish.timeoutMs)]);
  return wish.isTcp
    ? askOverTcp({ ...wish, query, signal })
    : askOverUdp({ ...wish, query, signal });
}

function askOverUdp({
  server,
  port,
  query,
  questionEnd,
  signal,
}: Ask): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket({ type: familyOf(server) === 4 ? "udp4" : "udp6", signal });
    // Time is up, or we are.
    socket.on("close", () => {
      isOpen = false;
      resolve(undefined);
    });
    let isOpen = true;
    const end = (answer: Buffer | undefined): void => {
      resolve(answer);
      if (isOpen) socket.close();
      isOpen = false;
    };
    // Nobody listens there, or there is no way there.
    socket.on("error", () => end(undefined));
    socket.on("message", (response) => {
      if (!isAnswerTo(query, questionEnd, response)) return;
      socket.removeAllListeners("message");
      end(response);
    });
    // As an event: a callback would be called for a connection that failed as well.
    socket.once("connect", () => socket.send(query, () => undefined));
    socket.connect(port, server);
  });
}

function askOverTcp({
  server,
  port,
  query,
  questionEnd,
  signal,
}: Ask): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: server, port, signal });
    const unframer = new Unframer(65_535);
    const end = (answer: Buffer | undefined): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.on("error", () => end(undefined));
    socket.on("close", () => end(undefined));
    socket.on("connect", () => socket.write(frame(query)));
    socket.on("data", (chunk) => {
      const responses = unframer.take(chunk);
      if (responses === undefined) return end(undefined);
      const answer = responses.find((response) => isAnswerTo(query, questionEnd, response));
      if (answer !== undefined) end(answer);
    });
  });
}
