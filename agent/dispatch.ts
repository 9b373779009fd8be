/** What each message means to the machines, by who says it and who brings it. */
import { unreachable } from "../base/assert.ts";
import type { HostId } from "../base/id.ts";
import type { Instant } from "../base/time.ts";
import type { Emit } from "./effect.ts";
import type { Envelope } from "./envelope.ts";
import type { Parts } from "./parts.ts";
import type { Personal } from "./post.ts";

/** What a message may do here. */
export type Reader = {
  readonly self: HostId;
  readonly parts: Parts;
  readonly emit: Emit;
  /** Our kernel reflects the map: whoever waits for that is told. */
  readonly settled: () => void;
};

type Neighbourly = Extract<
  Envelope,
  {
    kind:
      | "ping"
      | "pong"
      | "delta"
      | "head"
      | "doubt"
      | "report"
      | "reports"
      | "revocations"
      | "revoked";
  }
>;

/** Handles a message that came over the link with `from`. */
export function dispatch(from: HostId, message: Envelope, reader: Reader, now: Instant): void {
  const { bans } = reader.parts.gatekeeper;
  if (bans.isUnread(from) && message.kind !== "revocations") return;
  switch (message.kind) {
    case "ping":
    case "pong":
    case "delta":
    case "head":
    case "doubt":
    case "report":
    case "reports":
    case "revocations":
    case "revoked":
      return neighbourly(from, message, reader, now);
    case "letter": {
      const opened = reader.parts.post.open(message);
      if (opened.kind === "pass") reader.emit(opened.send);
      // Who bears it is a member; who wrote it may be anybody with a key.
      if (opened.kind === "ours" && reader.parts.tables.hosts.has(opened.from))
        personal({ from: opened.from, bearer: from }, opened.message, reader, now);
      return;
    }
    default:
      return personal({ from, bearer: from }, message, reader, now);
  }
}

/** Whether a gossiped message is passed on. Messages for one host, or on links only, are not. */
export function hearGossip(
  from: HostId,
  message: Envelope | undefined,
  { contacts, replication, gatekeeper }: Parts,
  now: Instant,
): "accept" | "ignore" | "reject" {
  switch (message?.kind) {
    case "report":
      return contacts.reported(message.report, now);
    case "doubt":
      return contacts.doubted(message.host, now);
    case "revocations":
      return gatekeeper.bans.take(message.entries, from);
    case "delta":
    case "head": {
      const outcome =
        message.kind === "delta"
          ? replication.received(from, message.delta, now)
          : replication.heard(from, message.head, now);
      if (outcome.kind === "refused") return "reject";
      return outcome.kind === "stale" ? "ignore" : "accept";
    }
    default:
      return "reject";
  }
}

function neighbourly(from: HostId, message: Neighbourly, reader: Reader, now: Instant): void {
  const { contacts, replication, replica, gatekeeper } = reader.parts;
  switch (message.kind) {
    case "ping": {
      const known = { root: replica.digest.root(), reports: contacts.fingerprint() };
      const { nonce } = message;
      reader.emit({ kind: "send", to: from, message: { kind: "pong", nonce, ...known } });
      contacts.pinged(from, message, now);
      return replication.rootHeard(from, message.root, now);
    }
    case "pong":
      contacts.pong(from, message, now);
      return replication.rootHeard(from, message.root, now);
    case "delta":
      return void replication.received(from, message.delta, now);
    case "head":
      return void replication.heard(from, message.head, now);
    case "doubt":
      return void contacts.doubted(message.host, now);
    case "report":
      return contacts.allReported([message.report], now);
    case "reports":
      return contacts.allReported(message.reports, now);
    case "revocations":
    case "revoked":
      return gatekeeper.heard(from, message, now);
    default:
      return unreachable(message);
  }
}

/** `bearer` is the neighbour that brought it: the sender, or the last on its way. */
function personal(
  { from, bearer }: { readonly from: HostId; readonly bearer: HostId },
  message: Personal,
  { self, parts, settled }: Reader,
  now: Instant,
): void {
  const { confirmations, replication, reconciler, addressing, attachments, gatekeeper } = parts;
  switch (message.kind) {
    case "confirm":
      confirmations.owe(from, message);
      replication.catchUp(bearer, from, message, now);
      if (reconciler.isSettled) settled();
      return;
    case "applied":
      if (message.origin === self) confirmations.applied(from, message, now);
      return;
    case "ask":
      return addressing.asked(from, message);
    case "deny":
      addressing.denied(from, message, now);
      attachments.retry(now);
      parts.commands.retry(now);
      return;
    case "join":
    case "joined":
    case "renew":
    case "renewed":
      return gatekeeper.heard(from, message, now);
    default:
      return unreachable(message);
  }
}
