import assert from "node:assert/strict";
import fc from "fast-check";
import { Assembler, compareRequest, fetchRequest, serve, wantsOf } from "../../store/sync.ts";
import { contents, makeHost, syncLimits } from "./world.ts";

type Host = ReturnType<typeof makeHost>;

/** One catch-up of `to` from `from`, as two pulls; `cut` ends the second after so many frames. */
function catchUp(to: Host, from: Host, cut = Number.POSITIVE_INFINITY): number {
  const wants = [...serve(from.replica, compareRequest(to.replica), syncLimits)].flatMap(
    (frame) => {
      const taken = new Assembler(syncLimits).take(frame);
      assert.equal(taken.kind, "versions");
      return taken.kind === "versions" ? wantsOf(to.replica, taken.versions) : [];
    },
  );
  const assembler = new Assembler(syncLimits);
  let frames = 0;
  for (const frame of serve(from.replica, fetchRequest(wants), syncLimits)) {
    if (frames >= cut) break;
    frames += 1;
    assert.ok(frame.length < 2 * syncLimits.pageBytes, "a page is bounded");
    const taken = assembler.take(frame);
    assert.notEqual(taken.kind, "malformed");
    if (taken.kind === "delta") assert.equal(to.replica.receive(taken.delta).kind, "applied");
  }
  return frames;
}

function fill(host: Host, records: number): void {
  for (let at = 0; at < records; at += 1) host.write({ [`x/${at}`]: `value ${at}` });
}

describe("sync", () => {
  it("brings a late joiner everything, in bounded pages, and then finds nothing to bring", () => {
    const [a, b, late] = [makeHost(1), makeHost(2), makeHost(3)];
    fill(a, 60);
    fill(b, 20);
    catchUp(b, a);
    assert.ok(catchUp(late, b) > 3);
    assert.deepEqual(contents(late.replica, a.self), contents(a.replica, a.self));
    assert.deepEqual(contents(late.replica, b.self), contents(b.replica, b.self));
    assert.deepEqual(late.replica.digest.root(), b.replica.digest.root());
    assert.deepEqual([...serve(b.replica, compareRequest(late.replica), syncLimits)], []);
  });

  it("ships only what changed to a replica that is a little behind", () => {
    const [a, b] = [makeHost(1), makeHost(2)];
    fill(a, 60);
    catchUp(b, a);
    a.write({ "x/1": "new", "x/2": undefined });
    assert.equal(catchUp(b, a), 1);
    assert.deepEqual(contents(b.replica, a.self), contents(a.replica, a.self));
  });

  it("ships the full set when the deletions in between are no longer known", () => {
    const [a, b] = [makeHost(1), makeHost(2)];
    fill(a, 30);
    catchUp(b, a);
    for (let at = 0; at < 20; at += 1) a.write({ [`x/${at}`]: undefined });
    catchUp(b, a);
    assert.deepEqual(contents(b.replica, a.self), contents(a.replica, a.self));
  });

  it("loses only the origin under way when it is cut off, and resumes by asking again", () => {
    const [a, b, late] = [makeHost(1), makeHost(2), makeHost(3)];
    fill(a, 40);
    fill(b, 40);
    catchUp(a, b);
    const all = catchUp(makeHost(4), a);
    for (let cut = 0; cut < all; cut += 1) {
      catchUp(late, a, cut);
      for (const origin of [a, b]) {
        const held = contents(late.replica, origin.self);
        assert.ok(held.length === 0 || held.length === 40, "an origin is held whole or not at all");
      }
    }
    catchUp(late, a);
    assert.deepEqual(late.replica.digest.root(), a.replica.digest.root());
  });

  it("answers malformed requests with nothing and takes malformed frames for what they are", () => {
    const a = makeHost(1);
    fill(a, 5);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
        assert.deepEqual([...serve(a.replica, noise, syncLimits)], []);
        assert.equal(new Assembler(syncLimits).take(noise).kind, "malformed");
      }),
    );
  });

  it("refuses pages of different origins mixed into one", () => {
    const [a, b] = [makeHost(1), makeHost(2)];
    fill(a, 60);
    fill(b, 60);
    const wants = [{ origin: a.self, epoch: 0, seq: 0 }];
    const [first] = [...serve(a.replica, fetchRequest(wants), syncLimits)];
    const [other] = [
      ...serve(b.replica, fetchRequest([{ origin: b.self, epoch: 0, seq: 0 }]), syncLimits),
    ];
    assert.ok(first && other);
    const assembler = new Assembler(syncLimits);
    assert.equal(assembler.take(first).kind, "more");
    assert.equal(assembler.take(other).kind, "malformed");
  });
});
