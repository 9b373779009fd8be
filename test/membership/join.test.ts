import assert from "node:assert/strict";
import fc from "fast-check";
import { parseBootId } from "../../base/id.ts";
import { certificateFault, certify, clusterOf } from "../../membership/certificate.ts";
import { decodeHello, encodeHello, helloFault, protocolVersion } from "../../membership/hello.ts";
import {
  encodeJoinAnswer,
  joinRequest,
  judgeJoin,
  parseJoinRequest,
  readJoinAnswer,
} from "../../membership/join.ts";
import { formatToken, parseToken } from "../../membership/token.ts";
import { sha256, simulatedCrypto, simulatedHost, simulatedSigner } from "../simulation/crypto.ts";

const [issuer, joiner, other] = [simulatedHost(1), simulatedHost(2), simulatedHost(3)];
const root = simulatedSigner(1);
const crypto = simulatedCrypto(joiner);
const cluster = clusterOf(root.publicKey, crypto);
const token = { cluster, issuer, secret: sha256(new Uint8Array([1])).subarray(0, 16) };
const nonce = new Uint8Array(16).fill(7);

function ask(asked = token, host = joiner) {
  const request = parseJoinRequest(joinRequest(asked, { host, nonce }, crypto));
  assert.ok(request);
  return request;
}

describe("token", () => {
  it("comes back as it was printed", () => {
    assert.deepEqual(parseToken(formatToken(token)), token);
    assert.match(formatToken(token), /^slt1\.[A-Za-z0-9_-]+$/);
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
  it("lets in who knows the token, with a certificate that proves it", () => {
    const answer = judgeJoin(ask(), { token, root }, crypto);
    const read = readJoinAnswer(encodeJoinAnswer(answer), { token, host: joiner }, crypto);
    assert.equal(read.kind, "admitted");
  });

  it("refuses another secret, and a proof made for another host", () => {
    const wrong = { ...token, secret: new Uint8Array(16) };
    assert.equal(judgeJoin(ask(wrong), { token, root }, crypto).kind, "refused");
    const stolen = { ...ask(), host: other };
    assert.equal(judgeJoin(stolen, { token, root }, crypto).kind, "refused");
  });

  it("does not take a certificate of another cluster, another host or no signature", () => {
    const foreign = certify(joiner, simulatedSigner(2), crypto);
    const certificates = [
      foreign,
      certify(other, root, crypto),
      { ...certify(joiner, root, crypto), signature: new Uint8Array(64) },
      { ...foreign, cluster },
    ];
    for (const certificate of certificates) {
      assert.ok(certificateFault(certificate, { cluster, host: joiner }, crypto));
      const bytes = encodeJoinAnswer({ kind: "admitted", certificate });
      assert.equal(readJoinAnswer(bytes, { token, host: joiner }, crypto).kind, "refused");
    }
  });

  it("never throws on noise", () => {
    fc.assert(
      fc.property(fc.uint8Array(), (noise) => {
        assert.equal(parseJoinRequest(noise), undefined);
        assert.equal(decodeHello(noise), undefined);
        assert.equal(readJoinAnswer(noise, { token, host: joiner }, crypto).kind, "refused");
      }),
    );
  });
});

describe("hello", () => {
  const boot = parseBootId("0".repeat(16));
  assert.ok(boot);
  const certificate = certify(joiner, root, crypto);
  const hello = { protocol: protocolVersion, certificate, boot, name: "b", address: "10.0.0.2:1" };

  it("is enough to link with a member", () => {
    assert.deepEqual(decodeHello(encodeHello(hello)), hello);
    assert.equal(helloFault(joiner, encodeHello(hello), cluster, crypto), undefined);
  });

  it("is refused from who is not the host it names, and in another protocol", () => {
    assert.ok(helloFault(other, encodeHello(hello), cluster, crypto));
    const newer = encodeHello({ ...hello, protocol: protocolVersion + 1 });
    assert.match(helloFault(joiner, newer, cluster, crypto) ?? "", /protocol/);
  });
});
