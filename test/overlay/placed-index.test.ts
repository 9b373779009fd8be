import assert from "node:assert/strict";
import fc from "fast-check";
import { planChange } from "../../overlay/change.ts";
import type { Wanted } from "../../overlay/dataplane.ts";
import { actualOf } from "../../overlay/expected.ts";
import { plan } from "../../overlay/plan.ts";
import { emptySegment, indexFor, type Placed, segmentOf } from "../../overlay/wanted.ts";
import { cidr, endpointId, ip, mac } from "../agent/samples.ts";
import { vni } from "../contract/dataplane.ts";
import { sha256 } from "../simulation/crypto.ts";

const wish = {
  underlay: { device: "eth0", address: ip("10.0.0.1"), mtu: 1500 },
  vxlanPort: 4789,
  vni,
  subnets: [cidr("10.32.0.0/24")],
  crypto: { hash: sha256 },
};

/** Few ids, MACs and addresses, so that endpoints claim the same ones. */
const placed: fc.Arbitrary<Placed> = fc
  .record({
    id: fc.integer({ min: 1, max: 6 }),
    mac: fc.integer({ min: 1, max: 5 }),
    ips: fc.uniqueArray(fc.integer({ min: 1, max: 6 }), { maxLength: 2 }),
    host: fc.integer({ min: 1, max: 3 }),
  })
  .map((drawn) => ({
    id: endpointId(drawn.id),
    mac: mac(`02:00:00:00:00:0${drawn.mac}`),
    ips: drawn.ips.map((last) => ip(`10.32.0.${last}`)),
    vtep: drawn.host === 1 ? undefined : ip(`10.0.0.${drawn.host}`),
  }));

const step = fc.oneof(
  { weight: 3, arbitrary: placed.map((put) => ({ put })) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 6 }).map((n) => ({ gone: endpointId(n) })) },
);

type Step = { readonly put: Placed } | { readonly gone: Placed["id"] };

/** Keeps an index by these steps; after each, what it says and what its endpoints imply. */
function* kept(steps: readonly Step[]) {
  const segment = emptySegment(wish);
  const index = indexFor(segment, wish.subnets);
  const endpoints = new Map<Placed["id"], Placed>();
  for (const each of steps) {
    if ("put" in each) {
      index.put(each.put);
      endpoints.set(each.put.id, each.put);
    } else {
      index.remove(each.gone);
      endpoints.delete(each.gone);
    }
    const held = { ...segment, remotes: index.remotes(), ports: new Map(index.ports) };
    yield { held, implied: segmentOf({ ...wish, endpoints: endpoints.values() }) };
  }
}

function wanted(segment: ReturnType<typeof segmentOf>): Wanted {
  return { segments: new Map([[vni, segment]]) };
}

function textOf(ops: readonly object[]): string[] {
  return ops.map((op) => JSON.stringify(op)).toSorted();
}

describe("an index of placed endpoints", () => {
  it("says after any changes what it would say if it had been made of the result", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
        for (const { held, implied } of kept(steps)) {
          const byMac = (segment: typeof implied) =>
            [...segment.remotes].toSorted(([a], [b]) => (a < b ? -1 : 1));
          assert.deepEqual(byMac(held), byMac(implied));
          assert.equal(held.remotes.size, implied.remotes.size);
          assert.deepEqual(
            new Map([...held.ports].toSorted()),
            new Map([...implied.ports].toSorted()),
          );
        }
      }),
    );
  });

  it("leads to the same changes of a kernel as comparing everything", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 15 }), (steps) => {
        let before: ReturnType<typeof segmentOf> | undefined;
        for (const { held } of kept(steps)) {
          if (before !== undefined) {
            const [from, to] = [wanted(before), wanted(held)];
            assert.deepEqual(textOf(planChange(from, to, [])), textOf(plan(to, actualOf(from))));
          }
          before = held;
        }
      }),
    );
  });
});
