import assert from "node:assert/strict";
import { standingOf } from "../../../agent/node/standing.ts";
import { nodeCrypto } from "../../../base/node/crypto.ts";
import { seededRandom } from "../../../base/random.ts";
import { formatToken } from "../../../membership/token.ts";
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
    const { certificate, cluster, token } = founded();
    const config = { ...bare.config, token };
    const lost = { ...bare, config, hasRecords: true };
    const changed = { ...lost, credentials: { certificate, rootSeed: undefined }, host: other };
    for (const question of [lost, changed]) {
      const standing = standingOf(question);
      assert.equal(standing.kind, "joining");
      assert.equal(standing.cluster, cluster);
    }
  });
});
