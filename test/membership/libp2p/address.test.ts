import assert from "node:assert/strict";
import { multiaddr } from "@multiformats/multiaddr";
import fc from "fast-check";
import { addressText, parsePlace, resolvePlace } from "../../../membership/libp2p/address.ts";

const host = "12D3KooWKnDdG3iXw9eTFijk3EWSunZcFi54Zka4wmtqtt6rPxc8";
const parsed = (text: string) => {
  const place = parsePlace(text, 7790);
  return place && [place.name, place.port, place.host].filter((part) => part !== undefined);
};

describe("an address to dial", () => {
  it("may be a host, with or without port, or a multiaddr", () => {
    const right: readonly [string, ...(string | number)[]][] = [
      ["10.0.0.1", "10.0.0.1", 7790],
      ["10.0.0.1:80", "10.0.0.1", 80],
      ["fd00::1", "fd00::1", 7790],
      ["[FD00::01]:80", "fd00::1", 80],
      ["[fd00::1]", "fd00::1", 7790],
      ["host-a", "host-a", 7790],
      ["host-a.example.com:65535", "host-a.example.com", 65_535],
      ["localhost", "localhost", 7790],
      ["/ip4/10.0.0.1/tcp/80", "10.0.0.1", 80],
      ["/ip6/fd00::1/tcp/80", "fd00::1", 80],
      ["/dns/host-a/tcp/80", "host-a", 80],
      [`/dns4/host-a/tcp/80/p2p/${host}`, "host-a", 80, host],
    ];
    for (const [text, ...place] of right) assert.deepEqual(parsed(text), place, text);
  });

  it("is refused where it is anything else", () => {
    const wrong = ["", " ", ":", "::::", "10.0.0.1:", "10.0.0.1:0", "10.0.0.1:65536", "10.0.0"];
    const wrongNames = [
      "host a",
      "-a",
      "a..b",
      "a/b",
      "http://a",
      "10.0.0.256",
      "a:b",
      "@",
      "a:1:2",
    ];
    const wrongV6 = [
      "[fd00::1",
      "[10.0.0.1.1]:1",
      "fe80::1%eth0",
      "[::ffff:10.0.0.1]:1",
      "[host]:1",
    ];
    const wrongMulti = [
      "/",
      "/ip4/10.0.0.1",
      "/ip4/fd00::1/tcp/1",
      "/ip6/10.0.0.1/tcp/1",
      "/ip4/10.0.0.1/udp/1",
      "/ip4/10.0.0.1/tcp/1/p2p/x",
      "/ip4/10.0.0.1/tcp/1/ws",
      "/unix/%2Frun%2Fx",
    ];
    for (const text of [...wrong, ...wrongNames, ...wrongV6, ...wrongMulti]) {
      assert.equal(parsed(text), undefined, text);
    }
  });

  it("never throws, and never takes long, on bad text", () => {
    const near = fc.stringMatching(/^[\][0-9a-f:./ip46tcdns-]{0,64}$/);
    fc.assert(
      fc.property(fc.oneof(fc.string({ maxLength: 600 }), near), (text) => void parsed(text)),
      { numRuns: 3_000 },
    );
    const started = performance.now();
    parsed("a-".repeat(200));
    parsed(`${"a-.".repeat(84)}!`);
    assert.ok(performance.now() - started < 100);
  });

  it("is what the other end's address reads as", () => {
    const pairs = [
      ["/ip4/10.0.0.1/tcp/80", "10.0.0.1:80"],
      ["/ip6/FD00:0::1/tcp/80", "[fd00::1]:80"],
      [`/ip4/10.0.0.1/tcp/80/p2p/${host}`, "10.0.0.1:80"],
    ] as const;
    for (const [address, text] of pairs) {
      assert.equal(addressText(multiaddr(address)), text);
      assert.notEqual(parsePlace(text, 1), undefined);
    }
  });
});

describe("a place", () => {
  it("is dialled by its address, and as the host it names", async () => {
    const place = parsePlace(`/ip4/10.0.0.1/tcp/80/p2p/${host}`, 1);
    assert.ok(place !== undefined);
    assert.deepEqual((await resolvePlace(place)).map(String), [`/ip4/10.0.0.1/tcp/80/p2p/${host}`]);
  });

  it("with a name is dialled by the addresses that the system finds", async () => {
    const found = await resolvePlace({ name: "localhost", port: 80, host: undefined });
    assert.ok(
      found.map(String).some((text) => /^\/ip(4\/127\.0\.0\.1|6\/::1)\/tcp\/80$/.test(text)),
    );
  });

  it("with a name that is none says so", async () => {
    await assert.rejects(resolvePlace({ name: "nobody.invalid", port: 80, host: undefined }), {
      code: "AGENT_UNREACHABLE",
      message: "the name nobody.invalid cannot be resolved",
    });
  });
});
