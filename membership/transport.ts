/**
 * How agents reach each other, as the core sees it. It promises little: a message may be lost or
 * repeated when a link breaks, gossip may also be reordered, nothing is ever altered, everything is
 * bounded. Anti-entropy is the guarantee.
 *
 *   link    one stream per pair of hosts; its first frame each way is the hello; then ordered messages
 *   gossip  one topic for the cluster
 *   pull    one stream per bulk transfer, with back-pressure
 *   join    one question and one answer, the only thing a stranger may say
 */
import type { HostId } from "../base/id.ts";

/** A link that has come up: both sides admitted each other's hello. */
export type Link = {
  readonly host: HostId;
  /** The peer's hello, as it sent it. */
  readonly hello: Uint8Array;
  /**
   * The peer's side of the connection: `10.0.0.2:7790` where we dialled, its ephemeral port where
   * it did.
   */
  readonly address: string;
  readonly isInbound: boolean;
};

/** A bulk transfer we ask a peer for. The id is ours and names it in the answers. */
export type Pull = { readonly id: number; readonly from: HostId; readonly request: Uint8Array };

/**
 * What becomes of a gossiped message: passed on, dropped, or dropped and held against its sender.
 */
export type GossipVerdict = "accept" | "ignore" | "reject";

/** What the core asks of the network. Calls return at once, but for `join`. */
export interface Transport {
  /** Tries `host:port` (or a multiaddr) once. The outcome is a `linkUp` or a `dialFailed`. */
  dial(address: string): void;
  /** Queues a message on the link to `to`; without a link it is lost. */
  send(to: HostId, message: Uint8Array): void;
  /** Gossips a message to the cluster. Alone, it is lost. */
  publish(message: Uint8Array): void;
  /** Starts a transfer; frames arrive as `pulled` in order, then one `pullEnded`. */
  pull(pull: Pull): void;
  /** Closes every connection with the host; the reason is logged on both sides where possible. */
  close(host: HostId, reason: string): void;
  /**
   * Asks whoever answers at `address` to let us in. Resolves with the answer's bytes. Throws a
   * MeshError: TOKEN_REFUSED where that is another cluster, AGENT_UNREACHABLE where nobody answers.
   */
  join(address: string, request: Uint8Array): Promise<Uint8Array>;
}

/**
 * What the core does with what arrives. Every method runs to its end; none may throw on any bytes.
 */
export interface TransportHandler {
  /**
   * What we say first on a link; undefined while we are not a member, and then links are refused.
   */
  hello(): Uint8Array | undefined;
  /** Why this peer may not link with us, or undefined where it may. */
  refusal(peer: HostId, hello: Uint8Array): string | undefined;
  linkUp(link: Link): void;
  linkDown(host: HostId, reason: string): void;
  dialFailed(address: string, reason: string): void;
  received(from: HostId, message: Uint8Array): void;
  gossiped(from: HostId, message: Uint8Array): GossipVerdict;
  /** The frames that answer a peer's pull; read no faster than the peer takes them. */
  serve(from: HostId, request: Uint8Array): Iterable<Uint8Array>;
  pulled(id: number, frame: Uint8Array): void;
  pullEnded(id: number, reason: string | undefined): void;
  /** Answers a stranger's or a relayed request to join. Rejects only on our own failure. */
  joinRequested(from: HostId, request: Uint8Array): Promise<Uint8Array>;
}
