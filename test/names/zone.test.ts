import assert from "node:assert/strict";
import fc from "fast-check";
import { type Named, Zone } from "../../names/zone.ts";
import { endpointId, here, nth } from "./world.ts";

describe("a zone", () => {
  it("holds, after any changes, what a list searched through would", () => {
    const label = fc.constantFrom("a", "b", "c");
    const put = fc.record({
      n: fc.nat(5),
      labels: fc.uniqueArray(label, { minLength: 1 }),
      ips: fc.uniqueArray(fc.nat(4), { maxLength: 2 }),
    });
    const step = fc.oneof(put, fc.record({ n: fc.nat(5) }));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const zone = new Zone();
        const list = new Map<number, Named>();
        for (const one of steps) {
          const id = endpointId(one.n);
          list.delete(one.n);
          zone.remove(id);
          if (!("labels" in one)) continue;
          const named: Named = { id, labels: one.labels, ips: one.ips.map(nth), host: here };
          list.set(one.n, named);
          zone.put(named);
        }
        const byId = (a: Named, b: Named) => (a.id < b.id ? -1 : 1);
        for (const each of ["a", "b", "c"]) {
          const wanted = [...list.values()].filter(({ labels }) => labels.includes(each));
          assert.deepEqual(zone.labelled(each).toSorted(byId), wanted.toSorted(byId));
        }
        for (const at of [0, 1, 2, 3, 4]) {
          const wanted = [...list.values()].filter(({ ips }) => ips.includes(nth(at)));
          assert.deepEqual(zone.holdersOf(nth(at)).toSorted(byId), wanted.toSorted(byId));
        }
      }),
    );
  });

  it("forgets the old name of an endpoint that has a new one", () => {
    const zone = new Zone();
    const named = { id: endpointId(1), ips: [nth(1)], host: here };
    zone.put({ ...named, labels: ["old"] });
    zone.put({ ...named, labels: ["new"] });
    assert.deepEqual(zone.labelled("old"), []);
    assert.equal(zone.labelled("new").length, 1);
  });
});
