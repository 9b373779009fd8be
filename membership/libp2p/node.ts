/**
 * libp2p as we use it: TCP, Noise bound to the cluster, Yamux, gossipsub. Nothing dials, tags or
 * reconnects by itself.
 */
import { hash } from "node:crypto";
import {
  type GossipSub,
  type GossipSubComponents,
  gossipsub,
  StrictNoSign,
} from "@chainsafe/libp2p-gossipsub";
import { type Identify, identify } from "@libp2p/identify";
import type { Connection } from "@libp2p/interface";
import { noise } from "@libp2p/noise";
import { tcp } from "@libp2p/tcp";
import { type Multiaddr, multiaddr } from "@multiformats/multiaddr";
import { createLibp2p, type Libp2p } from "libp2p";
import type { Ip } from "../../base/address.ts";
import { MeshError } from "../../base/errors.ts";
import type { ClusterId } from "../../base/id.ts";
import { Deadline } from "./deadline.ts";
import type { Door } from "./door.ts";
import type { Gate } from "./gate.ts";
import type { Identity } from "./identity.ts";
import type { TransportLimits } from "./limits.ts";
import { libp2pLogger } from "./logger.ts";
import { muxer } from "./muxer.ts";
import { gathered } from "./packets.ts";

/** Where protocols are registered with libp2p. */
export type Registrar = GossipSubComponents["registrar"];

/** Where a message of gossipsub may end up at most: its encoder's own limit. */
const gossipFrameBytes = 4 * 1024 * 1024;
/** A window for 1 GB/s at 1 ms, and what a peer can make us hold per stream. */
const windowBytes = 1024 * 1024;

const muxing = {
  maxInboundStreams: 64,
  maxOutboundStreams: 64,
  streamOptions: { maxStreamWindowSize: windowBytes },
};

/** Where to listen; port 0 lets the system choose. */
export type Listen = { readonly address: Ip; readonly port: number };

/** What a node is made of. */
export type NodeOptions = {
  readonly identity: Identity;
  readonly clusterId: ClusterId;
  readonly listen: Listen;
  readonly topic: string;
  readonly limits: TransportLimits;
  readonly gate: Gate;
  readonly door: Door;
};

/** The parts of libp2p that its surface hides, among them a dial that always dials anew. */
type Inner = {
  readonly addresses: object;
  readonly registrar: Registrar;
  readonly dial: (address: Multiaddr, signal: AbortSignal) => Promise<Connection>;
};

type Services = { identify: Identify; gossip: GossipSub; inner: Inner };
/** libp2p with what we run on it. */
export type Node = Libp2p<Services>;

/**
 * A node that is not yet listening, so that protocols can be set up before the first stranger
 * comes.
 */
export async function createNode(options: NodeOptions): Promise<Node> {
  const { identity, listen, limits, gate, door } = options;
  const { connections, pendingConnections, upgradeMs } = limits;
  return createLibp2p<Services>({
    start: false,
    privateKey: identity.privateKey,
    nodeInfo: { name: "starling", version: "1", userAgent: "starling" },
    logger: libp2pLogger(),
    addresses: { listen: [multiaddrOf(listen)] },
    transports: [tcp({ maxConnections: connections + pendingConnections })],
    connectionEncrypters: [gathered(noise({ prologueBytes: prologueOf(options.clusterId) }))],
    streamMuxers: [muxer(muxing)],
    connectionGater: door.gater,
    connectionManager: {
      // Above this libp2p would choose what to close; links and strangers are bounded by us.
      maxConnections: connections + pendingConnections,
      maxIncomingPendingConnections: pendingConnections,
      inboundConnectionThreshold: pendingConnections,
      inboundUpgradeTimeout: upgradeMs,
      reconnectRetries: 0,
    },
    // Links are pinged by the core, which knows its own pauses and closes what is silent.
    connectionMonitor: { enabled: false },
    services: {
      // Answered, as libp2p's own tools expect, but never asked: nothing we do depends on it.
      identify: identify({ runOnConnectionOpen: false }),
      inner: ({ addressManager, registrar, transportManager }): Inner => ({
        addresses: addressManager,
        registrar,
        dial: (address, signal) =>
          dialWithin(limits.connectMs, signal, (options) =>
            transportManager.dial(address, options),
          ),
      }),
      gossip: (components) =>
        createGossip(options, {
          privateKey: components.privateKey,
          peerId: components.peerId,
          peerStore: components.peerStore,
          registrar: gate.guardGossip(components.registrar),
          connectionManager: components.connectionManager,
          logger: components.logger,
        }),
    },
  });
}

type DialOptions = {
  readonly signal: AbortSignal;
  readonly onProgress: (event: { readonly type: string }) => void;
};

/** A dial that ends early where no connection comes of it, and at the signal in any case. */
async function dialWithin(
  connectMs: number,
  signal: AbortSignal,
  dial: (options: DialOptions) => Promise<Connection>,
): Promise<Connection> {
  using deadline = new Deadline(connectMs, signal);
  const onProgress = ({ type }: { readonly type: string }) => {
    if (type === "upgrader:encrypt-outbound-connection") deadline.met();
  };
  return await dial({ signal: deadline.signal, onProgress });
}

