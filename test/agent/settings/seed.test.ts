import assert from "node:assert/strict";
import fc from "fast-check";
import { isSeed } from "../../../agent/settings/seed.ts";
import { parsePlace } from "../../../membership/libp2p/address.ts";

const good = [
  "10.0.0.1",
  "10.0.0.1:7790",
  "host-b",
  "host-b.example.org:1",
  "host-b.example.org.",
  "fd00::1",
  "[fd00::1]",
  "[fd00::1]:65535",
  "/ip4/10.0.0.1/tcp/7790",
  "/ip6/fd00::1/tcp/7790",
  "/dns4/host-b/tcp/7790",
  "/ip4/10.0.0.1/tcp/7790/p2p/12D3KooWGRUVh7bTWyKqMJ4sCUaAJcKmqyEnM6qKpPmyNsUKXh4B",
];
const bad = [
  "",
  " ",
  "10.0.0.256",
  "10.0.0.1:0",
  "10.0.0.1:65536",
  "10.0.0.1:",
  "10.0.0.1:7790:1",
  "fd00::1:7790:",
  "[fd00::1",
  "[10.0.0.1.2]:1",
  "host b",
  "http://host",
  "-host",
  "/ip4/10.0.0.1",
  "/ip4/fd00::1/tcp/1",
  "/ip4/10.0.0.1/udp/7790",
  "/ip4/10.0.0.1/tcp/7790/p2p/nobody",
  "/dns/12/tcp/1",
  "a".repeat(600),
];

describe("a seed", () => {
  for (const text of good) it(`may be ${text}`, () => assert.ok(isSeed(text)));
  for (const text of bad) {
    it(`is not ${JSON.stringify(text.slice(0, 40))}`, () => assert.ok(!isSeed(text)));
  }

  it("is exactly what the transport can dial", () => {
    const pieces = [..."[]:./0159a-", "10.0.0.1", "fd00::1", "host", "/ip4/", "/tcp/", "7790"];
    const text = fc.oneof(
      fc.constantFrom(...good, ...bad),
      fc.string(),
      fc.array(fc.constantFrom(...pieces), { maxLength: 8 }).map((parts) => parts.join("")),
    );
    fc.assert(
      fc.property(text, (any) => {
        assert.equal(isSeed(any), parsePlace(any, 7790) !== undefined, any);
      }),
      { numRuns: 3_000 },
    );
  });
});
