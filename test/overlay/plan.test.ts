import assert from "node:assert/strict";
import type { Actual } from "../../overlay/dataplane.ts";
import { actualOf } from "../../overlay/expected.ts";
import { plan } from "../../overlay/plan.ts";
import { endpointId, ip, mac } from "../agent/samples.ts";
import { sampleSegment, vni, wantedOf } from "../contract/dataplane.ts";

const nothing: Actual = actualOf(wantedOf());

describe("plan", () => {
  it("is empty where the kernel holds what is wanted", () => {
    const wanted = wantedOf(sampleSegment(3, [endpointId(1)]));
    assert.deepEqual(plan(wanted, actualOf(wanted)), []);
  });

  it("makes devices before what lives on them, and removes whole segments last", () => {
    const kinds = plan(wantedOf(sampleSegment(1)), nothing).map(({ kind }) => kind);
    assert.deepEqual(kinds, ["guard-set", "bridge-set", "vxlan-set", "remote-set"]);
    const gone = plan(wantedOf(), actualOf(wantedOf(sampleSegment(1, [endpointId(1)]))));
    assert.deepEqual(
      gone.map(({ kind }) => kind),
      ["guard-remove", "port-remove", "segment-remove"],
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
      ["guard-set", "remote-set"],
    );
  });

  it("takes from a port every MAC that is not its endpoint's, and leaves it that one", () => {
    const wanted = wantedOf(sampleSegment(1, [endpointId(1)]));
    const actual = actualOf(wanted);
    const other = mac("02:00:00:00:be:ef");
    const ports = [...actual.ports].map(([endpoint, port]) => {
      return [endpoint, { ...port, macs: [...(port.macs ?? []), other] }] as const;
    });
    assert.deepEqual(plan(wanted, { ...actual, ports: new Map(ports) }), [
      { kind: "port-mac-remove", endpoint: endpointId(1), mac: other },
    ]);
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

  it("sets the guard before anything that makes others answer, and once", () => {
    const ops = plan(wantedOf(sampleSegment(50)), nothing);
    assert.deepEqual(
      ops.flatMap(({ kind }, at) => (kind === "guard-set" ? [at] : [])),
      [0],
    );
  });

  it("leaves a guard alone that cannot be had", () => {
    const guard = { kind: "unsupported", reason: "nft is not installed" } as const;
    const wanted = wantedOf(sampleSegment(1));
    assert.deepEqual(plan(wanted, { ...actualOf(wanted), guard }), []);
    assert.deepEqual(plan(wantedOf(), { ...nothing, guard }), []);
  });

  it("sets a guard again that somebody has changed or removed", () => {
    const wanted = wantedOf(sampleSegment(1));
    for (const guard of [
      { kind: "absent" },
      { kind: "present", guard: undefined },
      { kind: "present", guard: { vxlanPort: 4789, senders: new Map() } },
    ] as const) {
      const ops = plan(wanted, { ...actualOf(wanted), guard });
      assert.deepEqual(
        ops.map(({ kind }) => kind),
        ["guard-set"],
      );
    }
  });

  it("sets one address again with one operation, and all entries where they are lost with it", () => {
    const wanted = wantedOf(sampleSegment(100));
    const actual = actualOf(wanted);
    const segment = actual.segments.get(vni);
    assert.ok(segment?.bridge);
    const with_ = (bridge: typeof segment.bridge) =>
      plan(wanted, { ...actual, segments: new Map([[vni, { ...segment, bridge }]]) }).length;
    assert.equal(with_({ ...segment.bridge, gateways: [] }), 1);
    assert.equal(with_({ ...segment.bridge, hasFlags: false }), 1);
    assert.equal(with_({ ...segment.bridge, mac: mac("02:00:00:00:00:01") }), 101);
  });

  it("builds no device where somebody else's device has the name", () => {
    const conflicts = [{ device: `sl-${vni}`, reason: "foreign" }];
    const ops = plan(wantedOf(sampleSegment(2)), { ...nothing, conflicts });
    assert.deepEqual(
      ops.map(({ kind }) => kind),
      ["guard-set"],
    );
  });
});
