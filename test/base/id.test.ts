import assert from "node:assert/strict";
import fc from "fast-check";
import {
  parseBootId,
  parseClusterId,
  parseEndpointId,
  parseHostId,
  parseName,
  parseNetworkId,
} from "../../base/id.ts";

const host = "12D3KooWKnDdG3iXw9eTFijk3EWSunZcFi54Zka4wmtqtt6rPxc8";

describe("ids", () => {
  it("of hosts are Ed25519 peer ids and nothing else", () => {
    assert.equal(parseHostId(host), host);
    const rsa = "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N";
    const wrong = [
      "",
      host.slice(1),
      `${host}a`,
      host.replace("K", "0"),
      rsa,
      ` ${host}`,
      `${host}\n`,
    ];
    for (const text of wrong) assert.equal(parseHostId(text), undefined, text);
  });

  it("of clusters are 64 lower-case hex digits", () => {
    assert.equal(parseClusterId("ab".repeat(32)), "ab".repeat(32));
    for (const text of [
      "AB".repeat(32),
      "ab".repeat(31),
      "zz".repeat(32),
      `${"ab".repeat(32)}\n`,
    ]) {
      assert.equal(parseClusterId(text), undefined, text);
    }
  });

  it("of networks, endpoints and runs are 16 lower-case hex digits", () => {
    for (const parse of [parseNetworkId, parseEndpointId, parseBootId]) {
      assert.equal(parse("0123456789abcdef"), "0123456789abcdef");
      for (const text of ["", "0123456789abcde", "0123456789ABCDEF", "0123456789abcdef0"]) {
        assert.equal(parse(text), undefined, text);
      }
    }
  });

  it("never throw on bad text", () => {
    const parsers = [parseHostId, parseClusterId, parseNetworkId, parseEndpointId, parseBootId];
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        for (const parse of parsers) assert.equal(parse(text), undefined);
      }),
    );
  });
});

describe("names", () => {
  it("are DNS labels", () => {
    for (const text of ["a", "web", "web-1", "0", "x".repeat(63), "xn--caf-dma"]) {
      assert.equal(parseName(text), text);
    }
  });

  it("are refused where DNS would not carry them", () => {
    const wrong = [
      "",
      "-a",
      "a-",
      "Web",
      "a.b",
      "a_b",
      "x".repeat(64),
      "café",
      "a b",
      "web\n",
      "../web",
    ];
    for (const text of wrong) assert.equal(parseName(text), undefined, text);
  });
});
