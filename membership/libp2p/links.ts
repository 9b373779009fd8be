/**
 * The links with other hosts: at most one with each, whoever dialled. frame.ts has the picture of
 * how one comes up.
 *
 * Nothing here tells the handler anything from inside a call of the port, so that the core never
 * finds itself called while it is calling.
 */
import type { Connection, Stream } from "@libp2p/interface";
import { unreachable } from "../../base/assert.ts";
import { type HostId, parseHostId } from "../../base/id.ts";
import type { Log, LogFields } from "../../base/log.ts";
import type { TransportHandler } from "../transport.ts";
import { addressText } from "./address.ts";
import { EndedLinks } from "./ended-links.ts";
import type { Control } from "./frame.ts";
import type { TransportLimits } from "./limits.ts";
import { LinkStream } from "./link-stream.ts";

/** A link that is coming up, up, or over. */
type Candidate = {
  readonly host: HostId;
  readonly stream: LinkStream;
  readonly isInbound: boolean;
  state: "greeting" | "up" | "over";
  /** What its dialler calls this link. */
  id: string;
  greeting: Greeting | undefined;
  hasAdmittedUs: boolean;
  hasOurAdmission: boolean;
  readonly timer: NodeJS.Timeout;
  /** Why it ended; undefined where it came up first. */
  readonly settled: (failure: string | undefined) => void;
};

type Greeting = Extract<Control, { kind: "hello" }>;

/** What the table needs, and whom it tells beside the handler. */
export type LinksOptions = {
  readonly self: HostId;
  readonly handler: TransportHandler;
  readonly limits: TransportLimits;
  readonly log: Log;
  /** 16 hex digits at random. */
  readonly newId: () => string;
  /** The link of this host is up, on this connection. */
  readonly opened: (host: HostId, connection: Connection) => void;
  readonly closed: (host: HostId) => void;
};

/** For what was said last to arrive before the connection closes. */
const farewellMs = 250;
/** Refusals that follow sooner are details. */
const refusalQuietMs = 1_000;

/**
 * All links of this host. Of two connections made at once, both sides keep the same because one
 * side chooses. `session` is drawn at each start: a link of an earlier session is dead, whatever
 * its connection looks like. `ended` tells the side that chooses what only it still believes in.
 */
export class Links {
  readonly #options: LinksOptions;
  readonly #session: string;
  readonly #candidates = new Set<Candidate>();
  readonly #up = new Map<HostId, Candidate>();
  readonly #ended: EndedLinks;
  #refusedAt = Number.NEGATIVE_INFINITY;

  constructor(options: LinksOptions) {
    this.#options = options;
    this.#session = options.newId();
    this.#ended = new EndedLinks(4 * options.limits.connections);
  }

  /** A peer has opened its link's stream. */
  accept(stream: Stream, connection: Connection): void {
    const { dialMs } = this.#options.limits;
    this.#begin(stream, connection, { isInbound: true, settled: () => undefined }, dialMs);
  }

  /**
   * Greets on a connection we dialled. Resolves with why no link came of it, or with undefined
   * where one did.
   */
  greet(stream: Stream, connection: Connection, withinMs: number): Promise<string | undefined> {
    return new Promise((settled) => {
      const role = { isInbound: false, settled };
      const candidate = this.#begin(stream, connection, role, withinMs);
      if (candidate !== undefined) this.#sayHello(candidate);
    });
  }

  isUpOn(host: HostId, connection: Connection): boolean {
    return this.#up.get(host)?.stream.connection === connection;
  }

  send(to: HostId, message: Uint8Array): void {
    const candidate = this.#up.get(to);
    if (candidate === undefined || candidate.stream.send(message)) return;
    queueMicrotask(() => this.#end(candidate, "it does not read what we send", "abort"));
  }

  close(host: HostId, reason: string): void {
    for (const candidate of this.#candidates) {
      if (candidate.host !== host) continue;
      queueMicrotask(() => this.#farewell(candidate, reason));
    }
  }

  /** Something else on the connection of a link went wrong. */
  broken(connection: Connection, reason: string): void {
    for (const candidate of this.#candidates) {
      if (candidate.stream.connection === connection) this.#end(candidate, reason, "abort");
    }
  }

  closeAll(reason: string): void {
    for (const candidate of this.#candidates) this.#farewell(candidate, reason);
  }

  #begin(
    stream: Stream,
    connection: Connection,
    role: Pick<Candidate, "isInbound" | "settled">,
    withinMs: number,
  ): Candidate | undefined {
    const host = parseHostId(connection.remotePeer.toString());
    const isSecond = [...this.#candidates].some((other) => other.stream.connection === connection);
    if (host === undefined || isSecond) {
      stream.abort(new Error("one link for each connection"));
      role.settled("its id is no host's");
      return undefined;
    }
    const { limits, newId } = this.#options;
    const candidate: Candidate = {
      host,
      stream: new LinkStream(stream, connection, limits),
      state: "greeting",
      id: newId(),
      greeting: undefined,
      hasAdmittedUs: false,
      hasOurAdmission: false,
      timer: setTimeout(() => this.#end(candidate, "it does not greet in time", "abort"), withinMs),
      ...role,
    };
    this.#candidates.add(candidate);
    candidate.stream.listen({
      heard: (control) => this.#heard(candidate, control),
      received: (message) => this.#received(candidate, message),
      failed: (reason) => this.#end(candidate, reason, "abort"),
    });
    return candidate;
  }

  #sayHello(candidate: Candidate): void {
    const hello = this.#options.handler.hello();
    if (hello === undefined) {
      this.#refuse(candidate, "this host is not yet a member");
      return;
    }
    candidate.stream.say({
      kind: "hello",
      session: this.#session,
      link: candidate.id,
      ended: this.#ended.of(candidate.host),
      hello,
    });
  }

  #heard(candidate: Candidate, control: Control): void {
    switch (control.kind) {
      case "hello":
        this.#judge(candidate, control);
        break;
      case "admit":
        candidate.hasAdmittedUs = true;
        this.#choose(candidate);
        break;
      case "refuse":
        this.#end(candidate, `it refuses us: ${control.reason}`);
        break;
      case "chosen":
        this.#chosen(candidate);
        break;
      case "spare":
        this.#end(candidate, "linked already");
        break;
      case "bye":
        this.#end(candidate, `it says: ${control.reason}`);
        break;
      default:
        unreachable(control);
    }
  }

  #judge(candidate: Candidate, greeting: Greeting): void {
    const refusal = this.#refusalOf(candidate, greeting);
    if (refusal !== undefined) {
      this.#refuse(candidate, refusal);
      return;
    }
    candidate.greeting = greeting;
    if (candidate.isInbound) {
      candidate.id = greeting.link;
      this.#sayHello(candidate);
    }
    if (candidate.state === "over") return;
    candidate.stream.say({ kind: "admit" });
    candidate.hasOurAdmission = true;
    this.#choose(candidate);
  }

  #refusalOf({ host, greeting }: Candidate, { hello }: Greeting): string | undefined {
    if (greeting !== undefined) return "it greets twice";
    const { handler, limits } = this.#options;
    const isFull = this.#up.size >= limits.connections && !this.#up.has(host);
    if (isFull) return `all ${limits.connections} links are in use`;
    return handler.refusal(host, hello);
  }

