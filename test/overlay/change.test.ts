import assert from "node:assert/strict";
import fc from "fast-check";
import { parseVni } from "../../base/address.ts";
import { planChange } from "../../overlay/change.ts";
import type { RemoteEntry, Segment, Wanted } from "../../overlay/dataplane.ts";
import { actualOf } from "../../overlay/expected.ts";
import { plan } from "../../overlay/plan.ts";
import { endpointId, ip, mac } from "../agent/samples.ts";
import { sampleSegment, wantedOf } from "../contract/dataplane.ts";

const byte = (n: number) => n.toString(16).padStart(2, "0");

/** Few of everything, so that two wishes have much in common. */
const remoteArb = fc
  .record({ n: fc.nat(9), host: fc.integer({ min: 2, max: 4 }), move: fc.nat(1) })
  .map(({ n, host, move }): RemoteEntry => {
    const ips = [ip(`10.32.${move}.${n}`)];
    return { mac: mac(`02:00:00:00:00:${byte(n)}`), vtep: ip(`127.0.0.${host}`), ips };
  });
const segmentArb = fc
  .record({
    vni: fc.integer({ min: 5000, max: 5002 }),
    remotes: fc.uniqueArray(remoteArb, { selector: ({ mac: of }) => of, maxLength: 8 }),
    ports: fc.uniqueArray(fc.nat(3), { maxLength: 3 }),
    mtu: fc.constantFrom(1450, 1400),
    vtep: fc.constantFrom("127.0.0.1", "127.0.0.9"),
  })
  .map(({ vni, remotes, ports, mtu, vtep }): Segment => {
    const own = parseVni(vni);
    assert.ok(own);
    return {
      ...sampleSegment(0),
      vni: own,
      mtu,
      vtep: ip(vtep),
      remotes: new Map(remotes.map((remote) => [remote.mac, remote])),
      // An endpoint is on one network for good.
      ports: new Map(ports.map((n) => [endpointId(vni * 10 + n), mac("02:00:00:00:09:09")])),
    };
  });
const wantedArb: fc.Arbitrary<Wanted> = fc
  .uniqueArray(segmentArb, { selector: ({ vni }) => vni, maxLength: 3 })
  .map((segments) => wantedOf(...segments));

describe("change", () => {
  it("is planned as against a kernel that holds the former wish", () => {
    fc.assert(
      fc.property(wantedArb, wantedArb, (before, after) => {
        assert.deepEqual(planChange(before, after, []), plan(after, actualOf(before)));
      }),
      { numRuns: 500 },
    );
  });

  it("of one segment says nothing of the others", () => {
    fc.assert(
      fc.property(wantedArb, segmentArb, (before, segment) => {
        const after = { segments: new Map(before.segments).set(segment.vni, segment) };
        const ops = planChange(before, after, []);
        assert.deepEqual(ops, plan(after, actualOf(before)));
        assert.ok(ops.every((op) => !("vni" in op) || op.vni === segment.vni));
      }),
      { numRuns: 500 },
    );
  });

  it("to the same wish is nothing", () => {
    fc.assert(
      fc.property(wantedArb, (wanted) => {
        assert.deepEqual(planChange(wanted, wanted, []), []);
        assert.deepEqual(planChange(wanted, structuredClone(wanted), []), []);
      }),
    );
  });
});
