import assert from "node:assert/strict";
import fc from "fast-check";
import { parseVni } from "../../base/address.ts";
import {
  bridgeName,
  endpointMark,
  looksOurs,
  ownDevice,
  portName,
  segmentMark,
  vxlanName,
} from "../../overlay/names.ts";
import { checkSubnet } from "../../overlay/subnet.ts";
import { overlayMtu } from "../../overlay/wanted.ts";
import { cidr, endpointId, ip } from "../agent/samples.ts";
import { sampleSegment } from "../contract/dataplane.ts";

describe("device names", () => {
  it("have at most 15 characters and come back from name and mark", () => {
    fc.assert(
      fc.property(fc.integer({ min: 4096, max: 0xff_ff_ff }), fc.nat(2 ** 31), (number, n) => {
        const vni = parseVni(number);
        assert.ok(vni);
        const endpoint = endpointId(n);
        assert.deepEqual(ownDevice(bridgeName(vni), segmentMark(vni)), { kind: "bridge", vni });
        assert.deepEqual(ownDevice(vxlanName(vni), segmentMark(vni)), { kind: "vxlan", vni });
        assert.deepEqual(ownDevice(portName(endpoint), endpointMark(endpoint)), {
          kind: "port",
          endpoint,
        });
        for (const name of [bridgeName(vni), vxlanName(vni), portName(endpoint)]) {
          assert.ok(name.length <= 15 && looksOurs(name));
        }
      }),
    );
  });

  it("are not ours without our mark, nor our mark under another name", () => {
    assert.equal(ownDevice("sl-5000", undefined), undefined);
    assert.equal(ownDevice("sl-5000", "starling segment 5001"), undefined);
    assert.equal(ownDevice("br0", "starling segment 5000"), undefined);
    assert.equal(looksOurs("eth0"), false);
  });
});

describe("subnet", () => {
  const taken = {
    routes: [
      { cidr: cidr("192.168.0.0/16"), device: "eth0" },
      { cidr: cidr("0.0.0.0/0"), device: "eth0" },
    ],
    networks: [{ cidr: cidr("10.32.0.0/16"), name: "web" }],
  };

  it("may be anything of a sensible size that nobody has", () => {
    for (const free of ["10.33.0.0/16", "172.20.0.0/26", "fd00::/64"]) {
      assert.equal(checkSubnet(cidr(free), taken), undefined);
    }
  });

  it("is refused with the name of whoever has it", () => {
    assert.match(checkSubnet(cidr("10.32.4.0/24"), taken)?.message ?? "", /network web/);
    assert.match(
      checkSubnet(cidr("192.168.7.0/24"), taken)?.message ?? "",
      /192\.168\.0\.0\/16 on eth0/,
    );
    assert.equal(checkSubnet(cidr("10.40.0.0/27"), taken)?.code, "SUBNET_TOO_SMALL");
    assert.equal(checkSubnet(cidr("0.0.0.0/0"), taken)?.code, "SUBNET_MALFORMED");
  });
});

describe("segment", () => {
  it("has one gateway MAC on all hosts, and a VXLAN MAC of its own on each", () => {
    const [one, two] = [sampleSegment(0), sampleSegment(0)];
    assert.equal(one.gatewayMac, two.gatewayMac);
    assert.notEqual(one.gatewayMac, one.vxlanMac);
  });

  it("leaves room for the tunnel's headers, of IPv4 or IPv6", () => {
    assert.equal(overlayMtu({ device: "e", address: ip("10.0.0.1"), mtu: 1500 }), 1450);
    assert.equal(overlayMtu({ device: "e", address: ip("fd00::1"), mtu: 1500 }), 1430);
  });
});
