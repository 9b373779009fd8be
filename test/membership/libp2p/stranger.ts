/**
 * Somebody who knows the cluster's id and is no member: it shakes hands as well as we do, and then
 * does as it likes.
 */
import { type GossipSub, gossipsub, StrictNoSign } from "@chainsafe/libp2p-gossipsub";
import { type Identify, identify } from "@libp2p/identify";
import type { Connection, Stream } from "@libp2p/interface";
import { noise } from "@libp2p/noise";
import { tcp } from "@libp2p/tcp";
import { yamux } from "@libp2p/yamux";
import { multiaddr } from "@multiformats/multiaddr";
import { createLibp2p, type Libp2p } from "libp2p";
import type { ClusterId } from "../../../base/id.ts";
import { parsePlace } from "../../../membership/libp2p/address.ts";
import { libp2pLogger } from "../../../membership/libp2p/logger.ts";
import { prologueOf } from "../../../membership/libp2p/node.ts";

export type Stranger = AsyncDisposable & {
  readonly node: Libp2p<{ identify: Identify; gossip: GossipSub }>;
  connect(address: string): Promise<Connection>;
};

/** Its gossipsub begins by itself where it is told by identify whom it has met, and else never. */
export async function openStranger(cluster: ClusterId, isEager = true): Promise<Stranger> {
  const node = await createLibp2p<{ identify: Identify; gossip: GossipSub }>({
    logger: libp2pLogger(),
    transports: [tcp()],
    connectionEncrypters: [noise({ prologueBytes: prologueOf(cluster) })],
    streamMuxers: [yamux()],
    connectionMonitor: { enabled: false },
    services: {
      identify: identify({ runOnConnectionOpen: isEager }),
      gossip: gossipsub({
        globalSignaturePolicy: StrictNoSign,
        allowPublishToZeroTopicPeers: true,
      }),
    },
  });
  return {
    node,
    connect: (address) => {
      const place = parsePlace(address, 0);
      return node.dial(multiaddr(`/ip4/${place?.name}/tcp/${place?.port}`));
    },
    [Symbol.asyncDispose]: async () => node.stop(),
  };
}

/** Resolves with how the stream ended: reset by the other side, or closed. */
export function ended(stream: Stream): Promise<string> {
  return new Promise((resolve) => {
    if (stream.status !== "open") resolve(stream.status);
    stream.addEventListener("close", () => resolve(stream.status), { once: true });
  });
}

/** Resolves when the other side has closed the connection. */
export function closed(connection: Connection): Promise<void> {
  return new Promise((resolve) => {
    if (connection.status !== "open") resolve();
    connection.addEventListener("close", () => resolve(), { once: true });
  });
}
