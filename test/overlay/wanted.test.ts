import assert from "node:assert/strict";
import fc from "fast-check";
import type { Underlay } from "../../overlay/dataplane.ts";
import { overlayMtu, type Placed, segmentOf } from "../../overlay/wanted.ts";
import { cidr, endpointId, ip, mac } from "../agent/samples.ts";
import { vni } from "../contract/dataplane.ts";
import { sha256 } from "../simulation/crypto.ts";

const here = { device: "eth0", address: ip("10.0.0.1"), mtu: 1500 };

function segment(endpoints: readonly Placed[], underlay: Underlay = here) {
  const subnets = [cidr("10.32.0.0/16"), cidr("fd00:5::/64")];
  return segmentOf({
    underlay,
    vxlanPort: 4789,
    vni,
    subnets,
    endpoints,
    crypto: { hash: sha256 },
  });
}

function remote(n: number, change: Partial<Placed> = {}): Placed {
  const last = n.toString(16).padStart(2, "0");
  return {
    id: endpointId(n),
    mac: mac(`02:00:00:00:01:${last}`),
    ips: [ip(`10.32.1.${n}`)],
    vtep: ip("10.0.0.2"),
    ...change,
  };
}

describe("segment", () => {
  it("has one gateway, with one MAC, on all hosts, and a VXLAN MAC of its own on each", () => {
    const [one, two] = [segment([]), segment([], { ...here, address: ip("10.0.0.2") })];
    assert.deepEqual(one.gateways, ["10.32.0.1/16", "fd00:5::1/64"]);
    assert.deepEqual(two.gateways, one.gateways);
    assert.equal(two.gatewayMac, one.gatewayMac);
    assert.equal(new Set([one.gatewayMac, one.vxlanMac, two.vxlanMac]).size, 3);
  });

  it("leaves room for the tunnel's headers, of IPv4 or IPv6", () => {
    assert.equal(overlayMtu(here), 1450);
    assert.equal(overlayMtu({ ...here, address: ip("fd00::1") }), 1430);
  });

  it("has ports for its own endpoints and entries for those of others", () => {
    const own = remote(1, { vtep: undefined });
    const { ports, remotes } = segment([own, remote(2)]);
    assert.deepEqual([...ports], [[own.id, own.mac]]);
    assert.deepEqual([...remotes.keys()], [remote(2).mac]);
  });

  it("lets nobody else have a MAC or an address of this host, or the gateway's", () => {
    const own = remote(1, { vtep: undefined });
    const { gatewayMac, vxlanMac } = segment([]);
    const thieves = [
      remote(2, { mac: gatewayMac }),
      remote(3, { mac: vxlanMac }),
      remote(4, { mac: own.mac }),
      remote(5, { ips: [ip("10.32.0.1"), ip("fd00:5::1"), ...own.ips, ip("10.32.1.5")] }),
    ];
    const { ports, remotes } = segment([own, ...thieves]);
    assert.equal(ports.get(own.id), own.mac);
    assert.deepEqual([...remotes.keys()], [remote(5).mac]);
    assert.deepEqual(remotes.get(remote(5).mac)?.ips, ["10.32.1.5"]);
  });

  it("gives a MAC or an address that two claim to the same one of them, in any order", () => {
    const claims = [
      remote(1),
      remote(2, { ips: [ip("10.32.1.1"), ip("10.32.1.2")] }),
      remote(3, { mac: remote(1).mac, vtep: ip("10.0.0.3") }),
    ];
    fc.assert(
      fc.property(fc.shuffledSubarray(claims, { minLength: 3 }), (endpoints) => {
        const { remotes } = segment(endpoints);
        assert.deepEqual(remotes.get(remote(1).mac)?.vtep, "10.0.0.2");
        assert.deepEqual(remotes.get(remote(1).mac)?.ips, ["10.32.1.1"]);
        assert.deepEqual(remotes.get(remote(2).mac)?.ips, ["10.32.1.2"]);
      }),
    );
  });
});
