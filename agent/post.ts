/**
 * Messages to hosts with which there is no link: passed on from neighbour to neighbour, each
 * choosing the next by its own view of who is reachable. What arrives is signed by its sender, so
 * nobody on the way can put words into its mouth; it may get lost, as any message may.
 */
import { encode } from "../base/codec.ts";
import type { Crypto } from "../base/crypto.ts";
import type { ClusterId, HostId } from "../base/id.ts";
import type { Log } from "../base/log.ts";
import type { Effect } from "./effect.ts";
import { decodeEnvelope, type Envelope, encodeEnvelope } from "./envelope.ts";

type Send = Extract<Effect, { kind: "send" }>;
type Letter = Extract<Envelope, { kind: "letter" }>;

/** What became of a letter: for us, to be passed on, or of no use. */
export type Opened =
  | { readonly kind: "ours"; readonly from: HostId; readonly message: Personal }
  | { readonly kind: "pass"; readonly send: Send }
  | { readonly kind: "dropped" };

const personalKinds = [
  ...(["confirm", "applied", "ask", "deny", "join", "joined", "renew", "renewed"] as const),
] as const;

/** Questions to one host and their answers; the rest is between neighbours. */
export type Personal = Extract<Envelope, { kind: (typeof personalKinds)[number] }>;

/** What goes out, and what comes by. */
export class Post {
  readonly #self: HostId;
  readonly #cluster: ClusterId;
  readonly #crypto: Crypto;
  readonly #hops: number;
  readonly #log: Log;
  readonly #isLinked: (host: HostId) => boolean;
  readonly #via: (host: HostId) => HostId | undefined;

  constructor(options: {
    readonly self: HostId;
    readonly cluster: ClusterId;
    readonly crypto: Crypto;
    /** A letter that was passed on so often goes in circles. */
    readonly hops: number;
    readonly log: Log;
    readonly isLinked: (host: HostId) => boolean;
    /** The linked host that is next on the way. */
    readonly via: (host: HostId) => HostId | undefined;
  }) {
    this.#self = options.self;
    this.#cluster = options.cluster;
    this.#crypto = options.crypto;
    this.#hops = options.hops;
    this.#log = options.log;
    this.#isLinked = options.isLinked;
    this.#via = options.via;
  }

  /** The message as it is to be sent; without a link and a way, as it is, and it will be lost. */
  address(send: Send): Send {
    const { to, message } = send;
    if (this.#isLinked(to) || !isPersonal(message)) return send;
    const next = this.#via(to);
    if (next === undefined) return send;
    const body = encodeEnvelope(message);
    const signature = this.#crypto.sign(this.#signedBytes(this.#self, to, body));
    const letter = { kind: "letter" as const, from: this.#self, to, hops: 0, body, signature };
    return { kind: "send", to: next, message: letter };
  }

  /** A letter has come. */
  open(letter: Letter): Opened {
    const { from, to, hops, body, signature } = letter;
    if (to !== this.#self) return this.#pass(letter);
    const message = decodeEnvelope(body);
    const isGenuine =
      message !== undefined &&
      isPersonal(message) &&
      this.#crypto.verifyHost(from, this.#signedBytes(from, to, body), signature);
    if (isGenuine) return { kind: "ours", from, message };
    this.#log.warn("forged letter", { host: from, count: hops });
    return { kind: "dropped" };
  }

  #pass(letter: Letter): Opened {
    const { to } = letter;
    const hops = letter.hops + 1;
    const next = this.#isLinked(to) ? to : this.#via(to);
    if (next === undefined || hops > this.#hops) {
      this.#log.debug("letter lost", { host: to, count: hops });
      return { kind: "dropped" };
    }
    return { kind: "pass", send: { kind: "send", to: next, message: { ...letter, hops } } };
  }

  #signedBytes(from: HostId, to: HostId, body: Uint8Array): Uint8Array {
    return encode(["starling letter 1", this.#cluster, from, to, body]);
  }
}

function isPersonal(message: Envelope): message is Personal {
  return (personalKinds as readonly string[]).includes(message.kind);
}
