/**
 * Strangers at the door. Any member can be asked to let one in; only the issuer of its token can
 * decide. So whoever is asked passes the question on to the issuer and the answer back; an issuer
 * that seems to be away is dialled once more for it.
 */
import type { HostId } from "../base/id.ts";
import type { Instant } from "../base/time.ts";
import {
  encodeJoinAnswer,
  type JoinAnswer,
  parseJoinRequest,
  refuseJoin,
} from "../membership/join.ts";
import type { Emit } from "./effect.ts";
import type { Envelope } from "./envelope.ts";
import type { Office } from "./office.ts";

const relaysAtMost = 64;

type Passed = {
  readonly ticket: number;
  readonly issuer: HostId;
  readonly request: Uint8Array;
  readonly until: Instant;
  isSent: boolean;
};

/** Questions of strangers, until they are answered. */
export class Relay {
  readonly #self: HostId;
  readonly #office: Pick<Office, "judge">;
  readonly #emit: Emit;
  readonly #reachable: () => readonly HostId[];
  readonly #addressOf: (host: HostId) => string | undefined;
  readonly #relayMs: number;
  /** Questions passed on, by the id we gave them. */
  readonly #open = new Map<number, Passed>();
  #id = 0;

  constructor(options: {
    readonly self: HostId;
    readonly office: Pick<Office, "judge">;
    readonly emit: Emit;
    readonly reachable: () => readonly HostId[];
    readonly addressOf: (host: HostId) => string | undefined;
    readonly relayMs: number;
  }) {
    this.#self = options.self;
    this.#office = options.office;
    this.#emit = options.emit;
    this.#reachable = options.reachable;
    this.#addressOf = options.addressOf;
    this.#relayMs = options.relayMs;
  }

  /** A stranger asks us. */
  requested(ticket: number, bytes: Uint8Array, now: Instant): void {
    const request = parseJoinRequest(bytes);
    if (request === undefined) {
      this.#answer(ticket, refuseJoin("TOKEN_REFUSED", "the request to join is malformed"));
    } else if (request.issuer === this.#self) {
      this.#office.judge(request, (answer) => this.#answer(ticket, answer));
    } else this.#pass(ticket, { issuer: request.issuer, request: bytes }, now);
  }

  /** A member asks us on a stranger's behalf. */
  relayed(from: HostId, { id, request: bytes }: Extract<Envelope, { kind: "join" }>): void {
    const request = parseJoinRequest(bytes);
    const reply = (answer: JoinAnswer) =>
      this.#emit({
        kind: "send",
        to: from,
        message: { kind: "joined", id, answer: encodeJoinAnswer(answer) },
      });
    if (request?.issuer === this.#self) this.#office.judge(request, reply);
    else reply(refuseJoin("TOKEN_REFUSED", "the request reached a host that did not issue it"));
  }

  /** The issuer's answer to a question we passed on. Nobody else may give it. */
  answered(from: HostId, { id, answer }: Extract<Envelope, { kind: "joined" }>): void {
    const open = this.#open.get(id);
    if (open?.issuer !== from) return;
    this.#open.delete(id);
    this.#emit({ kind: "joined", ticket: open.ticket, answer });
  }

  /** An issuer that was dialled has come. */
  linkUp(host: HostId): void {
    for (const [id, open] of this.#open) {
      if (open.issuer === host && !open.isSent) this.#send(id, open);
    }
  }

  tick(now: Instant): void {
    for (const [id, { ticket, until, isSent, issuer }] of this.#open) {
      if (now < until) continue;
      this.#open.delete(id);
      const silent = refuseJoin("ISSUER_UNREACHABLE", "the issuer of the token does not answer");
      this.#answer(ticket, isSent ? silent : unreachable(issuer));
    }
  }

  #pass(ticket: number, what: Pick<Passed, "issuer" | "request">, now: Instant): void {
    const { issuer } = what;
    const isReachable = this.#reachable().includes(issuer);
    const address = this.#addressOf(issuer);
    if (!isReachable && address === undefined) return this.#answer(ticket, unreachable(issuer));
    if (this.#open.size >= relaysAtMost) {
      this.#answer(ticket, refuseJoin("TIMED_OUT", "too many hosts are joining here; try again"));
      return;
    }
    this.#id += 1;
    const open = { ticket, ...what, until: now + this.#relayMs, isSent: false };
    this.#open.set(this.#id, open);
    if (isReachable) this.#send(this.#id, open);
    else if (address !== undefined) this.#emit({ kind: "dial", address });
  }

  #send(id: number, open: Passed): void {
    open.isSent = true;
    const { issuer, request } = open;
    this.#emit({ kind: "send", to: issuer, message: { kind: "join", id, request } });
  }

  #answer(ticket: number, answer: JoinAnswer): void {
    this.#emit({ kind: "joined", ticket, answer: encodeJoinAnswer(answer) });
  }
}

function unreachable(issuer: HostId): JoinAnswer {
  const message = `the host that issued the token (${issuer.slice(-8)}) is not reachable from here; it alone can redeem it: join when it is back, or ask another admin for a token`;
  return refuseJoin("ISSUER_UNREACHABLE", message);
}
