/**
 * Strangers at the door. Any member can be asked to let one in; only the issuer of its token can
 * decide. So whoever is asked passes the question on to the issuer and the answer back.
 */
import type { Refusal } from "../base/errors.ts";
import type { HostId } from "../base/id.ts";
import type { Instant } from "../base/time.ts";
import {
  encodeJoinAnswer,
  type JoinAnswer,
  type JoinRequest,
  parseJoinRequest,
  refuseJoin,
} from "../membership/join.ts";
import type { Emit } from "./effect.ts";
import type { Envelope } from "./envelope.ts";

/** What a host that may issue tokens knows; on others every question is refused. */
export interface JoinOffice {
  /** The token and the command that uses it, for the operator. */
  token(): { readonly token: string; readonly command: string } | Refusal;
  /** The decision, if the request's token is ours to redeem. */
  judge(request: JoinRequest): JoinAnswer;
}

const relayMs = 5000;
const relaysAtMost = 64;

/** Questions of strangers, until they are answered. */
export class Relay {
  readonly #self: HostId;
  readonly #office: JoinOffice;
  readonly #emit: Emit;
  readonly #linked: () => readonly HostId[];
  /** Questions passed on, by the id we gave them. */
  readonly #open = new Map<number, { readonly ticket: number; readonly until: Instant }>();
  #id = 0;

  constructor(options: {
    readonly self: HostId;
    readonly office: JoinOffice;
    readonly emit: Emit;
    readonly linked: () => readonly HostId[];
  }) {
    this.#self = options.self;
    this.#office = options.office;
    this.#emit = options.emit;
    this.#linked = options.linked;
  }

  /** A stranger asks us. */
  requested(ticket: number, bytes: Uint8Array, now: Instant): void {
    const request = parseJoinRequest(bytes);
    if (request === undefined) {
      this.#answer(ticket, refuseJoin("TOKEN_REFUSED", "the request to join is malformed"));
    } else if (request.issuer === this.#self) this.#answer(ticket, this.#office.judge(request));
    else if (!this.#linked().includes(request.issuer))
      this.#answer(ticket, unreachable(request.issuer));
    else this.#pass(ticket, request.issuer, { bytes, now });
  }

  /** A member asks us on a stranger's behalf. */
  relayed(from: HostId, { id, request: bytes }: Extract<Envelope, { kind: "join" }>): void {
    const request = parseJoinRequest(bytes);
    const isOurs = request?.issuer === this.#self;
    const answer = isOurs
      ? this.#office.judge(request)
      : refuseJoin("TOKEN_REFUSED", "the request reached a host that did not issue its token");
    this.#emit({
      kind: "send",
      to: from,
      message: { kind: "joined", id, answer: encodeJoinAnswer(answer) },
    });
  }

  /** The issuer's answer to a question we passed on. */
  answered({ id, answer }: Extract<Envelope, { kind: "joined" }>): void {
    const open = this.#open.get(id);
    this.#open.delete(id);
    if (open !== undefined) this.#emit({ kind: "joined", ticket: open.ticket, answer });
  }

  tick(now: Instant): void {
    for (const [id, { ticket, until }] of this.#open) {
      if (now < until) continue;
      this.#open.delete(id);
      this.#answer(
        ticket,
        refuseJoin("ISSUER_UNREACHABLE", "the issuer of the token does not answer"),
      );
    }
  }

  #pass(
    ticket: number,
    issuer: HostId,
    { bytes, now }: { readonly bytes: Uint8Array; readonly now: Instant },
  ): void {
    if (this.#open.size >= relaysAtMost) {
      this.#answer(ticket, refuseJoin("TIMED_OUT", "too many hosts are joining here; try again"));
      return;
    }
    this.#id += 1;
    this.#open.set(this.#id, { ticket, until: now + relayMs });
    this.#emit({
      kind: "send",
      to: issuer,
      message: { kind: "join", id: this.#id, request: bytes },
    });
  }

  #answer(ticket: number, answer: JoinAnswer): void {
    this.#emit({ kind: "joined", ticket, answer: encodeJoinAnswer(answer) });
  }
}

function unreachable(issuer: HostId): JoinAnswer {
  const message = `the host that issued the token (${issuer.slice(-8)}) is not reachable from here; it alone can redeem it: join when it is back, or ask another host for a token`;
  return refuseJoin("ISSUER_UNREACHABLE", message);
}
