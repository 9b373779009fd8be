import assert from "node:assert/strict";
import { limits, timing } from "../../agent/config.ts";
import { encodeEnvelope } from "../../agent/envelope.ts";
import { encode } from "../../base/codec.ts";
import type { HostId } from "../../base/id.ts";
import { certify, clusterOf } from "../../membership/certificate.ts";
import { decodeHello, encodeHello } from "../../membership/hello.ts";
import { revoke } from "../../membership/revocations.ts";
import { appoint, type Issuer, rootIssuer } from "../../membership/warrant.ts";
import type { Cluster } from "../simulation/cluster.ts";
import { simulatedCrypto, simulatedHost, simulatedSigner } from "../simulation/crypto.ts";
import {
  formed,
  hostOf,
  Joiner,
  linksOf,
  makeToken,
  shownBy,
  statusOf,
} from "./admission-world.ts";

const root = simulatedSigner(1);
const clusterId = clusterOf(root.publicKey, simulatedCrypto("" as HostId));
const lasting = { serial: 7, notAfter: 2_500_000_000_000 };

/** A host that calls itself an admin: its warrant is its own word. */
function selfMade(host: HostId): Issuer {
  const sign = (bytes: Uint8Array) => simulatedCrypto(host).sign(bytes);
  const rootKey = root.publicKey;
  const own = { cluster: clusterId, rootKey, chain: [], sign };
  const chain = appoint({ host, serial: 1 }, own);
  assert.ok(chain);
  return { ...own, chain };
}

function banOf(host: HostId, by: Issuer): Uint8Array {
  const nothing = { serials: [], keep: [], keepWarrants: [], epoch: 9, seq: 9 };
  const entries = [revoke({ scope: "host", host, ...nothing }, by)];
  return encodeEnvelope({ kind: "revocations", entries, isLast: true });
}

/** Gossips so many things of which each is false in its own way. */
function lie(cluster: Cluster, liar: number, count: number): void {
  const { id } = hostOf(cluster, liar);
  for (let n = 0; n < count; n += 1) {
    const victim = hostOf(cluster, 1 + (n % 2)).id;
    const bytes = banOf(victim, selfMade(id));
    cluster.network.publish(id, n % 3 === 0 ? new Uint8Array(n) : bytes);
    cluster.run(20);
  }
}

describe("a stranger", () => {
  for (const [what, issuer] of [
    ["of another cluster's root", rootIssuer(clusterId, simulatedSigner(2))],
    ["of an admin that nobody appointed", selfMade(simulatedHost(60))],
  ] as const) {
    it(`with a certificate ${what} links with nobody, and nobody knows it`, () => {
      const cluster = formed(1, 3, 1);
      const stranger = hostOf(cluster, 4);
      const certificate = certify(stranger.id, lasting, issuer);
      // Its own agent would know better: this one says what it likes.
      const { hello } = stranger;
      stranger.hello = () => {
        const said = decodeHello(hello.call(stranger));
        return said === undefined ? new Uint8Array() : encodeHello({ ...said, certificate });
      };
      stranger.boot();
      cluster.run(20_000);
      assert.deepEqual(linksOf(cluster, stranger), []);
      for (const n of [1, 2, 3]) assert.deepEqual(shownBy(cluster, hostOf(cluster, n)), [1, 2, 3]);
      assert.match(statusOf(cluster, stranger).warnings.join("\n"), /refuses this host/);
    });
  }
});

describe("a member", () => {
  it("that revokes without being an admin changes nothing", () => {
    const cluster = formed(1, 4);
    const { id } = hostOf(cluster, 4);
    for (const victim of [1, 2, 3]) {
      const bytes = banOf(hostOf(cluster, victim).id, selfMade(id));
      cluster.network.publish(id, bytes);
      for (const to of [1, 2, 3]) cluster.network.send(id, hostOf(cluster, to).id, bytes);
    }
    cluster.run(10_000);
    for (const n of [1, 2, 3]) {
      assert.deepEqual(shownBy(cluster, hostOf(cluster, n)), [1, 2, 3, 4]);
      const answer = cluster.answer(hostOf(cluster, n), { kind: "revocations" });
      assert.deepEqual(answer.kind === "revocations" && answer.revocations, []);
    }
  });

  it("whose gossip proves false again and again is left alone for a while, and comes back", () => {
    const cluster = formed(1, 4);
    lie(cluster, 4, limits.falseMessages - 1);
    assert.deepEqual(linksOf(cluster, hostOf(cluster, 4)), [1, 2, 3], "a few are borne");
    lie(cluster, 4, 3);
    cluster.run(2_000);
    assert.deepEqual(linksOf(cluster, hostOf(cluster, 4)), []);
    for (const n of [1, 2, 3]) assert.ok(linksOf(cluster, hostOf(cluster, n)).length === 2);
    cluster.run(timing.admission.penaltyMs - 10_000);
    assert.deepEqual(linksOf(cluster, hostOf(cluster, 4)), []);
    cluster.run(30_000);
    assert.deepEqual(linksOf(cluster, hostOf(cluster, 4)), [1, 2, 3]);
  });

  it("does not suffer for what another says: what proves false is not passed on", () => {
    const cluster = formed(1, 5);
    const [liar, honest] = [hostOf(cluster, 5), hostOf(cluster, 4)];
    // Only host 4 hears the liar at first hand.
    for (const n of [1, 2, 3]) cluster.network.cut(liar.id, hostOf(cluster, n).id, true);
    lie(cluster, 5, 3 * limits.falseMessages);
    cluster.run(2_000);
    assert.deepEqual(
      linksOf(cluster, honest).filter((n) => n !== 5),
      [1, 2, 3],
    );
  });

  it("cannot bring a stranger a certificate by passing on its wish for a new one", () => {
    const cluster = formed(1, 3);
    const [admin, bearer] = [hostOf(cluster, 1), hostOf(cluster, 3)];
    const stranger = simulatedHost(50);
    const body = encodeEnvelope({ kind: "renew" });
    const said = encode(["starling letter 1", clusterId, stranger, admin.id, body]);
    const signature = simulatedCrypto(stranger).sign(said);
    const letter = { kind: "letter", from: stranger, to: admin.id, hops: 1, body } as const;
    const sent: string[] = [];
    const agent = admin.agent();
    assert.ok(agent);
    agent.received(bearer.id, encodeEnvelope({ ...letter, signature }), cluster.schedule.now());
    for (const effect of agent.drain()) if (effect.kind === "send") sent.push(effect.message.kind);
    assert.deepEqual(sent, []);
  });

  it("cannot answer in an issuer's place", () => {
    const cluster = formed(1, 3);
    const [issuer, relay, liar] = [1, 2, 3].map((n) => hostOf(cluster, n));
    assert.ok(issuer && relay && liar);
    const joiner = new Joiner(simulatedHost(50), makeToken(cluster, issuer));
    issuer.pause();
    joiner.ask(relay);
    cluster.run(50);
    for (let guess = 0; guess < 20; guess += 1) {
      const forged = encodeEnvelope({ kind: "joined", id: guess, answer: new Uint8Array(9) });
      cluster.network.send(liar.id, relay.id, forged);
    }
    cluster.run(50);
    assert.deepEqual([joiner.admitted, joiner.refusals], [[], []], "the question is still open");
    issuer.resume();
    cluster.run(500);
    assert.equal(joiner.admitted.length, 1);
  });
});
