import assert from "node:assert/strict";
import fc from "fast-check";
import { decodeEnvelope, type Envelope, encodeEnvelope } from "../../agent/envelope.ts";
import { makeHost } from "../store/world.ts";
import { ip, networkId, simulatedHost } from "./samples.ts";

const delta = makeHost(1).write({ "x/1": 1 });
const report = {
  ...{ host: simulatedHost(1), incarnation: 1, serial: 2, isIsolated: false },
  lost: [{ host: simulatedHost(2), incarnation: 0 }],
  heard: [simulatedHost(3)],
  signature: new Uint8Array(64),
};
const samples: Envelope[] = [
  { kind: "ping", nonce: 1, root: new Uint8Array(16), reports: new Uint8Array(8), rttUs: 200 },
  { kind: "pong", nonce: 1, root: new Uint8Array(16), reports: new Uint8Array(8) },
  { kind: "doubt", host: simulatedHost(1), nonce: 5 },
  { kind: "report", report },
  { kind: "reports", reports: [report] },
  {
    kind: "letter",
    ...{ from: simulatedHost(1), to: simulatedHost(2), hops: 1 },
    ...{ body: new Uint8Array([1]), signature: new Uint8Array(64) },
  },
  { kind: "delta", delta },
  { kind: "head", head: delta.head },
  { kind: "confirm", epoch: 1, seq: 2 },
  { kind: "applied", origin: simulatedHost(1), epoch: 1, seq: 2 },
  { kind: "ask", network: networkId(1), request: "r", size: 16, family: 4 },
  { kind: "ask", network: networkId(1), request: "r", size: 1, family: 4, ip: ip("10.32.0.9") },
  { kind: "deny", network: networkId(1), request: "r", reason: "nothing free" },
  { kind: "join", id: 1, request: new Uint8Array([1]) },
  { kind: "joined", id: 1, answer: new Uint8Array([1]) },
];

describe("envelope", () => {
  it("comes back as it was sent", () => {
    for (const sample of samples) assert.deepEqual(decodeEnvelope(encodeEnvelope(sample)), sample);
  });

  it("is undefined, and never throws, for bytes that are none", () => {
    const whole = samples.map(encodeEnvelope);
    fc.assert(
      fc.property(fc.nat(samples.length - 1), fc.nat(), fc.uint8Array(), (which, at, noise) => {
        const bytes = whole[which] ?? noise;
        assert.equal(decodeEnvelope(noise), undefined);
        assert.equal(decodeEnvelope(bytes.subarray(0, at % bytes.length)), undefined);
        const bent = bytes.slice();
        bent.set(noise.subarray(0, bent.length), 0);
        decodeEnvelope(bent);
      }),
    );
  });
});