/** Listens. Throws a MeshError: PORT_BUSY, UNDERLAY_UNKNOWN, NOT_PERMITTED. */
export async function startNode(node: Node, { address, port }: Listen): Promise<void> {
  try {
    await node.start();
  } catch (cause) {
    const why = String(cause);
    const where = `${address}, TCP port ${port}`;
    if (why.includes("EADDRINUSE")) {
      throw new MeshError("PORT_BUSY", `cannot listen on ${where}: another process does`);
    }
    if (why.includes("EADDRNOTAVAIL")) {
      throw new MeshError("UNDERLAY_UNKNOWN", `cannot listen on ${where}: not this host's address`);
    }
    if (why.includes("EACCES")) {
      throw new MeshError("NOT_PERMITTED", `cannot listen on ${where}: not allowed to this user`);
    }
    throw new MeshError("INTERNAL", `cannot listen on ${where}`, { cause });
  }
}

/**
 * Stops listening and closes every connection. gossipsub forgets its next heartbeat and the address
 * manager sets out to note that nothing listens any more: two timers that would hold the process
 * for a second after all is closed.
 */
export async function stopNode(node: Node): Promise<void> {
  const { gossip, inner } = node.services;
  const { status } = gossip as unknown as Pulse;
  clearTimeout(status?.heartbeatTimeout);
  await node.stop();
  const { _updatePeerStoreAddresses: noting } = inner.addresses as unknown as Noting;
  noting?.stop?.();
}

type Pulse = { readonly status?: { readonly heartbeatTimeout?: NodeJS.Timeout } };
type Noting = { readonly _updatePeerStoreAddresses?: { readonly stop?: () => void } };

/** The TCP port we listen on, which the system has chosen where the configuration says 0. */
export function listeningPort(node: Node): number {
  const [address] = node.getMultiaddrs();
  return Number(address?.getComponents().find(({ name }) => name === "tcp")?.value ?? 0);
}

/**
 * Tells all hosts. While there are few, each message goes to every one of them at once: with two or
 * three there is no mesh to speak of.
 */
export async function publish(node: Node, topic: string, message: Uint8Array): Promise<void> {
  const { gossip } = node.services;
  const floodPublish = gossip.getSubscribers(topic).length <= floodedLinks;
  await (gossip as unknown as Publisher).publish(topic, message, { floodPublish });
}

/** What gossipsub's own type says, and its interface leaves out. */
type Publisher = {
  publish(
    topic: string,
    message: Uint8Array,
    options: { readonly floodPublish: boolean },
  ): Promise<unknown>;
};

/** Links of a host that is linked with all others: see `timing.rings.fullMesh`. */
const floodedLinks = 8;

/**
 * Messages are signed inside, by their origin, so gossipsub's own signatures would double the cost.
 * Its score for hosts behind one address would empty the mesh where many agents share one. Four
 * copies are enough where nearly nothing is lost on a link: who is sent none is told of it within a
 * second, and sees it in the next ping's root.
 */
function createGossip({ topic }: NodeOptions, components: GossipSubComponents): GossipSub {
  return gossipsub({
    globalSignaturePolicy: StrictNoSign,
    msgIdFn: ({ data }) => hash("sha256", data, "buffer").subarray(0, 20),
    allowedTopics: [topic],
    fallbackToFloodsub: false,
    floodPublish: false,
    batchPublish: true,
    allowPublishToZeroTopicPeers: true,
    ignoreDuplicatePublishError: true,
    tagMeshPeers: false,
    // Against 6, 4 and 9 with floods: a fifth less at 24 hosts on nine links, and as soon.
    D: 4,
    Dlo: 3,
    Dhi: 6,
    heartbeatInterval: 1_000,
    // Between near hosts the copies have left before anybody could ask not to be sent one: asking
    // cost a quarter of the processor time of a message and spared nothing.
    idontwantMinDataSize: Number.POSITIVE_INFINITY,
    scoreParams: { IPColocationFactorWeight: 0 },
    maxInboundDataLength: gossipFrameBytes,
    maxOutboundBufferSize: 2 * gossipFrameBytes,
    // Less than what one honest peer sends at most, except for ids: those come by the thousand
    // after a burst.
    decodeRpcLimits: {
      maxSubscriptions: 16,
      maxMessages: 5_000,
      maxIhaveMessageIDs: 5_000,
      maxIwantMessageIDs: 5_000,
      maxIdontwantMessageIDs: 512,
      maxControlMessages: 64,
      maxPeerInfos: 16,
    },
  })(components);
}

/**
 * Hosts of other clusters fail in the handshake, after one packet: the id is hashed into its
 * transcript.
 */
export function prologueOf(cluster: ClusterId): Uint8Array {
  return new Uint8Array(hash("sha256", `starling/${cluster}`, "buffer"));
}

function multiaddrOf({ address, port }: Listen): string {
  return multiaddr(`/ip${address.includes(":") ? 6 : 4}/${address}/tcp/${port}`).toString();
}
