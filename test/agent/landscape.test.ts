import assert from "node:assert/strict";
import { Landscape } from "../../agent/landscape.ts";
import { preferredVni } from "../../agent/network-names.ts";
import { endpointKey, networkKey, removalKey } from "../../agent/schema.ts";
import { Tables } from "../../agent/tables.ts";
import type { HostId } from "../../base/id.ts";
import { simulatedCrypto } from "../simulation/crypto.ts";
import {
  cidr,
  difference,
  endpointId,
  ip,
  mac,
  name,
  networkId,
  simulatedHost,
} from "./samples.ts";

const [a, b] = [simulatedHost(1), simulatedHost(2)];
const ours = networkId(0x1_0000);
/** It would like the same VNI, and is older. */
const rival = networkId(0x1_ffff);

/** A host with one endpoint, and what its kernel should hold after each word of an origin. */
function world() {
  const tables = new Tables();
  const landscape = new Landscape({
    self: a,
    tables,
    underlay: { device: "eth0", address: ip("10.0.0.1"), mtu: 1500 },
    vxlanPort: 4789,
    crypto: simulatedCrypto(a),
  });
  const hear = (origin: HostId, ...differences: Parameters<Tables["update"]>[1]) => {
    for (const change of tables.update(origin, differences)) landscape.notice(change);
    return landscape.wanted([])?.segments;
  };
  const web = { name: name("web"), subnets: [cidr("10.32.0.0/16")], created: 5 };
  const endpoint = {
    network: ours,
    name: name("db"),
    mac: mac("02:00:00:00:00:01"),
    ips: [ip("10.32.0.2")],
  };
  const before = hear(
    a,
    difference(networkKey(ours), web),
    difference(endpointKey(endpointId(7)), endpoint),
  );
  return { hear, before, web };
}

describe("the landscape", () => {
  it("leaves a segment as it is when another network comes that takes nothing from it", () => {
    const { hear, before } = world();
    const other = { name: name("other"), subnets: [cidr("10.33.0.0/16")], created: 1 };
    const after = hear(b, difference(networkKey(networkId(9)), other));
    const vni = preferredVni(ours);
    assert.notEqual(before?.get(vni), undefined);
    assert.equal(after?.get(vni), before?.get(vni));
  });

  it("moves a segment whose VNI an older network takes, and back when that one is removed", () => {
    const { hear } = world();
    const older = { name: name("older"), subnets: [cidr("10.34.0.0/16")], created: 1 };
    const vni = preferredVni(ours);
    const moved = hear(b, difference(networkKey(rival), older));
    assert.deepEqual([...(moved?.keys() ?? [])], [vni + 1]);
    const back = hear(a, difference(removalKey(rival), {}));
    assert.deepEqual([...(back?.keys() ?? [])], [vni]);
  });

  it("takes a segment away with its network, and brings it back with it", () => {
    const { hear } = world();
    const gone = hear(b, difference(removalKey(ours), {}));
    assert.equal(gone?.size, 0);
    const back = hear(b, difference(removalKey(ours), undefined, {}));
    assert.equal(back?.size, 1);
  });
});
