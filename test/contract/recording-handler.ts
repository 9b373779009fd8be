import type { HostId } from "../../base/id.ts";
import type { GossipVerdict, Link, TransportHandler } from "../../membership/transport.ts";

export type PullEnd = { readonly id: number; readonly reason: string | undefined };

/** A handler that does as a test says, writes down what it is told, and says so. */
export class RecordingHandler implements TransportHandler {
  readonly links: Link[] = [];
  readonly downs: { readonly host: HostId; readonly reason: string }[] = [];
  readonly failures: { readonly address: string; readonly reason: string }[] = [];
  readonly messages: { readonly from: HostId; readonly message: Uint8Array }[] = [];
  readonly gossip: { readonly from: HostId; readonly message: Uint8Array }[] = [];
  readonly pages: { readonly id: number; readonly page: Uint8Array }[] = [];
  readonly pullEnds: PullEnd[] = [];
  /** Events in their order, for claims about order. */
  readonly events: string[] = [];

  helloBytes: Uint8Array | undefined = Uint8Array.of(1, 2, 3);
  refuse: (peer: HostId, hello: Uint8Array) => string | undefined = () => undefined;
  judge: (message: Uint8Array) => GossipVerdict = () => "accept";
  answerPull: (request: Uint8Array) => Iterable<Uint8Array> = () => [];
  answerJoin: (request: Uint8Array) => Promise<Uint8Array> = async (request) => request;

  /** Set while a call of the port runs: no event may come from inside one. */
  isCalling = false;
  /** Told after each event. */
  heard: () => void = () => undefined;

  hello(): Uint8Array | undefined {
    return this.helloBytes;
  }

  refusal(peer: HostId, hello: Uint8Array): string | undefined {
    return this.refuse(peer, hello);
  }

  linkUp(link: Link): void {
    this.links.push(link);
    this.#note("linkUp");
  }

  linkDown(host: HostId, reason: string): void {
    this.downs.push({ host, reason });
    this.#note("linkDown");
  }

  dialFailed(address: string, reason: string): void {
    this.failures.push({ address, reason });
    this.#note("dialFailed");
  }

  received(from: HostId, message: Uint8Array): void {
    this.messages.push({ from, message });
    this.#note("received");
  }

  gossiped(from: HostId, message: Uint8Array): GossipVerdict {
    this.gossip.push({ from, message });
    this.#note("gossiped");
    return this.judge(message);
  }

  serve(_from: HostId, request: Uint8Array): Iterable<Uint8Array> {
    return this.answerPull(request);
  }

  pulled(id: number, page: Uint8Array): void {
    this.pages.push({ id, page });
    this.#note("pulled");
  }

  pullEnded(id: number, reason: string | undefined): void {
    this.pullEnds.push({ id, reason });
    this.#note("pullEnded");
  }

  joinRequested(_from: HostId, request: Uint8Array): Promise<Uint8Array> {
    return this.answerJoin(request);
  }

  #note(event: string): void {
    this.events.push(this.isCalling ? `${event} from inside a call` : event);
    this.heard();
  }
}
