/**
 * Asks other resolvers, one after the other, for names that are not ours. So many questions of one
 * asker and of all may be open at once; what comes on top is told that it failed.
 */
import type { Ip } from "../../base/address.ts";
import { ask } from "./ask.ts";
import { type Asked, rcode, rcodeOf } from "./packet.ts";
import type { Upstreams } from "./upstreams.ts";

/** How long, and how many at once. */
export type ForwardOptions = {
  readonly port: number;
  /** For one resolver; resolvers that ask us give up after five seconds. */
  readonly askMs: number;
  /** Of all resolvers together. */
  readonly asks: number;
  readonly openAtMost: number;
  readonly openPerAsker: number;
};

/** What another resolver says of a question it cannot or does not want to answer. */
const shrugs: readonly number[] = [rcode.failed, rcode.unsupported, rcode.refused];

/** All questions that are on their way to others. */
export class Forwarder {
  readonly #options: ForwardOptions;
  readonly #upstreams: Upstreams;
  readonly #signal: AbortSignal;
  readonly #openOf = new Map<Ip, number>();
  #open = 0;

  constructor(options: ForwardOptions, upstreams: Upstreams, signal: AbortSignal) {
    this.#options = options;
    this.#upstreams = upstreams;
    this.#signal = signal;
  }

  /** What the others say; undefined where nobody does. Never rejects. */
  async forward(asked: Asked, asker: Ip, isTcp: boolean): Promise<Buffer | undefined> {
    const { openAtMost, openPerAsker } = this.#options;
    const open = this.#openOf.get(asker) ?? 0;
    if (this.#open >= openAtMost || open >= openPerAsker) return undefined;
    this.#open += 1;
    this.#openOf.set(asker, open + 1);
    try {
      return await this.#askAround(asked, isTcp);
    } finally {
      this.#open -= 1;
      const left = (this.#openOf.get(asker) ?? 1) - 1;
      if (left === 0) this.#openOf.delete(asker);
      else this.#openOf.set(asker, left);
    }
  }

  async #askAround({ packet, questionEnd }: Asked, isTcp: boolean): Promise<Buffer | undefined> {
    const { port, askMs, asks } = this.#options;
    const servers = await this.#upstreams.current();
    let shrugged: Buffer | undefined;
    for (let at = 0; at < asks && servers.length > 0; at += 1) {
      const server = servers[at % servers.length];
      if (server === undefined || this.#signal.aborted) break;
      const signal = this.#signal;
      const wish = { server, port, query: packet, questionEnd, isTcp, timeoutMs: askMs, signal };
      const response = await ask(wish);
      if (response !== undefined && !shrugs.includes(rcodeOf(response))) return response;
      shrugged = response ?? shrugged;
    }
    return shrugged;
  }
}
