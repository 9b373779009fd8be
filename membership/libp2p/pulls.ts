/**
 * Bulk transfers: one stream each, one request, then frames as fast as the asking side takes them.
 *
 *   0 | frame      the next page
 *   1 | reason     the end; an empty reason says that all is there
 *
 * A stream that ends without the end frame was cut short, however politely it was closed.
 */
import type { Connection, Stream } from "@libp2p/interface";
import { messageStreamToDuplex } from "@libp2p/utils";
import { decode, encode } from "it-length-prefixed";
import { pipe } from "it-pipe";
import { concatBytes } from "../../base/bytes.ts";
import type { HostId } from "../../base/id.ts";
import type { Pull, TransportHandler } from "../transport.ts";
import type { TransportLimits } from "./limits.ts";
import { errorText } from "./reason.ts";
import { Watchdog } from "./watchdog.ts";

/** The stream of one bulk transfer. */
export const pullProtocol = "/starling/sync/1";

/** Who makes and takes the pages, and the connections of linked hosts. */
export type PullsOptions = {
  readonly handler: TransportHandler;
  readonly limits: TransportLimits;
  readonly connectionOf: (host: HostId) => Connection | undefined;
};

/** What libp2p gives us to read: one piece of memory, or a list of them. */
type Chunk = { subarray(): Uint8Array };

const pageMark = 0;
const endMark = 1;
/** An end frame's reason and marks. */
const overheadBytes = 512;

/** Bulk transfers, asked and served. */
export class Pulls {
  readonly #options: PullsOptions;
  #served = 0;

  constructor(options: PullsOptions) {
    this.#options = options;
  }

  /** Asks, and tells the handler what comes. */
  async pull({ id, from, request }: Pull): Promise<void> {
    const { handler, connectionOf } = this.#options;
    const connection = connectionOf(from);
    const reason =
      connection === undefined
        ? await Promise.resolve("no link with this host")
        : await this.#ask(connection, request, (page) => handler.pulled(id, page));
    handler.pullEnded(id, reason);
  }

  /** Answers a peer's pull. */
  async serve(stream: Stream, from: HostId): Promise<void> {
    const isBusy = this.#served >= this.#options.limits.pullsServed;
    this.#served += 1;
    using watchdog = new Watchdog(stream, this.#options.limits.stallMs);
    try {
      const duplex = messageStreamToDuplex(stream);
      await pipe(
        duplex,
        (source) => decode(source, { maxDataLength: this.#options.limits.messageBytes }),
        (source) => (isBusy ? busy() : this.#answers(source, from, watchdog)),
        (source) => encode(source),
        duplex,
      );
    } catch (error) {
      stream.abort(new Error(errorText(error)));
    } finally {
      this.#served -= 1;
    }
  }

  /** Resolves with why the transfer ended early, or with undefined where it is complete. */
  async #ask(
    connection: Connection,
    request: Uint8Array,
    take: (page: Uint8Array) => void,
  ): Promise<string | undefined> {
    const { pageBytes, messageBytes, stallMs } = this.#options.limits;
    const maxDataLength = Math.max(pageBytes, messageBytes) + overheadBytes;
    let stream: Stream | undefined;
    try {
      const signal = AbortSignal.timeout(stallMs);
      stream = await connection.newStream(pullProtocol, { signal });
      using watchdog = new Watchdog(stream, stallMs);
      const ending = await pipe(
        [request],
        (source) => encode(source),
        messageStreamToDuplex(stream),
        (source) => decode(source, { maxDataLength }),
        (source) => takePages(source, take, watchdog),
      );
      if (ending === undefined) throw new Error("it was cut short");
      return ending === "" ? undefined : ending;
    } catch (error) {
      const reason = errorText(error);
      stream?.abort(new Error(reason));
      return reason;
    }
  }

  async *#answers(source: AsyncIterable<Chunk>, from: HostId, watchdog: Watchdog) {
    const request = await firstOf(source);
    if (request === undefined) throw new Error("no request");
    for (const page of this.#options.handler.serve(from, request)) {
      watchdog.progress();
      yield concatBytes([Uint8Array.of(pageMark), page]);
    }
    yield endFrame("");
  }
}

async function* busy() {
  yield endFrame("the host serves as many transfers as it may; try again");
}

function endFrame(reason: string): Uint8Array {
  return concatBytes([Uint8Array.of(endMark), new TextEncoder().encode(reason)]);
}

async function takePages(
  source: AsyncIterable<Chunk>,
  take: (page: Uint8Array) => void,
  watchdog: Watchdog,
): Promise<string | undefined> {
  for await (const chunk of source) {
    watchdog.progress();
    const frame = chunk.subarray();
    if (frame[0] === endMark) return new TextDecoder().decode(frame.subarray(1));
    if (frame[0] !== pageMark) throw new Error("it sent a malformed frame");
    take(new Uint8Array(frame.subarray(1)));
  }
  return undefined;
}

async function firstOf(source: AsyncIterable<Chunk>): Promise<Uint8Array | undefined> {
  for await (const chunk of source) return new Uint8Array(chunk.subarray());
  return undefined;
}
