import assert from "node:assert/strict";
import { checkSubnet } from "../../overlay/subnet.ts";
import { cidr } from "../agent/samples.ts";

describe("subnet", () => {
  const taken = {
    routes: [
      { cidr: cidr("192.168.0.0/16"), device: "eth0" },
      { cidr: cidr("0.0.0.0/0"), device: "eth0" },
      { cidr: cidr("fd10::/48"), device: "wg0" },
    ],
    networks: [{ cidr: cidr("10.32.0.0/16"), name: "web" }],
  };

  it("may be anything of a sensible size that nobody has", () => {
    for (const free of ["10.33.0.0/16", "172.20.0.0/26", "fd00::/64", "fd00::/112"]) {
      assert.equal(checkSubnet(cidr(free), taken), undefined);
    }
  });

  it("is refused with the name of whoever has it", () => {
    for (const [subnet, holder] of [
      ["10.32.4.0/24", /10\.32\.0\.0\/16 of network web/],
      ["10.0.0.0/8", /10\.32\.0\.0\/16 of network web/],
      ["192.168.7.0/24", /192\.168\.0\.0\/16 on eth0/],
      ["fd10:0:0:1::/64", /fd10::\/48 on wg0/],
    ] as const) {
      const refusal = checkSubnet(cidr(subnet), taken);
      assert.equal(refusal?.code, "SUBNET_OVERLAP");
      assert.match(refusal.message, holder);
    }
  });

  it("is refused where it cannot be shared among hosts, or is half the Internet", () => {
    assert.equal(checkSubnet(cidr("10.40.0.0/27"), taken)?.code, "SUBNET_TOO_SMALL");
    assert.equal(checkSubnet(cidr("fd00::/113"), taken)?.code, "SUBNET_TOO_SMALL");
    assert.equal(checkSubnet(cidr("0.0.0.0/0"), taken)?.code, "SUBNET_MALFORMED");
    assert.equal(checkSubnet(cidr("fd00::/15"), taken)?.code, "SUBNET_MALFORMED");
  });
});
