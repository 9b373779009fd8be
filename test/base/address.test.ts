import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type Cidr,
  cidrContains,
  cidrOf,
  cidrRange,
  cidrsOverlap,
  type Family,
  familyOf,
  gatewayOf,
  highestVni,
  type Ip,
  ipToNumber,
  lowestVni,
  macFromBytes,
  numberToIp,
  parseCidr,
  parseIp,
  parseMac,
  parseVni,
} from "../../base/address.ts";

const ipv4s = fc.ipV4().map((text) => parseIp(text) as Ip);
/** Not all of IPv6: those that stand for an IPv4 address are refused. */
const ipv6s = fc
  .bigInt({ min: 2n ** 48n, max: 2n ** 128n - 1n })
  .map((value) => numberToIp(value, 6));
const ips = fc.oneof(ipv4s, ipv6s);
const cidrs = ips.chain((ip) =>
  fc.integer({ min: 0, max: familyOf(ip) === 4 ? 32 : 128 }).map((prefix) => cidrOf(ip, prefix)),
);
const bits = (family: Family): number => (family === 4 ? 32 : 128);

describe("addresses", () => {
  it("are their own canonical form", () => {
    fc.assert(fc.property(ips, (ip) => assert.equal(parseIp(ip), ip)));
  });

  it("survive the way to a number and back", () => {
    fc.assert(fc.property(ips, (ip) => assert.equal(numberToIp(ipToNumber(ip), familyOf(ip)), ip)));
  });

  it("keep the order of their numbers", () => {
    fc.assert(
      fc.property(ipv4s, ipv4s, (a, b) => {
        const bytes = (ip: Ip) => ip.split(".").map((part) => part.padStart(3, "0"));
        assert.equal(ipToNumber(a) < ipToNumber(b), bytes(a).join() < bytes(b).join());
      }),
    );
  });

  it("have one form for every spelling", () => {
    assert.equal(parseIp("FD00:0:0:0:0:0:0:01"), "fd00::1");
    assert.equal(parseIp("2001:db8:0:0:1:0:0:1"), "2001:db8::1:0:0:1");
    assert.equal(parseIp("::"), "::");
    assert.equal(parseIp("0.0.0.0"), "0.0.0.0");
  });

  it("are refused where they are ambiguous, scoped or mapped", () => {
    const wrong = [
      "",
      " ",
      "10.0.0",
      "10.0.0.256",
      "010.0.0.1",
      "0x0a.0.0.1",
      "167772161",
      "1.2.3.4.5",
    ];
    const wrong6 = [
      "fe80::1%eth0",
      "::ffff:10.0.0.1",
      "::ffff:a00:1",
      ":::",
      "1::2::3",
      "g::1",
      "10.0.0.1 ",
    ];
    for (const text of [...wrong, ...wrong6]) assert.equal(parseIp(text), undefined, text);
  });

  it("never throw on bad text", () => {
    const near = fc.stringMatching(/^[0-9a-fA-F:.%/ x-]{0,48}$/);
    fc.assert(
      fc.property(fc.oneof(fc.string(), near), (text) => {
        const ip = parseIp(text);
        if (ip !== undefined) assert.equal(parseIp(ip), ip);
        const cidr = parseCidr(text);
        if (cidr !== undefined) assert.equal(parseCidr(cidr), cidr);
        parseMac(text);
      }),
      { numRuns: 2_000 },
    );
  });

  it("end where the family's space ends", () => {
    for (const family of [4, 6] as const) {
      assert.throws(() => numberToIp(-1n, family), RangeError);
      assert.throws(() => numberToIp(2n ** BigInt(bits(family)), family), RangeError);
    }
    assert.equal(numberToIp(2n ** 32n - 1n, 4), "255.255.255.255");
    assert.equal(numberToIp(2n ** 128n - 1n, 6), "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
  });
});

describe("subnets", () => {
  it("are their own canonical form", () => {
    fc.assert(fc.property(cidrs, (cidr) => assert.equal(parseCidr(cidr), cidr)));
  });

  it("are refused where malformed or where host bits are set", () => {
    const wrong = [
      "10.0.0.0",
      "10.0.0.0/",
      "/8",
      "10.0.0.0/33",
      "10.0.0.0/08",
      "10.0.0.0/-1",
      "10.0.0.0/8/8",
    ];
    const wrongToo = [
      "10.0.0.1/8",
      "fd00::1/64",
      "fd00::/129",
      "10.0.0.0/1e1",
      "10.0.0.0/8 ",
      "::ffff:0:0/96",
    ];
    for (const text of [...wrong, ...wrongToo]) assert.equal(parseCidr(text), undefined, text);
  });

  it("are as large as their prefix says", () => {
    fc.assert(
      fc.property(cidrs, (cidr) => {
        const range = cidrRange(cidr);
        assert.equal(range.size, 2n ** BigInt(bits(range.family) - range.prefix));
        assert.equal(range.last - range.first + 1n, range.size);
        assert.equal(range.first % range.size, 0n);
      }),
    );
  });

  it("hold their first and last address and not their neighbours", () => {
    fc.assert(
      fc.property(cidrs, (cidr) => {
        const { family, first, last } = cidrRange(cidr);
        assert.ok(cidrContains(cidr, numberToIp(first, family)));
        assert.ok(cidrContains(cidr, numberToIp(last, family)));
        if (first > 0n) assert.ok(!cidrContains(cidr, numberToIp(first - 1n, family)));
        if (last + 1n < 2n ** BigInt(bits(family))) {
          assert.ok(!cidrContains(cidr, numberToIp(last + 1n, family)));
        }
      }),
    );
  });

  it("hold an address exactly if they are the subnet of that address", () => {
    fc.assert(
      fc.property(cidrs, ips, (cidr, ip) => {
        const { family, prefix } = cidrRange(cidr);
        const isSame = familyOf(ip) === family && cidrOf(ip, prefix) === cidr;
        assert.equal(cidrContains(cidr, ip), isSame);
      }),
    );
  });

  it("overlap exactly if one holds the other's first address", () => {
    const near = fc
      .tuple(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 22, max: 32 }))
      .map(([low, prefix]) => cidrOf(`10.0.0.${low}` as Ip, prefix));
    fc.assert(
      fc.property(fc.oneof(cidrs, near), fc.oneof(cidrs, near), (a, b) => {
        const firstOf = (cidr: Cidr): Ip => numberToIp(cidrRange(cidr).first, familyOf(cidr));
        const holds = cidrContains(a, firstOf(b)) || cidrContains(b, firstOf(a));
        assert.equal(cidrsOverlap(a, b), holds);
        assert.equal(cidrsOverlap(a, b), cidrsOverlap(b, a));
      }),
    );
  });

  it("never overlap across families", () => {
    assert.ok(!cidrsOverlap("0.0.0.0/0" as Cidr, "::/0" as Cidr));
    assert.ok(!cidrContains("::/0" as Cidr, "10.0.0.1" as Ip));
  });

  it("have their second address as gateway", () => {
    assert.equal(gatewayOf("10.32.0.0/16" as Cidr), "10.32.0.1");
    assert.equal(gatewayOf("fd00:1::/64" as Cidr), "fd00:1::1");
  });
});

describe("Ethernet addresses", () => {
  it("are made locally administered and unicast, and parse back", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 5, maxLength: 5 }), (bytes) => {
        const mac = macFromBytes(bytes);
        assert.equal(parseMac(mac), mac);
        assert.match(mac, /^02:/);
      }),
    );
  });

  it("are lower-case whatever was written", () => {
    assert.equal(parseMac("02:AB:CD:EF:00:01"), "02:ab:cd:ef:00:01");
  });

  it("are refused where multicast, empty or malformed", () => {
    const wrong = ["01:00:5e:00:00:01", "ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00", "02:00:00:00:00"];
    for (const text of [...wrong, "02-00-00-00-00-01", "2:0:0:0:0:1", "020000000001", ""]) {
      assert.equal(parseMac(text), undefined, text);
    }
  });
});

describe("VNIs", () => {
  it("are whole numbers between their bounds", () => {
    assert.equal(parseVni(lowestVni), lowestVni);
    assert.equal(parseVni(highestVni), highestVni);
    const wrong = [lowestVni - 1, highestVni + 1, 5000.5, Number.NaN, Number.POSITIVE_INFINITY, -1];
    for (const value of wrong) assert.equal(parseVni(value), undefined, String(value));
  });
});
