/**
 * The slice of agent/config.ts that the transport needs: nothing of a peer's, and nothing that
 * waits, is without end.
 */
export type TransportLimits = {
  /** A message on a link or in gossip. */
  readonly messageBytes: number;
  /** A page of a bulk transfer. */
  readonly pageBytes: number;
  /** Links at once. */
  readonly connections: number;
  /** Connections of hosts that have no link with us (waiting-room.ts). */
  readonly pendingConnections: number;
  /** Bytes waiting on one link for a peer that does not read. */
  readonly sendQueueBytes: number;
  readonly pullsServed: number;
  readonly joinsServed: number;
  /** From the first packet to a connection: nothing but kernels answer until then. */
  readonly connectMs: number;
  /** From the first packet to a link. */
  readonly dialMs: number;
  /** Until a stranger who connected has shaken hands. */
  readonly upgradeMs: number;
  /** For one request to join and its answer. */
  readonly joinMs: number;
  /** Without progress of a bulk transfer. */
  readonly stallMs: number;
};
