import assert from "node:assert/strict";
import { encode } from "../../base/codec.ts";
import type { Certificate } from "../../membership/certificate.ts";
import { joinRequest } from "../../membership/join.ts";
import type { Cluster } from "../simulation/cluster.ts";
import { simulatedCrypto, simulatedHost } from "../simulation/crypto.ts";
import { formed, hostOf, Joiner, letIn, linksOf, makeToken, shownBy } from "./admission-world.ts";

const seeds = 25;

describe("a token", () => {
  it("lets a host in through any member, and this one once", () => {
    const cluster = formed(1, 3, 1);
    const token = makeToken(cluster, hostOf(cluster, 1));
    const late = hostOf(cluster, 4);
    letIn(cluster, late, token, hostOf(cluster, 3));
    for (const host of cluster.hosts) assert.deepEqual(shownBy(cluster, host), [1, 2, 3, 4]);
    const other = new Joiner(simulatedHost(50), token);
    other.ask(hostOf(cluster, 2));
    cluster.run(2_000);
    assert.deepEqual([other.admitted, other.refusals], [[], ["TOKEN_USED_UP"]]);
  });

  it("is redeemed over any number of members, where not all are linked with its issuer", () => {
    const cluster = formed(1, 14);
    // The first was everybody's seed: links that nobody computes end in time.
    cluster.run(90_000);
    const issuer = hostOf(cluster, 1);
    const far = cluster.hosts.filter(({ n }) => !linksOf(cluster, issuer).includes(n) && n !== 1);
    assert.ok(far.length > 0, "some are no neighbours of the issuer");
    const token = makeToken(cluster, issuer, { uses: 14 });
    for (const relay of far) {
      const joiner = new Joiner(simulatedHost(50 + relay.n), token);
      joiner.ask(relay);
      cluster.run(2_000);
      assert.deepEqual([joiner.admitted.length, joiner.refusals], [1, []]);
    }
  });

  it("for one host lets one of several in that use it at the same instant", () => {
    for (let seed = 1; seed <= seeds; seed += 1) {
      const cluster = formed(seed, 3);
      const token = makeToken(cluster, hostOf(cluster, 1));
      const joiners = [50, 51, 52, 53].map((n) => new Joiner(simulatedHost(n), token));
      for (const [at, joiner] of joiners.entries()) joiner.ask(hostOf(cluster, 1 + (at % 3)));
      cluster.run(3_000);
      const admitted = joiners.filter((joiner) => joiner.admitted.length > 0);
      assert.equal(admitted.length, 1, `seed ${seed}`);
      const refused = joiners.flatMap(({ refusals }) => refusals);
      assert.deepEqual(refused, ["TOKEN_USED_UP", "TOKEN_USED_UP", "TOKEN_USED_UP"]);
    }
  });

  it("admits no host too many, and keeps none out, whenever its issuer crashes", () => {
    let crashes = 0;
    for (let seed = 1; seed <= seeds; seed += 1) {
      const cluster = formed(seed, 3);
      const issuer = hostOf(cluster, 1);
      const token = makeToken(cluster, issuer, { uses: 2 });
      const joiners = [50, 51, 52, 53].map((n) => new Joiner(simulatedHost(n), token));
      for (let step = 0; step < 40; step += 1) crashes += stormStep(cluster, joiners);
      if (!issuer.isUp) issuer.boot();
      cluster.run(5_000);
      for (const joiner of joiners) joiner.ask(issuer);
      cluster.run(2_000);
      const admitted = joiners.filter((joiner) => joiner.admitted.length > 0);
      assert.equal(admitted.length, 2, `seed ${seed}: as many as the token says`);
      for (const { admitted: all } of admitted)
        assert.equal(distinct(all), 1, `seed ${seed}: the same certificate each time`);
    }
    assert.ok(crashes > seeds, "issuers crashed");
  });

  it("is not signed for before its use is on disk", () => {
    for (let seed = 1; seed <= seeds; seed += 1) {
      const cluster = formed(seed, 1);
      const issuer = hostOf(cluster, 1);
      const token = makeToken(cluster, issuer);
      const before = issuer.disk.files.get("tokens");
      const joiner = new Joiner(simulatedHost(50), token);
      joiner.ask(issuer);
      // Twice, so that a second question meets a use that is not yet written.
      joiner.ask(issuer);
      for (let at = 0; joiner.admitted.length === 0 && at < 1_000; at += 1) cluster.run(0.1);
      assert.notEqual(issuer.disk.files.get("tokens"), before);
      cluster.run(100);
      assert.deepEqual([joiner.admitted.length, joiner.refusals.length], [2, 0]);
    }
  });

  it("ends by its issuer's clock, and by nobody else's", () => {
    const cluster = formed(1, 2);
    const [issuer, other] = [hostOf(cluster, 1), hostOf(cluster, 2)];
    const token = makeToken(cluster, issuer, { uses: 9, expiresMs: 60_000 });
    const ask = (n: number) => {
      const joiner = new Joiner(simulatedHost(n), token);
      joiner.ask(other);
      cluster.run(1_000);
      return joiner.refusals[0] ?? "admitted";
    };
    other.skewMs = 3_600_000;
    assert.equal(ask(50), "admitted");
    issuer.skewMs = 61_000;
    assert.equal(ask(51), "TOKEN_EXPIRED");
    // It has got in, and its answer may have been lost.
    assert.equal(ask(50), "admitted");
  });

  it("is refused with the reason: unknown, removed, of an issuer that is away, malformed", () => {
    const cluster = formed(1, 3);
    const [issuer, other] = [hostOf(cluster, 1), hostOf(cluster, 2)];
    const token = makeToken(cluster, issuer);
    const ask = (with_ = token) => {
      const joiner = new Joiner(simulatedHost(50), with_);
      joiner.ask(other);
      cluster.run(7_000);
      return joiner.refusals[0];
    };
    // Its issuer's answer is sealed with a secret that the joiner has not: it can only say no.
    assert.equal(ask({ ...token, secret: new Uint8Array(16) }), "TOKEN_REFUSED");
    assert.equal(ask({ ...token, issuer: simulatedHost(60) }), "ISSUER_UNREACHABLE");
    assert.equal(ask({ ...token, issuer: hostOf(cluster, 3).id }), "TOKEN_REFUSED");
    const [listed] = tokensOf(cluster.answer(issuer, { kind: "tokens" }));
    const removed = cluster.answer(issuer, { kind: "token-remove", token: listed?.id ?? "" });
    assert.equal(removed.kind, "removed");
    assert.equal(ask(), "TOKEN_REFUSED");
    issuer.crash();
    cluster.run(5_000);
    assert.equal(ask(), "ISSUER_UNREACHABLE");
  });

  it("is made by admins only, and shown again until a large part of its time is over", () => {
    const cluster = formed(1, 2);
    const [admin, member] = [hostOf(cluster, 1), hostOf(cluster, 2)];
    const refused = cluster.answer(member, { kind: "token" });
    assert.equal(refused.kind === "refused" && refused.refusal.code, "NOT_PERMITTED");
    assert.match(refused.kind === "refused" ? refused.refusal.message : "", /host-1/);
    const first = cluster.answer(admin, { kind: "token" });
    assert.deepEqual(cluster.answer(admin, { kind: "token" }), first);
    admin.skewMs = 23.5 * 3_600_000;
    assert.notDeepEqual(cluster.answer(admin, { kind: "token" }), first);
  });

  it("gives nothing to a member that relays a question and keeps a copy", () => {
    const cluster = formed(1, 2);
    const token = makeToken(cluster, hostOf(cluster, 1), { uses: 2 });
    const victim = { host: simulatedHost(50), nonce: new Uint8Array(16).fill(1) };
    const seen = joinRequest(token, victim, simulatedCrypto(victim.host));
    const joiner = new Joiner(victim.host, token);
    joiner.ask(hostOf(cluster, 2));
    cluster.run(1_000);
    for (let copy = 0; copy < 5; copy += 1) hostOf(cluster, 2).join(seen, () => undefined);
    cluster.run(1_000);
    const [listed] = tokensOf(cluster.answer(hostOf(cluster, 1), { kind: "tokens" }));
    assert.equal(listed?.used, 1);
  });
});

/** Somebody asks somewhere, and the issuer may crash or come back. Returns how often it crashed. */
function stormStep(cluster: Cluster, joiners: readonly Joiner[]): number {
  const issuer = hostOf(cluster, 1);
  const joiner = joiners[cluster.random.below(joiners.length)];
  joiner?.ask(hostOf(cluster, 1 + cluster.random.below(3)));
  cluster.run(cluster.random.below(8));
  const crashes = issuer.isUp && cluster.random.below(4) === 0;
  if (crashes) issuer.crash();
  else if (!issuer.isUp && cluster.random.below(2) === 0) issuer.boot();
  return crashes ? 1 : 0;
}

function distinct(certificates: readonly Certificate[]): number {
  return new Set(certificates.map((certificate) => encode(certificate).join())).size;
}

function tokensOf(answer: { readonly kind: string }) {
  return "tokens" in answer ? (answer.tokens as { id: string; used: number }[]) : [];
}
