import assert from "node:assert/strict";
import { guardOf, isSameGuard } from "../../overlay/guard.ts";
import { ip } from "../agent/samples.ts";
import { sampleSegment, vni, wantedOf } from "../contract/dataplane.ts";

describe("guard", () => {
  it("lets in the hosts that have endpoints on a network, each once", () => {
    const guard = guardOf(wantedOf(sampleSegment(5)), []);
    assert.deepEqual([...(guard?.senders ?? [])], [[vni, new Set(["127.0.0.2"])]]);
    assert.equal(guard?.vxlanPort, 4789);
  });

  it("closes a network that no other host is on", () => {
    assert.deepEqual(guardOf(wantedOf(sampleSegment(0)), [])?.senders.get(vni), new Set());
  });

  it("is not there where there is nothing to guard", () => {
    assert.equal(guardOf(wantedOf(), []), undefined);
  });

  it("lets alone a VNI that somebody else's device has on our port, and only there", () => {
    const wanted = wantedOf(sampleSegment(1));
    const with_ = (port: number) => guardOf(wanted, [{ vni, port }])?.senders.has(vni);
    assert.equal(with_(4789), false);
    assert.equal(with_(8472), true);
  });

  it("is the same only with the same port, networks and senders", () => {
    const guard = { vxlanPort: 4789, senders: new Map([[vni, new Set([ip("10.0.0.2")])]]) };
    assert.ok(isSameGuard(guard, structuredClone(guard)));
    assert.ok(isSameGuard(undefined, undefined));
    for (const other of [
      undefined,
      { ...guard, vxlanPort: 4790 },
      { ...guard, senders: new Map() },
      { ...guard, senders: new Map([[vni, new Set([ip("10.0.0.3")])]]) },
      { ...guard, senders: new Map([[vni, new Set([ip("10.0.0.2"), ip("10.0.0.3")])]]) },
    ]) {
      assert.ok(!isSameGuard(guard, other) && !isSameGuard(other, guard));
    }
  });
});
