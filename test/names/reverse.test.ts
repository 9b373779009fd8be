import assert from "node:assert/strict";
import fc from "fast-check";
import { cidrContains, cidrOf, numberToIp, parseCidr } from "../../base/address.ts";
import { parseReverse, reverseName, reverseZone } from "../../names/reverse.ts";
import { ip } from "./world.ts";

const anyIp = fc.oneof(
  fc.bigInt({ min: 0n, max: 2n ** 32n - 1n }).map((value) => numberToIp(value, 4)),
  fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }).map((value) => numberToIp(value, 6)),
);

describe("the name of an address", () => {
  it("leads back to the address", () => {
    fc.assert(
      fc.property(anyIp, (address) => {
        assert.equal(parseReverse(reverseName(address))?.ip, address);
      }),
    );
  });

  it("is in the zone of its subnet", () => {
    fc.assert(
      fc.property(anyIp, fc.integer({ min: 8, max: 32 }), (address, prefix) => {
        const subnet = cidrOf(address, prefix);
        const zone = reverseZone(address, subnet);
        const name = reverseName(address);
        assert.ok(name === zone || name.endsWith(`.${zone}`), `${name} in ${zone}`);
        const range = parseReverse(zone)?.range;
        assert.ok(range !== undefined && cidrContains(subnet, ip(range.split("/")[0] ?? "")));
      }),
    );
  });

  it("stands for a range where labels are missing", () => {
    assert.deepEqual(parseReverse("32.10.in-addr.arpa"), {
      range: parseCidr("10.32.0.0/16"),
      ip: undefined,
    });
    assert.equal(parseReverse("0.0.d.f.ip6.arpa")?.range, "fd00::/16");
  });

  it("is told from others that only look so", () => {
    for (const name of [
      "in-addr.arpa",
      "1.2.3.4.5.in-addr.arpa",
      "256.in-addr.arpa",
      "01.in-addr.arpa",
    ])
      assert.equal(parseReverse(name), undefined, name);
    for (const name of ["ip6.arpa", "g.ip6.arpa", "10.ip6.arpa", "a..ip6.arpa", "db.web.starling"])
      assert.equal(parseReverse(name), undefined, name);
  });
});
