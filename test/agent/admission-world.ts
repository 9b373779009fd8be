/** Strangers and operators of a simulated cluster: who asks to be let in, and who decides. */
import assert from "node:assert/strict";
import type { Answer, Command } from "../../agent/command.ts";
import type { HostRef, StatusView } from "../../agent/view.ts";
import { encode } from "../../base/codec.ts";
import type { HostId } from "../../base/id.ts";
import type { Certificate } from "../../membership/certificate.ts";
import { type JoinAnswer, joinRequest, readJoinAnswer } from "../../membership/join.ts";
import { parseToken, type Token } from "../../membership/token.ts";
import { Cluster } from "../simulation/cluster.ts";
import { simulatedCrypto } from "../simulation/crypto.ts";
import type { SimulatedHost } from "../simulation/host.ts";

/** A host of the cluster that must be there. */
export function hostOf(cluster: Cluster, n: number): SimulatedHost {
  const host = cluster.hosts[n - 1];
  assert.ok(host);
  return host;
}

/** Hosts that have found each other; the first has founded the cluster. */
export function formed(seed: number, hosts: number, late = 0): Cluster {
  const cluster = new Cluster({ seed, hosts: hosts + late, late });
  cluster.run(3_000);
  return cluster;
}

/** A token as `starling token create` prints it. */
export function makeToken(
  cluster: Cluster,
  by: SimulatedHost,
  { uses = 1, expiresMs = 3_600_000 } = {},
): Token {
  const answer = cluster.answer(by, { kind: "token-create", uses, expiresMs });
  assert.equal(answer.kind, "token", JSON.stringify(answer));
  const token = parseToken(answer.kind === "token" ? answer.token : "");
  assert.ok(token);
  return token;
}

/** One question to be let in, and what comes of it. Without an answer it is asked again. */
export class Joiner {
  readonly host: HostId;
  readonly #token: Token;
  readonly admitted: Certificate[] = [];
  readonly refusals: string[] = [];
  #count = 0;

  constructor(host: HostId, token: Token) {
    this.host = host;
    this.#token = token;
  }

  ask(at: SimulatedHost): void {
    this.#count += 1;
    const nonce = new Uint8Array(16).fill(this.#count);
    const claim = { host: this.host, nonce };
    const crypto = simulatedCrypto(this.host);
    at.join(joinRequest(this.#token, claim, crypto), (bytes) => {
      this.#heard(readJoinAnswer(bytes, { lock: this.#token, claim }, crypto));
    });
  }

  #heard(answer: JoinAnswer): void {
    if (answer.kind === "admitted") this.admitted.push(answer.certificate);
    else this.refusals.push(answer.refusal.code);
  }
}

/** Lets one host of the simulation in, and starts it as a member with the certificate it got. */
export function letIn(cluster: Cluster, host: SimulatedHost, token: Token, at: SimulatedHost) {
  const joiner = new Joiner(host.id, token);
  joiner.ask(at);
  cluster.run(2_000);
  const [certificate] = joiner.admitted;
  assert.ok(certificate, joiner.refusals.join());
  host.disk.files.set("certificate", encode(certificate));
  host.seeds = [at.address];
  host.boot();
  cluster.run(2_000);
}

/** What a command about a host comes to. */
export function done(cluster: Cluster, by: SimulatedHost, command: Command): HostRef | string {
  const answer: Answer = cluster.answer(by, command);
  if (answer.kind === "refused") return answer.refusal.code;
  assert.equal(answer.kind, "host");
  return answer.kind === "host" ? answer.host : "";
}

export function statusOf(cluster: Cluster, host: SimulatedHost): StatusView {
  const answer = cluster.answer(host, { kind: "status" });
  assert.equal(answer.kind, "status");
  if (answer.kind !== "status") throw new Error("no status");
  return answer.status;
}

/** The hosts that one host shows, by their numbers. */
export function shownBy(cluster: Cluster, host: SimulatedHost): number[] {
  const answer = cluster.answer(host, { kind: "members" });
  assert.equal(answer.kind, "members");
  const names = answer.kind === "members" ? answer.members.map(({ name }) => name) : [];
  return names.map((name) => Number(name.slice("host-".length))).toSorted((a, b) => a - b);
}

/** With whom a host is linked, by their numbers. */
export function linksOf(cluster: Cluster, host: SimulatedHost): number[] {
  const ids = new Set(cluster.network.peersOf(host.id));
  return cluster.hosts.filter(({ id }) => ids.has(id)).map(({ n }) => n);
}

/** Cuts every path between two groups. */
export function part(cluster: Cluster, left: readonly number[], right: readonly number[]): void {
  for (const a of left) {
    for (const b of right) {
      cluster.network.cut(hostOf(cluster, a).id, hostOf(cluster, b).id, true);
      cluster.network.cut(hostOf(cluster, b).id, hostOf(cluster, a).id, true);
    }
  }
}

/** Every remote way that a host's kernel knows: the VTEPs it sends to. */
export function vtepsIn(host: SimulatedHost): string[] {
  const ways = host.kernel.vnis().flatMap((vni) => [...host.kernel.remotes(vni).values()]);
  return [...new Set(ways.map(({ vtep }) => vtep as string))].toSorted();
}

/** The certificate on a host's disk. */
export function certificateIn(host: SimulatedHost): Certificate | undefined {
  return host.disk.certificate();
}
