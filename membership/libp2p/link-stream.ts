import type { Connection, Stream, StreamCloseEvent, StreamMessageEvent } from "@libp2p/interface";
import { LengthPrefixedDecoder } from "@libp2p/utils";
import { encode } from "it-length-prefixed";
import { type Control, decodeFrame, encodeControl, encodeMessage, greetingBytes } from "./frame.ts";
import type { TransportLimits } from "./limits.ts";
import { errorText } from "./reason.ts";
import { renewByHalves } from "./window.ts";

/** What a link's stream tells its table. */
export type LinkStreamEvents = {
  readonly heard: (control: Control) => void;
  readonly received: (message: Uint8Array) => void;
  /** Told at most once, and never from inside a call of ours. */
  readonly failed: (reason: string) => void;
};

/**
 * Frames on the stream of one link. What is heard is handled before more is read, so nothing queues
 * up on our side.
 */
export class LinkStream {
  readonly connection: Connection;
  readonly #stream: Stream;
  readonly #limits: TransportLimits;
  readonly #decoder: LengthPrefixedDecoder;
  #isGreeting = true;
  #greeted = 0;
  #isOver = false;

  constructor(stream: Stream, connection: Connection, limits: TransportLimits) {
    this.connection = connection;
    this.#stream = stream;
    renewByHalves(stream);
    this.#limits = limits;
    // A chunk is at most a window, and what it completes at most a message.
    const maxBufferSize = 4 * 1024 * 1024 + limits.messageBytes;
    this.#decoder = new LengthPrefixedDecoder({
      maxDataLength: limits.messageBytes + 1,
      maxBufferSize,
    });
  }

  listen(events: LinkStreamEvents): void {
    this.#stream.addEventListener("message", (event) => this.#take(event, events));
    this.#stream.addEventListener("remoteCloseWrite", () =>
      this.#fail("the host closed it", events),
    );
    this.#stream.addEventListener("close", (event) => this.#fail(closeReason(event), events));
  }

  /** From here on frames may be as large as messages are. */
  greetingOver(): void {
    this.#isGreeting = false;
  }

  say(control: Control): void {
    this.#write(encodeControl(control));
  }

  /** False where the peer has not read for so long that no more may wait for it. */
  send(message: Uint8Array): boolean {
    const waiting = this.#stream.writeBufferLength + message.length;
    if (waiting > this.#limits.sendQueueBytes) return false;
    this.#write(encodeMessage(message));
    return true;
  }

  /** Lets what was said arrive, if the peer reads, and closes the connection. */
  close(waitMs: number): void {
    this.#isOver = true;
    const signal = AbortSignal.timeout(waitMs);
    this.connection.close({ signal }).catch(() => this.abort("closed"));
  }

  abort(reason: string): void {
    this.#isOver = true;
    this.connection.abort(new Error(reason));
  }

  #write(frame: Uint8Array): void {
    try {
      this.#stream.send(encode.single(frame));
    } catch {
      // The stream has just ended, which its close event reports.
    }
  }

  #take(event: StreamMessageEvent, events: LinkStreamEvents): void {
    try {
      for (const bytes of this.#decoder.decode(event.data)) {
        if (this.#isOver) return;
        this.#hand(bytes.subarray(), events);
      }
    } catch (error) {
      this.#fail(`it sent a malformed frame: ${errorText(error)}`, events);
    }
    if (this.#isGreeting) this.#greeted += event.data.byteLength;
    if (this.#isGreeting && this.#greeted > greetingBytes) {
      this.#fail("its greeting is too long", events);
    }
  }

  #hand(bytes: Uint8Array, events: LinkStreamEvents): void {
    const frame = decodeFrame(bytes);
    if (frame === undefined) this.#fail("it sent a malformed frame", events);
    else if (frame.kind === "control") events.heard(frame.control);
    else events.received(frame.message);
  }

  #fail(reason: string, events: LinkStreamEvents): void {
    if (this.#isOver) return;
    this.#isOver = true;
    queueMicrotask(() => events.failed(reason));
  }
}

function closeReason(event: StreamCloseEvent): string {
  return event.error === undefined ? "connection lost" : errorText(event.error);
}
