import { describeError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import type { TransportHandler } from "../transport.ts";

/**
 * The handler as the adapter calls it: not at all once the transport closes, and with its bugs
 * caught. What a peer sends must not end the process, whatever it uncovers.
 */
export function guardHandler(
  handler: TransportHandler,
  closing: AbortSignal,
  log: Log,
): TransportHandler {
  const guard = <Value>(kind: string, otherwise: Value, call: () => Value): Value => {
    if (closing.aborted) return otherwise;
    try {
      return call();
    } catch (error) {
      log.error("handler failed", { kind, error: describeError(error) });
      return otherwise;
    }
  };
  const bug = "it failed while judging our hello";
  return {
    hello: () => guard("hello", undefined, () => handler.hello()),
    refusal: (peer, hello) => guard("refusal", bug, () => handler.refusal(peer, hello)),
    linkUp: (link) => guard("linkUp", undefined, () => handler.linkUp(link)),
    linkDown: (host, reason) => guard("linkDown", undefined, () => handler.linkDown(host, reason)),
    dialFailed: (address, reason) =>
      guard("dialFailed", undefined, () => handler.dialFailed(address, reason)),
    received: (from, message) =>
      guard("received", undefined, () => handler.received(from, message)),
    gossiped: (from, message) =>
      guard("gossiped", "ignore" as const, () => handler.gossiped(from, message)),
    serve: (from, request) =>
      reported(
        guard("serve", [], () => handler.serve(from, request)),
        log,
      ),
    pulled: (id, frame) => guard("pulled", undefined, () => handler.pulled(id, frame)),
    pullEnded: (id, reason) => guard("pullEnded", undefined, () => handler.pullEnded(id, reason)),
    joinRequested: async (from, request) => {
      if (closing.aborted) throw new Error("this host is stopping");
      return handler.joinRequested(from, request);
    },
  };
}

/** The same pages; one that cannot be made ends the transfer. */
function* reported(pages: Iterable<Uint8Array>, log: Log): Iterable<Uint8Array> {
  try {
    yield* pages;
  } catch (error) {
    log.error("handler failed", { kind: "serve", error: describeError(error) });
    throw error;
  }
}
