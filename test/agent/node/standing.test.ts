import assert from "node:assert/strict";
import { standingOf } from "../../../agent/node/standing.ts";
import { nodeCrypto } from "../../../base/node/crypto.ts";
import { seededRandom } from "../../../base/random.ts";
import { formatToken, type Token } from "../../../membership/token.ts";
import { a, b, byRoot, certified, cluster, crypto } from "../../membership/world.ts";
import { simulatedHost } from "../samples.ts";

type Question = Parameters<typeof standingOf>[0];

const [host, other] = [simulatedHost(1), simulatedHost(2)];
const bare: Question = {
  credentials: { certificate: undefined, rootSeed: undefined },
  config: { join: [], token: undefined, dataDir: "/d" },
  seeds: [],
  host,
  crypto: nodeCrypto(new Uint8Array(32)),
  random: seededRandom(1),
  wallMs: 0,
  hasRecords: false,
};

/** What a host that has founded a cluster is, and a token of that cluster. */
function founded() {
  const standing = standingOf(bare);
  assert.ok(standing.kind === "member" && standing.isNew);
  const { cluster, certificate } = standing;
  const secret = new Uint8Array(16);
  const addresses = ["10.0.0.1:7790"];
  const token = formatToken({ cluster, issuer: host, secret, expiresAt: 1_000, addresses });
  return { certificate, cluster, token };
}

describe("a host that starts", () => {
  it("founds no cluster on the records of another, whose certificate it has lost", () => {
    const asked = () => standingOf({ ...bare, hasRecords: true });
    assert.throws(asked, { code: "STORE_DAMAGED", message: /\/d\/certificate is missing/ });
  });

  it("is no member by the certificate of another key, and says which file is wrong", () => {
    const credentials = { certificate: founded().certificate, rootSeed: undefined };
    const asked = () => standingOf({ ...bare, credentials, host: other });
    assert.throws(asked, { code: "STORE_DAMAGED", message: /\/d\/identity is another/ });
  });

  it("joins anew with a token where either is lost", () => {
    const { certificate, cluster: own, token: text } = founded();
    const config = { ...bare.config, token: text };
    const lost = { ...bare, config, seeds: ["10.0.0.1:7790"], hasRecords: true };
    const changed = { ...lost, credentials: { certificate, rootSeed: undefined }, host: other };
    for (const question of [lost, changed]) {
      const standing = standingOf(question);
      assert.equal(standing.kind, "joining");
      assert.equal(standing.cluster, own);
    }
  });
});

const token: Token = {
  cluster,
  issuer: a,
  secret: new Uint8Array(16),
  expiresAt: undefined,
  addresses: ["10.0.0.1:7790"],
};

/** What host b is, with these papers, seeds and token. */
function standing(given: {
  readonly certificate?: ReturnType<typeof certified>;
  readonly seeds?: readonly string[];
  readonly token?: Token;
  readonly wallMs?: number;
}) {
  const { certificate, seeds = [], wallMs = 0 } = given;
  const text = given.token && formatToken(given.token);
  return standingOf({
    ...bare,
    credentials: { certificate, rootSeed: undefined },
    config: { join: seeds, token: text, dataDir: "/d" },
    seeds,
    host: b,
    crypto,
    wallMs,
  });
}

describe("what a host is when it starts", () => {
  it("is a founder without papers, seeds and token", () => {
    const founder = standing({});
    assert.ok(founder.kind === "member" && founder.isNew);
    assert.deepEqual(founder.certificate.chain, []);
  });

  it("is somebody who joins with a token and somebody to ask, and nothing with one of them", () => {
    assert.equal(standing({ token, seeds: ["10.0.0.1"] }).kind, "joining");
    assert.throws(() => standing({ seeds: ["10.0.0.1"] }), { code: "TOKEN_MISSING" });
    assert.throws(() => standing({ token }), { code: "CONFIG_INVALID" });
  });

  it("is a member with a certificate, whatever token is in its configuration", () => {
    const certificate = certified(b, byRoot);
    assert.equal(standing({ certificate, token, seeds: ["10.0.0.1"] }).kind, "member");
    const foreign = { ...token, cluster: `${cluster.slice(1)}0` as typeof cluster };
    assert.throws(() => standing({ certificate, token: foreign }), { code: "CONFIG_INVALID" });
  });

  it("joins again with a token once its certificate has ended, and stays what it is without", () => {
    const certificate = certified(b, byRoot);
    const wallMs = (certificate.notAfter ?? 0) + 1;
    assert.equal(standing({ certificate, token, seeds: ["x"], wallMs }).kind, "joining");
    assert.equal(standing({ certificate, wallMs }).kind, "member");
  });
});
