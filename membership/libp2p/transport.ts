/** The Transport port over libp2p. What each part may do stands at its head. */
import { randomBytes } from "node:crypto";
import { TopicValidatorResult } from "@chainsafe/libp2p-gossipsub";
import type { Connection } from "@libp2p/interface";
import { assert } from "../../base/assert.ts";
import { type ClusterId, type HostId, parseHostId } from "../../base/id.ts";
import type { Log } from "../../base/log.ts";
import type { GossipVerdict, Transport, TransportHandler } from "../transport.ts";
import { addressText } from "./address.ts";
import { Dials, linkProtocol } from "./dials.ts";
import { Door } from "./door.ts";
import { Gate } from "./gate.ts";
import { guardHandler } from "./guarded-handler.ts";
import type { Identity } from "./identity.ts";
import { Joins, joinProtocol } from "./joins.ts";
import type { TransportLimits } from "./limits.ts";
import { Links } from "./links.ts";
import {
  createNode,
  type Listen,
  listeningPort,
  type Node,
  publish,
  startNode,
  stopNode,
} from "./node.ts";
import { Pulls, pullProtocol } from "./pulls.ts";
import { errorText } from "./reason.ts";

/** What a transport is made of. */
export type TransportOptions = {
  readonly identity: Identity;
  readonly clusterId: ClusterId;
  readonly listen: Listen;
  readonly limits: TransportLimits;
  readonly handler: TransportHandler;
  readonly log: Log;
};

/** A transport that listens, until it is disposed. */
export type OpenTransport = Transport &
  AsyncDisposable & {
    readonly host: HostId;
    /** Where it listens: `10.0.0.2:7790`, more than one where that is every address of the host. */
    readonly addresses: readonly string[];
  };

const farewellMs = 300;

type Parts = {
  readonly node: Node;
  readonly links: Links;
  readonly pulls: Pulls;
  readonly joins: Joins;
  readonly dials: Dials;
};

const verdicts: { readonly [Verdict in GossipVerdict]: TopicValidatorResult } = {
  accept: TopicValidatorResult.Accept,
  ignore: TopicValidatorResult.Ignore,
  reject: TopicValidatorResult.Reject,
};

/**
 * Listens, and from then on tells the handler what happens. Throws a MeshError: PORT_BUSY,
 * UNDERLAY_UNKNOWN.
 */
export async function openTransport(options: TransportOptions): Promise<OpenTransport> {
  const closing = new AbortController();
  const handler = guardHandler(options.handler, closing.signal, options.log);
  const topic = `starling/${options.clusterId}`;
  // An admitted host opens its gossip stream within milliseconds, unless it is starved or broken.
  const gate = new Gate(2 * options.limits.dialMs, (connection, reason) =>
    links.broken(connection, reason),
  );
  const door = new Door(options.limits, (host, connection) => links.isUpOn(host, connection));
  const node = await createNode({ ...options, topic, gate, door });
  const { identity, limits, log } = options;
  const links = new Links({
    self: identity.host,
    handler,
    limits,
    log,
    newId: () => randomBytes(8).toString("hex"),
    opened: (host, connection) => {
      door.admitted(connection);
      gate.admit(host, connection);
    },
    closed: (host) => gate.withdraw(host),
  });
  const pulls = new Pulls({ handler, limits, connectionOf: (host) => gate.connectionOf(host) });
  const joins = new Joins({ handler, limits, log });
  const dials = new Dials({
    handler,
    limits,
    defaultPort: () => listeningPort(node),
    dial: (address, signal) => {
      door.dialled(address);
      return node.services.inner.dial(address, signal);
    },
    greet: (stream, connection, withinMs) => links.greet(stream, connection, withinMs),
    closing: closing.signal,
  });
  const parts = { node, links, pulls, joins, dials };
  await serveProtocols(parts, { gate, door, limits });
  await startNode(node, options.listen);
  gossip(node, { topic, handler, limits });
  return {
    ...portOf(parts, { topic, log }),
    host: identity.host,
    addresses: node.getMultiaddrs().map(addressText),
    [Symbol.asyncDispose]: () => close(parts, { closing, door }),
  };
}

function portOf(
  { node, links, pulls, joins, dials }: Parts,
  { topic, log }: { readonly topic: string; readonly log: Log },
): Transport {
  return {
    dial: (address) => void dials.dial(address),
    send: (to, message) => links.send(to, message),
    publish: (message) => {
      publish(node, topic, message).catch((error: unknown) => {
        log.debug("gossip not sent", { reason: errorText(error), bytes: message.length });
      });
    },
    pull: (pull) => void pulls.pull(pull),
    close: (host, reason) => links.close(host, reason),
    join: async (address, request) => joins.ask(await dials.connect(address), request, address),
  };
}

async function serveProtocols(
  { node, links, pulls, joins }: Parts,
  {
    gate,
    door,
    limits,
  }: { readonly gate: Gate; readonly door: Door; readonly limits: TransportLimits },
): Promise<void> {
  const { registrar } = node.services.inner;
  await registrar.handle(linkProtocol, (stream, connection) => links.accept(stream, connection), {
    maxInboundStreams: 1,
    maxOutboundStreams: 1,
  });
  await registrar.handle(joinProtocol, (stream, connection) => joins.serve(stream, connection), {
    maxInboundStreams: 1,
    maxOutboundStreams: 1,
  });
  await registrar.handle(
    pullProtocol,
    gate.guarded((stream, connection) => pulls.serve(stream, hostOf(connection))),
    { maxInboundStreams: 2 * limits.pullsServed, maxOutboundStreams: 2 * limits.pullsServed },
  );
  node.addEventListener("connection:open", ({ detail }) => door.opened(detail));
  // What libp2p remembers of a peer, strangers too, would stay for hours.
  node.addEventListener("peer:disconnect", ({ detail }) => {
    node.peerStore.delete(detail).catch(() => undefined);
  });
}

function gossip(
  node: Node,
  {
    topic,
    handler,
    limits,
  }: {
    readonly topic: string;
    readonly handler: TransportHandler;
    readonly limits: TransportLimits;
  },
): void {
  const { gossip } = node.services;
  gossip.topicValidators.set(topic, (peer, { data }) => {
    const from = parseHostId(peer.toString());
    if (from === undefined || data.length > limits.messageBytes) return verdicts.reject;
    return verdicts[handler.gossiped(from, new Uint8Array(data))];
  });
  gossip.subscribe(topic);
}

async function close(
  { node, links }: Parts,
  { closing, door }: { readonly closing: AbortController; readonly door: Door },
): Promise<void> {
  closing.abort(new Error("this host is stopping"));
  links.closeAll("the agent stops");
  door.close();
  await Promise.all(node.getConnections().map(ended));
  await stopNode(node);
}

/** Resolves when what was said last has left, or could not within a while. */
function ended(connection: Connection): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => connection.abort(new Error("the agent stops")), farewellMs);
    connection.addEventListener("close", () => {
      clearTimeout(timer);
      resolve();
    });
    if (connection.status === "open") connection.close().catch(() => undefined);
  });
}

/** Past the gate every connection is of a host. */
function hostOf(connection: Connection): HostId {
  const host = parseHostId(connection.remotePeer.toString());
  assert(host !== undefined, "an admitted peer is a host");
  return host;
}
