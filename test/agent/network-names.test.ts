import assert from "node:assert/strict";
import fc from "fast-check";
import { nameNetworks, preferredVni } from "../../agent/network-names.ts";
import type { Network } from "../../agent/tables.ts";
import { cidr, name, networkId, simulatedHost } from "./samples.ts";

const creator = simulatedHost(1);

function network(id: number, created: number, called = "web"): Network {
  return {
    id: networkId(id),
    name: name(called),
    subnets: [cidr("10.32.0.0/16")],
    created,
    creator,
  };
}

describe("network names", () => {
  it("give a contested name to the older network, and tell the younger whose it is", () => {
    const namings = nameNetworks([network(1, 20), network(2, 10)]);
    assert.equal(namings.get(networkId(2))?.nameOwner, undefined);
    assert.equal(namings.get(networkId(1))?.nameOwner, networkId(2));
  });

  it("move the younger of two networks with one VNI to the next free", () => {
    const [older, younger] = [network(0x1_0000, 1), network(0x1_ffff, 2, "other")];
    assert.equal(preferredVni(older.id), preferredVni(younger.id));
    const namings = nameNetworks([younger, older]);
    assert.equal(namings.get(older.id)?.vni, preferredVni(older.id));
    assert.equal(namings.get(younger.id)?.vni, preferredVni(older.id) + 1);
  });

  it("are the same whatever the order in which networks are known, and never share a VNI", () => {
    const some = fc.uniqueArray(fc.tuple(fc.nat(2 ** 30), fc.nat(5)), {
      selector: ([id]) => id,
      maxLength: 12,
    });
    fc.assert(
      fc.property(some, fc.nat(), (rows, turn) => {
        const networks = rows.map(([id, created]) => network(id, created, `n${id % 3}`));
        const at = networks.length === 0 ? 0 : turn % networks.length;
        const turned = [...networks.slice(at), ...networks.slice(0, at)].reverse();
        const namings = nameNetworks(networks);
        assert.deepEqual([...nameNetworks(turned)].toSorted(), [...namings].toSorted());
        const vnis = [...namings.values()].map(({ vni }) => vni);
        assert.equal(new Set(vnis).size, vnis.length);
      }),
    );
  });
});
