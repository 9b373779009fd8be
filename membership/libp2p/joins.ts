/** The one thing a stranger may say: a question of one frame, and its answer. */
import type { Connection, Stream } from "@libp2p/interface";
import { lpStream } from "@libp2p/utils";
import { describeError, MeshError } from "../../base/errors.ts";
import { type HostId, parseHostId } from "../../base/id.ts";
import type { Log } from "../../base/log.ts";
import { joinBytes } from "../join.ts";
import type { TransportHandler } from "../transport.ts";
import type { TransportLimits } from "./limits.ts";
import { errorText } from "./reason.ts";

/** The stream of one request to join. */
export const joinProtocol = "/starling/join/1";

/** Who answers requests, and how many at once. */
export type JoinsOptions = {
  readonly handler: TransportHandler;
  readonly limits: TransportLimits;
  readonly log: Log;
};

/** For the last words to leave before the connection closes. */
const farewellMs = 250;
const frameLimits = { maxDataLength: joinBytes, maxBufferSize: 4 * joinBytes };

/** Requests to join, asked and answered. */
export class Joins {
  readonly #options: JoinsOptions;
  #served = 0;

  constructor(options: JoinsOptions) {
    this.#options = options;
  }

  /** Answers a request to join. */
  async serve(stream: Stream, connection: Connection): Promise<void> {
    const { limits, log } = this.#options;
    const from = parseHostId(connection.remotePeer.toString());
    if (from === undefined || this.#served >= limits.joinsServed) {
      return stream.abort(new Error("too many requests to join"));
    }
    this.#served += 1;
    try {
      await this.#answer(stream, from);
    } catch (error) {
      log.debug("request to join failed", { host: from, reason: errorText(error) });
      stream.abort(new Error("no answer"));
    } finally {
      this.#served -= 1;
    }
  }

  async #answer(stream: Stream, from: HostId): Promise<void> {
    const { limits } = this.#options;
    const signal = AbortSignal.timeout(limits.joinMs);
    const frames = lpStream(stream, { ...frameLimits });
    const request = new Uint8Array((await frames.read({ signal })).subarray());
    const answer = await within(this.#ask(from, request), signal);
    await frames.write(answer, { signal });
    await stream.close({ signal });
  }

  async #ask(from: HostId, request: Uint8Array): Promise<Uint8Array> {
    const { handler, log } = this.#options;
    try {
      return await handler.joinRequested(from, request);
    } catch (error) {
      log.warn("request to join not answered", { host: from, error: describeError(error) });
      throw error;
    }
  }

  /** Asks on a connection dialled for it. Throws a MeshError: AGENT_UNREACHABLE. */
  async ask(connection: Connection, request: Uint8Array, address: string): Promise<Uint8Array> {
    const signal = AbortSignal.timeout(this.#options.limits.joinMs);
    try {
      const stream = await connection.newStream(joinProtocol, { signal });
      const frames = lpStream(stream, { ...frameLimits });
      await frames.write(request, { signal });
      const answer = new Uint8Array((await frames.read({ signal })).subarray());
      await stream.close({ signal });
      return answer;
    } catch (error) {
      const cause = new Error(errorText(error));
      const message = `${address} did not answer our request to join; is it a member, and idle?`;
      throw new MeshError("AGENT_UNREACHABLE", message, { cause });
    } finally {
      connection.close({ signal: AbortSignal.timeout(farewellMs) }).catch(() => {
        connection.abort(new Error("closed"));
      });
    }
  }
}

/** What the promise resolves with, unless the signal ends the wait. */
function within<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> {
  return new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    promise.then(resolve, reject);
  });
}
