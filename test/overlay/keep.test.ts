import assert from "node:assert/strict";
import { actualOf } from "../../overlay/expected.ts";
import { keeping, withoutRemoved } from "../../overlay/keep.ts";
import { plan } from "../../overlay/plan.ts";
import { endpointId } from "../agent/samples.ts";
import { sampleSegment, wantedOf } from "../contract/dataplane.ts";

describe("keeping", () => {
  it("wants what is wanted where the kernel holds nothing else", () => {
    const wanted = wantedOf(sampleSegment(2, [endpointId(1)]));
    assert.deepEqual(keeping(wanted, actualOf(wantedOf())), wanted);
    assert.deepEqual(plan(keeping(wanted, actualOf(wanted)), actualOf(wanted)), []);
  });

  it("takes nothing out of a segment that the map has lost endpoints of", () => {
    const actual = actualOf(wantedOf(sampleSegment(3, [endpointId(1)])));
    const wanted = wantedOf(sampleSegment(1, [endpointId(1)]));
    assert.notDeepEqual(plan(wanted, actual), []);
    assert.deepEqual(plan(keeping(wanted, actual), actual), []);
  });

  it("takes no port of ours off a bridge that an older disk knows nothing of", () => {
    const actual = actualOf(wantedOf(sampleSegment(1, [endpointId(1), endpointId(2)])));
    const wanted = wantedOf(sampleSegment(1, [endpointId(1)]));
    assert.deepEqual(plan(keeping(wanted, actual), actual), []);
  });

  it("lets go of what the map has held since, and holds no more", () => {
    const before = wantedOf(sampleSegment(3, [endpointId(1), endpointId(2)]));
    const after = wantedOf(sampleSegment(1, [endpointId(1)]));
    const actual = actualOf(before);
    assert.deepEqual(withoutRemoved(actual, after, after), actual);
    const left = withoutRemoved(actual, before, after);
    assert.deepEqual(keeping(after, left), after);
  });

  it("leaves a segment whose network the map has lost as it is, ports and guard included", () => {
    const actual = actualOf(wantedOf(sampleSegment(3, [endpointId(1)])));
    assert.deepEqual(plan(keeping(wantedOf(), actual), actual), []);
  });
});
