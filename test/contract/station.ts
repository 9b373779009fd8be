/** A host of a world in which transports are tested, and what tests do with it. */
import type { HostId } from "../../base/id.ts";
import type { Transport } from "../../membership/transport.ts";
import { RecordingHandler } from "./recording-handler.ts";

export type Station = {
  readonly transport: Transport;
  readonly host: HostId;
  /** Where it listens. */
  readonly address: string;
  readonly handler: RecordingHandler;
  /** Stops as an agent stops. */
  readonly stop: () => Promise<void>;
};

/** A place where transports of one cluster meet. */
export type TransportWorld = {
  /** The n-th host, from 0. */
  open(n: number, handler: RecordingHandler): Promise<Omit<Station, "handler">>;
  /** Lets the world go on until the claim holds; rejects where it does not in good time. */
  until(claim: () => boolean, what: string): Promise<void>;
  /** An address of this world at which nobody listens. */
  readonly deadAddress: string;
  readonly limits: { readonly messageBytes: number };
  close(): Promise<void>;
};

export const text = (value: string): Uint8Array => new TextEncoder().encode(value);
export const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** Calls the port as the core does: nothing may be told before the call has ended. */
export function call(station: Station, act: (transport: Transport) => void): void {
  station.handler.isCalling = true;
  act(station.transport);
  station.handler.isCalling = false;
}

export async function openStation(world: TransportWorld, n: number): Promise<Station> {
  const handler = new RecordingHandler();
  handler.helloBytes = text(`hello of ${n}`);
  return { ...(await world.open(n, handler)), handler };
}

export async function link(world: TransportWorld, from: Station, to: Station): Promise<void> {
  const [before, there] = [from.handler.links.length, to.handler.links.length];
  call(from, (transport) => transport.dial(to.address));
  await world.until(
    () => from.handler.links.length > before && to.handler.links.length > there,
    "a link on both sides",
  );
}

/** When both have got it, all that was sent before on the link has been handled. */
export async function exchange(world: TransportWorld, a: Station, b: Station): Promise<void> {
  const count = (station: Station) => station.handler.messages.length;
  const [before, there] = [count(a), count(b)];
  call(a, (transport) => transport.send(b.host, text("over")));
  await world.until(() => count(b) > there, "a message there");
  call(b, (transport) => transport.send(a.host, text("and back")));
  await world.until(() => count(a) > before, "a message back");
}

let probes = 0;

/** Publishes until something arrives: a link is up a moment before gossip flows on it. */
export async function gossipWorks(
  world: TransportWorld,
  from: Station,
  to: Station,
): Promise<void> {
  const before = to.handler.gossip.length;
  const publish = () => {
    probes += 1;
    call(from, (transport) => transport.publish(text(`accept probe ${probes}`)));
  };
  publish();
  const timer = setInterval(publish, 20);
  try {
    await world.until(() => to.handler.gossip.length > before, "gossip");
  } finally {
    clearInterval(timer);
  }
}

export type World = () => TransportWorld;
export type Pair = () => Promise<readonly [Station, Station]>;
