/**
 * The name server: a UDP and a TCP socket at each address it is told, and none anywhere else, so
 * that nobody outside our networks has a socket to ask.
 *
 *   packet -> can it be read? -> has the asker a token left? -> the agent -> answer
 *               | no: dropped      | no: dropped                  `-> other resolvers -> answer
 */
import { type Ip, parseIp } from "../../base/address.ts";
import type { Log } from "../../base/log.ts";
import type { NameServer, Oracle, ServerReport } from "../name-server.ts";
import { Quota, type QuotaOptions } from "../quota.ts";
import { Forwarder, type ForwardOptions } from "./forwarder.ts";
import { Listener, type ListenOptions } from "./listener.ts";
import { fitted, rcode, readQuery, writeAnswers, writeFault } from "./packet.ts";
import { Upstreams } from "./upstreams.ts";

/** What the server is made of. */
export type ServerOptions = {
  readonly oracle: Oracle;
  readonly log: Log;
  readonly listen: ListenOptions;
  readonly quota: QuotaOptions;
  readonly forward: ForwardOptions;
  readonly resolvConf: string;
  readonly upstreams: readonly Ip[] | undefined;
};

/** Opens it; it serves nothing before it is told to listen. */
export function openNameServer(options: ServerOptions): NameServer & AsyncDisposable {
  return new DnsServer(options);
}

class DnsServer implements NameServer, AsyncDisposable {
  readonly #options: ServerOptions;
  readonly #quota: Quota;
  readonly #upstreams: Upstreams;
  readonly #forwarder: Forwarder;
  readonly #ending = new AbortController();
  readonly #listeners = new Map<Ip, Listener>();
  #report: ServerReport = { listening: [], upstreams: [] };
  #isTelling = false;

  constructor(options: ServerOptions) {
    this.#options = options;
    this.#quota = new Quota(options.quota);
    this.#upstreams = new Upstreams({
      path: options.resolvConf,
      given: options.upstreams,
      changed: (upstreams) => this.#tell({ upstreams }),
    });
    this.#forwarder = new Forwarder(options.forward, this.#upstreams, this.#ending.signal);
  }

  listen(addresses: readonly Ip[]): void {
    if (this.#ending.signal.aborted) return;
    const wanted = new Set(addresses);
    for (const [address, listener] of this.#listeners) {
      if (wanted.has(address)) continue;
      this.#listeners.delete(address);
      listener.close();
    }
    for (const address of wanted) {
      if (this.#listeners.has(address)) continue;
      const listener = new Listener(address, {
        ...this.#options.listen,
        log: this.#options.log,
        answer: (packet, from, isTcp) => this.#answer(packet, { from, to: address, isTcp }),
        changed: () => this.#tellListening(),
      });
      this.#listeners.set(address, listener);
      listener.open();
    }
    this.#upstreams.exclude(wanted);
    // Who looks at the status wants to know them before anybody has asked.
    void this.#upstreams.current();
    this.#tellListening();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort();
    for (const listener of this.#listeners.values()) listener.close();
    this.#listeners.clear();
  }

  async #answer(
    packet: Buffer,
    { from: text, to, isTcp }: { readonly from: string; readonly to: Ip; readonly isTcp: boolean },
  ): Promise<Buffer | undefined> {
    const [asked, from] = [readQuery(packet), parseIp(text)];
    if (asked === undefined || from === undefined) return undefined;
    if (!this.#quota.take(from, performance.now())) return undefined;
    if (asked.fault !== undefined || asked.question === undefined)
      return writeFault(asked, asked.fault ?? rcode.malformed);
    const reply = this.#options.oracle.resolve({ from, to, question: asked.question });
    switch (reply.kind) {
      case "answers":
        return writeAnswers(asked, reply, isTcp);
      case "refused":
        this.#options.log.debug("question refused", { address: from, reason: reply.reason });
        return writeFault(asked, rcode.refused);
      case "forward": {
        const response = await this.#forwarder.forward(asked, from, isTcp);
        return response === undefined
          ? writeFault(asked, rcode.failed)
          : fitted(asked, response, isTcp);
      }
    }
  }

  #tellListening(): void {
    this.#tell({ listening: [...this.#listeners.values()].map(({ state }) => state) });
  }

  #tell(change: Partial<ServerReport>): void {
    this.#report = { ...this.#report, ...change };
    if (this.#isTelling) return;
    this.#isTelling = true;
    // Later: whoever tells us where to listen is not to be told something while it does.
    queueMicrotask(() => {
      this.#isTelling = false;
      if (!this.#ending.signal.aborted) this.#options.oracle.serving(this.#report);
    });
  }
}
