import assert from "node:assert/strict";
import fc from "fast-check";
import { encode } from "../../base/codec.ts";
import { type Delta, decodeDelta, encodeDelta } from "../../store/delta.ts";
import { nothing, signHead } from "../../store/head.ts";
import { wantsOf } from "../../store/sync.ts";
import { simulatedCrypto } from "../simulation/crypto.ts";
import { boot, type cluster, contents, key, makeHost, smallLimits, syncLimits } from "./world.ts";

describe("replica", () => {
  it("takes an origin's deltas in order and holds exactly its state", () => {
    const [a, b] = [makeHost(1), makeHost(2)];
    for (const change of [{ "x/1": 1 }, { "x/2": 2 }, { "x/1": undefined }, { "x/2": 3 }]) {
      assert.equal(b.replica.receive(a.write(change)).kind, "applied");
    }
    assert.deepEqual(contents(b.replica, a.self), contents(a.replica, a.self));
    assert.deepEqual(b.replica.digest.root(), a.replica.digest.root());
  });

  it("calls a delta beyond what it has a gap, and an old one stale", () => {
    const [a, b] = [makeHost(1), makeHost(2)];
    const first = a.write({ "x/1": 1 });
    const second = a.write({ "x/2": 1 });
    assert.equal(b.replica.receive(second).kind, "gap");
    assert.equal(b.replica.receive(first).kind, "applied");
    assert.equal(b.replica.receive(first).kind, "stale");
    assert.equal(b.replica.receive(second).kind, "applied");
  });

  it("takes changes since before what it has, and holds exactly what they lead to", () => {
    const [a, b] = [makeHost(1), makeHost(2)];
    const first = a.write({ "x/1": 1, "x/2": 1 });
    const since = { epoch: first.head.epoch, seq: first.head.seq };
    const second = a.write({ "x/1": undefined, "x/3": 1 });
    a.write({ "x/1": 2, "x/2": undefined });
    const both = a.replica.origin(a.self)?.deltaFor(since);
    assert.ok(both?.from !== undefined);
    for (const delta of [first, second, both])
      assert.equal(b.replica.receive(delta).kind, "applied");
    assert.deepEqual(contents(b.replica, a.self), contents(a.replica, a.self));
  });

  it("passes on what an origin says whose disk went back, to whoever is on its former way", () => {
    const [a, b, c] = [makeHost(1), makeHost(2), makeHost(3)];
    const first = a.write({ "x/1": 1 });
    const restored = makeHost(1, undefined, 4, 100);
    restored.replica.restore(first.head, [...(a.replica.origin(a.self)?.entries() ?? [])]);
    const [second, third] = [a.write({ "x/2": 1 }), a.write({ "x/2": undefined })];
    for (const delta of [first, second]) c.replica.receive(delta);
    for (const delta of [first, second, third, restored.write({ "x/3": 1 })])
      assert.equal(b.replica.receive(delta).kind, "applied");
    const delta = b.replica.origin(a.self)?.deltaFor(c.replica.versionOf(a.self));
    assert.ok(delta !== undefined && decodeDelta(encodeDelta(delta), syncLimits) !== undefined);
    assert.equal(c.replica.receive(delta).kind, "applied");
    assert.deepEqual(contents(c.replica, a.self), contents(restored.replica, a.self));
  });

  it("refuses a record that its origin did not sign, and stays as it was", () => {
    const [a, b, liar] = [makeHost(1), makeHost(2), makeHost(3)];
    b.replica.receive(a.write({ "x/1": 1 }));
    const before = contents(b.replica, a.self);
    const forged = signHead({ ...a.write({ "x/1": 2 }).head, seq: 2, boot: boot(1) }, liar.crypto);
    const delta: Delta = {
      head: forged,
      from: { epoch: 1, seq: 1 },
      changes: [{ key: key("x/1"), seq: 2, value: encode(666) }],
    };
    assert.deepEqual(b.replica.receive(delta), {
      kind: "refused",
      reason: "not signed by its origin",
    });
    assert.deepEqual(contents(b.replica, a.self), before);
  });

  it("refuses a relay's delta that leaves a record out, adds one or alters one", () => {
    const [a, b] = [makeHost(1), makeHost(2)];
    const honest = a.write({ "x/1": 1, "x/2": 2 });
    const added = { key: key("x/3"), seq: 1, value: encode(3) };
    const tampered: Delta[] = [
      { ...honest, changes: honest.changes.slice(1) },
      { ...honest, changes: [...honest.changes, added] },
      { ...honest, changes: honest.changes.map((change) => ({ ...change, value: encode(9) })) },
    ];
    for (const delta of tampered) {
      // Who was handed wrong changes asks for the full set, and of that nothing may be wrong.
      const outcome = b.replica.receive(delta);
      assert.deepEqual(outcome, { kind: "gap", origin: a.self, have: nothing });
      assert.equal(b.replica.receive({ ...delta, from: undefined }).kind, "refused");
    }
    assert.deepEqual(contents(b.replica, a.self), []);
    assert.equal(b.replica.receive(honest).kind, "applied");
  });

  it("drops what a full set does not hold, so nothing deleted comes back", () => {
    const [a, b] = [makeHost(1), makeHost(2)];
    b.replica.receive(a.write({ "x/1": 1, "x/2": 2 }));
    a.write({ "x/1": undefined });
    const state = a.replica.origin(a.self);
    assert.ok(state);
    const full = state.deltaFor({ epoch: 0, seq: 0 });
    assert.equal(full.from, undefined);
    const outcome = b.replica.receive(full);
    assert.equal(outcome.kind, "applied");
    assert.deepEqual(contents(b.replica, a.self), contents(a.replica, a.self));
  });

  it("reports two signed states at one version as equivocation", () => {
    const [a, twin, b] = [makeHost(1), makeHost(1), makeHost(2)];
    b.replica.receive(a.write({ "x/1": 1 }));
    assert.equal(b.replica.receive(twin.write({ "x/1": 2 })).kind, "equivocation");
  });

  it("tells a host that others know it newer", () => {
    const [before, after, b] = [makeHost(1), makeHost(1), makeHost(2)];
    before.write({ "x/1": 1 });
    b.replica.receive(before.write({ "x/2": 1 }));
    const head = before.replica.origin(before.self)?.head;
    assert.ok(head);
    assert.equal(after.replica.hear(head).kind, "self");
    after.writer.refute(head, []);
    const refuted = after.write({ "x/3": 1 });
    assert.ok(refuted.from === undefined && refuted.head.epoch > head.epoch);
    assert.equal(b.replica.hear(refuted.head).kind, "gap");
    assert.equal(b.replica.receive(refuted).kind, "applied");
  });

  it("asks its caller whether an origin may be known at all", () => {
    const [a, b] = [makeHost(1), makeHost(2, () => "not a member")];
    assert.deepEqual(b.replica.receive(a.write({ "x/1": 1 })), {
      kind: "refused",
      reason: "not a member",
    });
    assert.equal(b.replica.origin(a.self), undefined);
  });

  it("refuses more origins than its limit", () => {
    const b = makeHost(99);
    for (let n = 1; n <= smallLimits.origins; n += 1) {
      assert.equal(b.replica.receive(makeHost(n).write({ "x/1": n })).kind, "applied");
    }
    assert.equal(b.replica.receive(makeHost(50).write({ "x/1": 1 })).kind, "refused");
  });

  it("takes no more records and bytes of an origin than its limits, and says what is too much", () => {
    const roomy = { ...smallLimits, recordsPerOrigin: 9_999, bytesPerOrigin: 9_999_999 };
    const value = "v".repeat(200);
    for (const [records, reason] of [
      [1_001, /holds 1001 records, and one host may hold 1000/],
      [600, /records take [0-9]+ bytes, and one host's may take 100000/],
    ] as const) {
      const [greedy, b] = [makeHost(1, () => undefined, 1, 0, roomy), makeHost(2)];
      b.replica.receive(greedy.write({ "x/0": 1 }));
      const before = contents(b.replica, greedy.self);
      const many = Array.from({ length: records }, (_, at) => [
        `x/${at}`,
        records > 1_000 ? 1 : value,
      ]);
      const outcome = b.replica.receive(greedy.write(Object.fromEntries(many)));
      assert.ok(outcome.kind === "refused" && reason.test(outcome.reason), JSON.stringify(outcome));
      assert.deepEqual(contents(b.replica, greedy.self), before);
      assert.match(b.replica.refused.get(greedy.self)?.reason ?? "", reason);
      const { head } = greedy.replica.origin(greedy.self) ?? assert.fail();
      assert.ok(b.replica.isRefused(greedy.self, head), "it is not fetched again");
      assert.equal(b.replica.hear(head).kind, "refused");
      const less = Object.fromEntries(many.slice(1).map(([name]) => [name, undefined]));
      greedy.write(less);
      const state = greedy.replica.origin(greedy.self) ?? assert.fail();
      assert.equal(b.replica.receive(state.deltaFor(nothing)).kind, "applied");
      assert.equal(b.replica.refused.size, 0);
    }
  });

  it("moves to a newer head of the very records it holds without having them sent", () => {
    const [a, b] = [makeHost(1), makeHost(2)];
    b.replica.receive(a.write({ "x/1": 1 }));
    a.writer.refute({ epoch: 7, seq: 9 }, []);
    const { head } = a.writer.next() ?? assert.fail();
    assert.equal(b.replica.hear(head).kind, "applied");
    assert.deepEqual(b.replica.origin(a.self)?.head, head);
  });

  it("asks for all of a state that differs from its own at the same version", () => {
    const [a, twin, b, c] = [makeHost(1), makeHost(1), makeHost(2), makeHost(3)];
    b.replica.receive(a.write({ "x/1": 1 }));
    c.replica.receive(twin.write({ "x/1": 2 }));
    const { head } = c.replica.origin(a.self) ?? assert.fail();
    const stamp = c.replica.digest.stampOf(a.self) ?? assert.fail();
    const offer = { origin: a.self, epoch: head.epoch, seq: head.seq, stamp };
    assert.deepEqual(wantsOf(b.replica, [offer]), [{ origin: a.self, epoch: 0, seq: 0 }]);
    const outcome = b.replica.receive(c.replica.origin(a.self)?.deltaFor(nothing) ?? assert.fail());
    assert.ok(outcome.kind === "equivocation" && b.replica.prove(outcome.proof));
    assert.ok(!b.replica.prove(outcome.proof), "a proof is kept once");
    assert.deepEqual(wantsOf(b.replica, [offer]), [], "what is proven is not fetched for ever");
  });

  it("refuses another cluster's head", () => {
    const [a, b] = [makeHost(1), makeHost(2)];
    const delta = a.write({ "x/1": 1 });
    const other = { ...delta.head, cluster: "d".repeat(64) as typeof cluster };
    const head = signHead(other, simulatedCrypto(a.self));
    assert.equal(b.replica.receive({ ...delta, head }).kind, "refused");
  });

  it("converges whatever the order, loss and repetition of deltas and full sets", () => {
    const step = fc.record({
      key: fc.integer({ min: 0, max: 5 }),
      value: fc.option(fc.integer({ min: 0, max: 9 }), { nil: undefined }),
    });
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 1, maxLength: 30 }),
        fc.array(fc.nat(), { maxLength: 60 }),
        (steps, order) => {
          const [a, b] = [makeHost(1), makeHost(2)];
          const deltas = steps.map(({ key: at, value }) => a.write({ [`x/${at}`]: value }));
          let seq = 0;
          for (const at of order) {
            const outcome = b.replica.receive(deltas[at % deltas.length] as Delta);
            const now = b.replica.origin(a.self)?.head.seq ?? 0;
            assert.ok(now >= seq, "a version went back");
            assert.ok(outcome.kind !== "refused" && outcome.kind !== "equivocation");
            seq = now;
          }
          const state = a.replica.origin(a.self);
          assert.ok(state);
          b.replica.receive(state.deltaFor(b.replica.origin(a.self)?.head ?? nothing));
          assert.deepEqual(contents(b.replica, a.self), contents(a.replica, a.self));
        },
      ),
    );
  });
});

describe("delta on the wire", () => {
  const limits = { messageBytes: 64 * 1024, valueBytes: 1024, recordsPerOrigin: 100 };

  it("comes back as it was sent", () => {
    const a = makeHost(1);
    for (const delta of [a.write({ "x/1": 1, "x/2": "two" }), a.write({ "x/1": undefined })]) {
      assert.deepEqual(decodeDelta(encodeDelta(delta), limits), delta);
    }
  });

  it("is undefined, and never throws, for bytes that are none", () => {
    const whole = encodeDelta(makeHost(1).write({ "x/1": 1 }));
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(), fc.nat(255), (noise, at, value) => {
        decodeDelta(noise, limits);
        const bent = whole.slice();
        bent[at % bent.length] = value;
        decodeDelta(bent, limits);
        assert.equal(decodeDelta(whole.subarray(0, at % whole.length), limits), undefined);
      }),
    );
  });
});
