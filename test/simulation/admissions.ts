/** Tokens, admins and revocations in the middle of everything else that happens. */
import type { HostRef } from "../../agent/view.ts";
import type { HostId } from "../../base/id.ts";
import { pick } from "../../base/random.ts";
import { joinRequest, readJoinAnswer } from "../../membership/join.ts";
import { parseToken, type Token } from "../../membership/token.ts";
import type { Cluster } from "./cluster.ts";
import { simulatedCrypto, simulatedHost } from "./crypto.ts";
import { happens } from "./dice.ts";
import type { SimulatedHost } from "./host.ts";

/** A token, how many it may let in, and whom it has let in. */
type Issued = { readonly token: Token; readonly uses: number; readonly admitted: Set<HostId> };

/** What was promised to whoever lets hosts in and bans them. */
export class Admissions {
  readonly tokens: Issued[] = [];
  /** Hosts whose revocation was acknowledged. */
  readonly revoked = new Set<HostId>();
  readonly #cluster: Cluster;
  #nonce = 0;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** Perhaps somebody asks for something, of whichever host: most of them may not. */
  step(): void {
    const { random } = this.#cluster;
    if (happens(random, 15)) this.#makeToken();
    if (happens(random, 60)) this.#join();
    if (happens(random, 10)) this.#changeAdmin();
    if (happens(random, 3)) this.#revoke();
  }

  #makeToken(): void {
    const by = this.#running();
    const uses = 1 + this.#cluster.random.below(3);
    if (by === undefined) return;
    this.#cluster.ask(by, { kind: "token-create", uses, expiresMs: 3_600_000 }, (answer) => {
      const token = answer.kind === "token" ? parseToken(answer.token) : undefined;
      if (token !== undefined) this.tokens.push({ token, uses, admitted: new Set() });
    });
  }

  /** Some of ten strangers with some token, at some host: some of them again and again. */
  #join(): void {
    const { random } = this.#cluster;
    const [issued, at] = [pick(random, this.tokens), this.#running()];
    if (issued === undefined || at === undefined) return;
    const host = simulatedHost(100 + random.below(10));
    this.#nonce += 1;
    const nonce = new Uint8Array(16).fill(this.#nonce & 255);
    const [claim, crypto] = [{ host, nonce }, simulatedCrypto(host)];
    at.join(joinRequest(issued.token, claim, crypto), (bytes) => {
      const answer = readJoinAnswer(bytes, { lock: issued.token, claim }, crypto);
      if (answer.kind === "admitted") issued.admitted.add(host);
      this.#cluster.mark(answer.kind === "admitted" ? "let in" : answer.refusal.code);
    });
  }

  #changeAdmin(): void {
    const [by, host] = [this.#running(), this.#cluster.anyHost()];
    if (by === undefined) return;
    const isAdded = happens(this.#cluster.random, 70);
    const name = `host-${host.n}`;
    this.#cluster.ask(
      by,
      isAdded
        ? { kind: "admin-add", host: name }
        : { kind: "admin-remove", host: name, isForced: false },
      (answer) => {
        if (answer.kind === "host" && answer.isNew)
          this.#cluster.mark(isAdded ? "admin added" : "admin removed");
      },
    );
  }

  /** At most a third: those that are left are to be worth looking at. Some are revoked twice. */
  #revoke(): void {
    const { hosts, random, witness } = this.#cluster;
    const isFull = this.revoked.size >= hosts.length / 3;
    const known = hosts.filter(({ id }) => this.revoked.has(id));
    const isAgain = isFull || (known.length > 0 && happens(random, 20));
    const [by, host] = [this.#running(), pick(random, isAgain ? known : hosts.slice(1))];
    if (by === undefined || host === undefined) return;
    witness.revoke(host.id);
    const command = { kind: "revoke", host: `host-${host.n}`, isForced: false } as const;
    this.#cluster.ask(by, command, (answer) => {
      if (answer.kind !== "host") return;
      this.revoked.add(host.id);
      this.#cluster.mark(answer.isNew ? "revoked" : "revoked already");
    });
  }

  #running(): SimulatedHost | undefined {
    const { hosts, random } = this.#cluster;
    return pick(
      random,
      hosts.filter(({ isUp }) => isUp),
    );
  }
}

/** Who is out, as one host knows it. */
export function outBy(cluster: Cluster, host: SimulatedHost): HostRef["id"][] {
  const answer = cluster.answer(host, { kind: "revocations" });
  const all = answer.kind === "revocations" ? answer.revocations : [];
  const out = all.filter(({ scope }) => scope === "host");
  return [...new Set(out.map(({ host: { id } }) => id))].toSorted();
}
