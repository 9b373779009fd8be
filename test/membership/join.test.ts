import assert from "node:assert/strict";
import fc from "fast-check";
import { parseBootId } from "../../base/id.ts";
import { certificateFault, certify, clusterOf } from "../../membership/certificate.ts";
import { decodeHello, encodeHello, helloFault, protocolVersion } from "../../membership/hello.ts";
import {
  admitJoin,
  encodeJoinAnswer,
  joinRequest,
  parseJoinRequest,
  readJoinAnswer,
} from "../../membership/join.ts";
import { Revocations } from "../../membership/revocations.ts";
import { formatToken, parseToken } from "../../membership/token.ts";
import { rootIssuer } from "../../membership/warrant.ts";
import { sha256, simulatedCrypto, simulatedHost, simulatedSigner } from "../simulation/crypto.ts";
import { limits } from "./world.ts";

const [issuer, joiner, other] = [simulatedHost(1), simulatedHost(2), simulatedHost(3)];
const root = simulatedSigner(1);
const crypto = simulatedCrypto(joiner);
const cluster = clusterOf(root.publicKey, crypto);
const byRoot = rootIssuer(cluster, root);
const secret = sha256(new Uint8Array([1])).subarray(0, 16);
const addresses = ["10.0.0.1:7790", "[fd00::1]:7790"];
const token = { cluster, issuer, secret, expiresAt: 1_800_000_000_000, addresses };
const claim = { host: joiner, nonce: new Uint8Array(16).fill(7) };
const terms = { serial: 7, notAfter: 1_900_000_000_000 };
const certificate = certify(joiner, terms, byRoot);

describe("token", () => {
  it("comes back as it was printed", () => {
    assert.deepEqual(parseToken(formatToken(token)), token);
    assert.match(formatToken(token), /^slt1\.[A-Za-z0-9_-]+$/);
    const bare = { ...token, expiresAt: undefined, addresses: [] };
    assert.deepEqual(parseToken(formatToken(bare)), bare);
  });

  it("of version 0.1.0 is still one", () => {
    const old =
      "slt1.g1ggERERERERERERERERERERERERERERERERERERERERERF4NDEyRDNLb29XMlhuTjc2aUZlYjVlVkVVa1ZDVnlReHdvdEdiOXZFa1MyWG5ONzZpRmViNWVQAwMDAwMDAwMDAwMDAwMDAw";
    const parsed = parseToken(old);
    assert.deepEqual(parsed && [parsed.secret, parsed.expiresAt, parsed.addresses], [
      new Uint8Array(16).fill(3),
      undefined,
      [],
    ]);
  });

  it("is refused when cut short, mistyped or of another kind", () => {
    const text = formatToken(token);
    for (const wrong of ["", "slt1.", "slt1.!!", text.slice(0, -1), `${text}A`, text.slice(5)]) {
      assert.equal(parseToken(wrong), undefined, wrong);
    }
    fc.assert(
      fc.property(fc.string(), (noise) => {
        assert.equal(parseToken(`slt1.${noise}`), undefined);
      }),
    );
  });
});

describe("join", () => {
  const read = (bytes: Uint8Array, nonce = claim.nonce) =>
    readJoinAnswer(bytes, { lock: token, claim: { ...claim, nonce } }, crypto);

  it("lets in who knows the token, with a certificate that proves it", () => {
    const request = parseJoinRequest(joinRequest(token, claim, crypto));
    assert.ok(request);
    const answer = admitJoin(certificate, { lock: token, claim: request }, crypto);
    assert.deepEqual(read(encodeJoinAnswer(answer)), answer);
  });

  it("never shows the secret", () => {
    const answer = admitJoin(certificate, { lock: token, claim }, crypto);
    for (const bytes of [joinRequest(token, claim, crypto), encodeJoinAnswer(answer)])
      assert.equal(Buffer.from(bytes).indexOf(secret), -1);
  });

  it("takes no answer that was given to an earlier question, or by somebody without the secret", () => {
    const bytes = encodeJoinAnswer(admitJoin(certificate, { lock: token, claim }, crypto));
    assert.equal(read(bytes).kind, "admitted");
    assert.equal(read(bytes, new Uint8Array(16).fill(8)).kind, "refused");
    const lock = { ...token, secret: new Uint8Array(16) };
    const forged = encodeJoinAnswer(admitJoin(certificate, { lock, claim }, crypto));
    assert.equal(read(forged).kind, "refused");
  });

  it("does not take a certificate of another cluster, another host or no signature", () => {
    const elsewhere = simulatedSigner(2);
    const byOther = rootIssuer(clusterOf(elsewhere.publicKey, crypto), elsewhere);
    const foreign = certify(joiner, terms, byOther);
    const certificates = [
      foreign,
      certify(other, terms, byRoot),
      { ...certificate, signature: new Uint8Array(64) },
      { ...certificate, notAfter: terms.notAfter + 1 },
      { ...certificate, serial: 8 },
      { ...foreign, cluster },
    ];
    for (const wrong of certificates) {
      assert.ok(certificateFault(wrong, { cluster, host: joiner }, crypto));
      const bytes = encodeJoinAnswer(admitJoin(wrong, { lock: token, claim }, crypto));
      assert.equal(read(bytes).kind, "refused");
    }
  });

  it("never throws on noise", () => {
    fc.assert(
      fc.property(fc.uint8Array(), (noise) => {
        assert.equal(parseJoinRequest(noise), undefined);
        assert.equal(decodeHello(noise), undefined);
        assert.equal(read(noise).kind, "refused");
      }),
    );
  });
});

describe("hello", () => {
  const boot = parseBootId("0".repeat(16));
  assert.ok(boot);
  const revocations = new Revocations({ cluster, crypto, limits });
  const rest = { boot, name: "b", address: "10.0.0.2:1", revocations: revocations.hash() };
  const hello = { protocol: protocolVersion, certificate, ...rest };
  const faultAt = (wallMs: number, peer = joiner, said = hello) =>
    helloFault(peer, encodeHello(said), { cluster, crypto, revocations, wallMs });

  it("is enough to link with a member", () => {
    assert.deepEqual(decodeHello(encodeHello(hello)), hello);
    assert.equal(faultAt(0), undefined);
  });

  it("is refused from who is not the host it names, and in another protocol", () => {
    assert.ok(faultAt(0, other));
    assert.match(faultAt(0, joiner, { ...hello, protocol: 1 }) ?? "", /protocol/);
  });

  it("is refused once its certificate has ended, by more than clocks may differ", () => {
    const dayMs = 24 * 3_600_000;
    assert.equal(faultAt(terms.notAfter + dayMs - 1), undefined);
    assert.match(faultAt(terms.notAfter + dayMs + 1) ?? "", /expired/);
  });
});
