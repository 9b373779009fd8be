import assert from "node:assert/strict";
import { certificateFault, certify } from "../../membership/certificate.ts";
import { appoint, chainLength, isChainSigned, rootIssuer } from "../../membership/warrant.ts";
import { simulatedHost, simulatedSigner } from "../simulation/crypto.ts";
import { a, appointed, b, byRoot, c, certified, cluster, crypto, d, issuer } from "./world.ts";

const fault = (certificate: ReturnType<typeof certified>, host = d) =>
  certificateFault(certificate, { cluster, host }, crypto);

describe("a chain of warrants", () => {
  it("makes a member of whoever an admin lets in, however many admins stand between", () => {
    const ofA = appointed(a, byRoot);
    const ofB = appointed(b, issuer(ofA));
    for (const by of [byRoot, issuer(ofA), issuer(ofB)])
      assert.equal(fault(certified(d, by)), undefined);
    assert.equal(isChainSigned(ofB, byRoot, crypto), true);
  });

  it("ends where somebody signs who was not appointed, or not by who it says", () => {
    const ofA = appointed(a, byRoot);
    const forged = appointed(b, issuer([{ host: c, serial: 9, signature: new Uint8Array(64) }]));
    assert.ok(fault(certified(d, issuer(forged))));
    const stolen = ofA.map((warrant) => ({ ...warrant, host: b }));
    assert.ok(fault(certified(d, issuer(stolen))));
    const otherRoot = rootIssuer(cluster, simulatedSigner(2));
    assert.ok(fault(certified(d, issuer(appointed(a, otherRoot)))));
  });

  it("cannot be hung on another warrant of the same admin", () => {
    const [first, second] = [appointed(a, byRoot), appointed(a, byRoot)];
    const certificate = certified(d, issuer(first));
    assert.equal(fault(certificate), undefined);
    assert.ok(fault({ ...certificate, chain: second }));
    const ofB = appointed(b, issuer(first));
    const moved = [...second, ...ofB.slice(1)];
    assert.equal(isChainSigned(moved, byRoot, crypto), false);
  });

  it("has an end", () => {
    let by = byRoot;
    for (let n = 1; n <= chainLength; n += 1) by = issuer(appointed(simulatedHost(n), by));
    assert.equal(appoint({ host: d, serial: 1 }, by), undefined);
    assert.equal(fault(certified(d, by)), undefined);
  });
});

describe("a certificate of version 0.1.0", () => {
  const { notAfter: _, ...undated } = certify(d, { serial: 0, notAfter: 1 }, byRoot);
  const signed = simulatedSigner(1);

  it("counts without an end where the root key signed it, and nobody else can make one", async () => {
    const { encode } = await import("../../base/codec.ts");
    const bytes = encode(["starling certificate 1", cluster, d]);
    assert.equal(fault({ ...undated, signature: signed.sign(bytes) }), undefined);
    const ofA = issuer(appointed(a, byRoot));
    assert.ok(fault({ ...undated, chain: ofA.chain, signature: ofA.sign(bytes) }));
  });
});
