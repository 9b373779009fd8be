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
import { endpointId } from "../agent/samples.ts";

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
