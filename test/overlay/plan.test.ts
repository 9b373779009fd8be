import assert from "node:assert/strict";
import type { Actual } from "../../overlay/dataplane.ts";
import { actualOf } from "../../overlay/expected.ts";
import { plan } from "../../overlay/plan.ts";
import { endpointId, ip } from "../agent/samples.ts";
import { sampleSegment, vni, wantedOf } from "../contract/dataplane.ts";

const nothing: Actual = { segments: new Map(), ports: new Map(), routes: [], conflicts: [] };

describe("plan", () => {
  it("is empty where the kernel holds what is wanted", () => {
    const wanted = wantedOf(sampleSegment(3, [endpointId(1)]));
    assert.deepEqual(plan(wanted, actualOf(wanted)), []);
  });

  it("makes devices before what lives on them, and removes whole segments last", () => {
    const kinds = plan(wantedOf(sampleSegment(1)), nothing).map(({ kind }) => kind);
    assert.deepEqual(kinds, ["bridge-set", "vxlan-set", "remote-set"]);
    const gone = plan(wantedOf(), actualOf(wantedOf(sampleSegment(1, [endpointId(1)]))));
    assert.deepEqual(
      gone.map(({ kind }) => kind),
      ["port-remove", "segment-remove"],
    );
  });

  it("replaces a moved endpoint in place instead of removing it first", () => {
    const segment = sampleSegment(1);
    const [remote] = [...segment.remotes.values()];
    assert.ok(remote);
    const moved = {
      ...segment,
      remotes: new Map([[remote.mac, { ...remote, vtep: ip("127.0.0.9") }]]),
    };
    assert.deepEqual(
      plan(wantedOf(moved), actualOf(wantedOf(segment))).map(({ kind }) => kind),
      ["remote-set"],
    );
  });

  it("drops the neighbour of an address that an endpoint no longer has", () => {
    const segment = sampleSegment(1);
    const [remote] = [...segment.remotes.values()];
    assert.ok(remote);
    const renumbered = {
      ...segment,
      remotes: new Map([[remote.mac, { ...remote, ips: [ip("10.32.1.1")] }]]),
    };
    assert.deepEqual(
      plan(wantedOf(renumbered), actualOf(wantedOf(segment))).map(({ kind }) => kind),
      ["remote-set", "neighbour-remove"],
    );
  });

  it("builds nothing where somebody else's device has the name", () => {
    const conflicts = [{ device: `sl-${vni}`, reason: "foreign" }];
    assert.deepEqual(plan(wantedOf(sampleSegment(2)), { ...nothing, conflicts }), []);
  });
});