  #refuse(candidate: Candidate, reason: string): void {
    const { host } = candidate;
    const address = addressText(candidate.stream.connection.remoteAddr);
    this.#logRefusal({ host, address, reason });
    candidate.stream.say({ kind: "refuse", reason });
    this.#end(candidate, `we refuse it: ${reason}`);
  }

  /** A stranger may be refused a hundred times a second; one line of those is for people. */
  #logRefusal(fields: LogFields): void {
    const { log } = this.#options;
    const isQuiet = performance.now() - this.#refusedAt < refusalQuietMs;
    if (isQuiet) log.debug("link refused", fields);
    else log.info("link refused", fields);
    if (!isQuiet) this.#refusedAt = performance.now();
  }

  /** Both have admitted each other: the side with the lower id says whether this is the link. */
  #choose(candidate: Candidate): void {
    const { host, stream } = candidate;
    const greeting = agreedGreeting(candidate);
    if (greeting === undefined || host < this.#options.self) return;
    const current = this.#up.get(host);
    const isHeldByBoth =
      current?.greeting?.session === greeting.session && !greeting.ended.includes(current.id);
    stream.say({ kind: isHeldByBoth ? "spare" : "chosen" });
    if (isHeldByBoth) this.#end(candidate, "linked already");
    else this.#raise(candidate, greeting);
  }

  /**
   * Where the choice is ours it is made the moment both have admitted, and nothing is left to
   * choose.
   */
  #chosen(candidate: Candidate): void {
    const greeting = agreedGreeting(candidate);
    if (greeting !== undefined) this.#raise(candidate, greeting);
    else this.#end(candidate, "it chose out of turn", "abort");
  }

  #raise(candidate: Candidate, { hello }: Greeting): void {
    const { host, stream, isInbound } = candidate;
    const former = this.#up.get(host);
    if (former !== undefined) this.#end(former, "a newer connection takes its place", "abort");
    clearTimeout(candidate.timer);
    candidate.state = "up";
    stream.greetingOver();
    this.#ended.forget(host);
    this.#up.set(host, candidate);
    const { opened, handler } = this.#options;
    opened(host, stream.connection);
    handler.linkUp({ host, hello, address: addressText(stream.connection.remoteAddr), isInbound });
    candidate.settled(undefined);
  }

  #received(candidate: Candidate, message: Uint8Array): void {
    if (candidate.state === "up") this.#options.handler.received(candidate.host, message);
    else this.#end(candidate, "it speaks before the link is up", "abort");
  }

  #farewell(candidate: Candidate, reason: string): void {
    if (candidate.state !== "over") candidate.stream.say({ kind: "bye", reason });
    this.#end(candidate, reason);
  }

  #end(candidate: Candidate, reason: string, how: "close" | "abort" = "close"): void {
    if (candidate.state === "over") return;
    const wasUp = candidate.state === "up";
    const { host, stream } = candidate;
    candidate.state = "over";
    clearTimeout(candidate.timer);
    this.#candidates.delete(candidate);
    if (candidate.hasOurAdmission) this.#ended.add(host, candidate.id);
    if (how === "abort") stream.abort(reason);
    else stream.close(farewellMs);
    if (wasUp) {
      this.#up.delete(host);
      this.#options.closed(host);
      this.#options.handler.linkDown(host, reason);
    }
    candidate.settled(reason);
  }
}

/** The peer's greeting where each has admitted the other and nothing is decided. */
function agreedGreeting(candidate: Candidate): Greeting | undefined {
  const { greeting, hasAdmittedUs, hasOurAdmission, state } = candidate;
  return state === "greeting" && hasAdmittedUs && hasOurAdmission ? greeting : undefined;
}
