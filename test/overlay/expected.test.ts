import assert from "node:assert/strict";
import { actualOf } from "../../overlay/expected.ts";
import { guardOf } from "../../overlay/guard.ts";
import { plan } from "../../overlay/plan.ts";
import { endpointId } from "../agent/samples.ts";
import { sampleSegment, vni, wantedOf } from "../contract/dataplane.ts";

describe("expected", () => {
  const wanted = wantedOf(sampleSegment(3, [endpointId(1)]));

  it("shows a kernel with which nothing is wrong", () => {
    assert.deepEqual(plan(wanted, actualOf(wanted)), []);
    assert.deepEqual(plan(wantedOf(), actualOf(wantedOf())), []);
  });

  it("shows every entry in each of the tables it belongs in", () => {
    const { segments, ports, guard } = actualOf(wanted);
    const { bridge, vxlan } = segments.get(vni) ?? {};
    assert.equal(vxlan?.fdb.length, 3);
    assert.equal(vxlan?.bridgeFdb.length, 3);
    assert.equal(bridge?.neighbours.length, 3);
    assert.deepEqual([...ports.keys()], [endpointId(1)]);
    assert.deepEqual(guard, { kind: "present", guard: guardOf(wanted, []) });
  });
});
