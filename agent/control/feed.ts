/** Server-sent events: every change, to whoever holds the connection open. */
import type { ServerResponse } from "node:http";
import type { Desk } from "../command.ts";

/** What a feed may take. */
export type FeedLimits = {
  /** Bytes that may wait for one reader. Past it the reader is dropped; it may come back. */
  readonly watchBytes: number;
};

/** Without a word for this long, a reader cannot tell a quiet agent from one that hangs. */
const heartbeatMs = 15_000;

/** Tells of every change from now on, until the reader goes or `closing` aborts. */
export function startFeed(
  desk: Desk,
  response: ServerResponse,
  { limits, closing }: { readonly limits: FeedLimits; readonly closing: AbortSignal },
): void {
  const say = (text: string) => {
    response.write(text);
    if (response.writableLength > limits.watchBytes) response.destroy();
  };
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  const stop = desk.watch((event) => say(`data: ${JSON.stringify(event)}\n\n`));
  // Whoever reads this has missed nothing since.
  say("event: ready\ndata: {}\n\n");
  const heartbeat = setInterval(() => say(": alive\n\n"), heartbeatMs);
  const end = () => response.end();
  closing.addEventListener("abort", end, { once: true });
  response.once("close", () => {
    closing.removeEventListener("abort", end);
    clearInterval(heartbeat);
    stop();
  });
  if (closing.aborted) end();
}
