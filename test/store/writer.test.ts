import assert from "node:assert/strict";
import { encode } from "../../base/codec.ts";
import type { OriginState } from "../../store/origin-state.ts";
import { RowReader, rowsOf } from "../../store/rows.ts";
import { contents, key, makeHost } from "./world.ts";

describe("writer", () => {
  it("shows a write only after its append", () => {
    const a = makeHost(1);
    a.writer.write(7, [{ key: key("x/1"), value: encode(1) }]);
    const delta = a.writer.next();
    assert.ok(delta);
    assert.equal(a.replica.origin(a.self), undefined);
    const written = a.writer.appended();
    assert.deepEqual(written.tickets, [7]);
    assert.equal(written.delta, delta);
    assert.equal(contents(a.replica, a.self).length, 1);
  });

  it("makes one batch of what comes while an append is under way", () => {
    const a = makeHost(1);
    a.writer.write(1, [{ key: key("x/1"), value: encode(1) }]);
    a.writer.next();
    for (const ticket of [2, 3]) {
      a.writer.write(ticket, [{ key: key(`x/${ticket}`), value: encode(ticket) }]);
    }
    assert.equal(a.writer.next(), undefined);
    a.writer.appended();
    assert.equal(a.writer.next()?.head.seq, 2);
    assert.deepEqual(a.writer.appended().tickets, [2, 3]);
    assert.equal(a.writer.isBusy, false);
  });

  it("never uses again the seq of an append that failed", () => {
    const a = makeHost(1);
    const { epoch, seq } = a.write({ "x/1": 1 }).head;
    a.writer.write(2, [{ key: key("x/2"), value: encode(2) }]);
    const lost = a.writer.next();
    assert.deepEqual(a.writer.failed(), [2]);
    assert.equal(contents(a.replica, a.self).length, 1);
    const next = a.write({ "x/3": 3 });
    assert.ok(lost && next.head.epoch > lost.head.epoch);
    assert.deepEqual(next.from, { epoch, seq });
  });

  it("writes each run in an epoch of its own, and others need no more than what changed", () => {
    const [a, b] = [makeHost(1), makeHost(2)];
    for (let at = 0; at < 50; at += 1) b.replica.receive(a.write({ [`x/${at}`]: at }));
    const { head } = a.replica.origin(a.self) as OriginState;
    const again = makeHost(1, () => undefined, 77);
    assert.ok(again.replica.restore(head, [...(a.replica.origin(a.self)?.entries() ?? [])]));
    const delta = again.write({ "x/1": "new" });
    assert.ok(delta.head.epoch > head.epoch);
    assert.equal(delta.changes.length, 1);
    assert.equal(b.replica.receive(delta).kind, "applied");
    assert.deepEqual(contents(b.replica, a.self), contents(again.replica, a.self));
  });

  it("meets no other run of the same disk, whatever the clock says and whoever is moved above", () => {
    const a = makeHost(1);
    const { head } = a.write({ "x/1": 1 });
    const heard = { epoch: head.epoch + 2 ** 30, seq: 9 };
    const epochOf = (run: number, wallMs: number, isRefuting: boolean) => {
      const again = makeHost(1, () => undefined, run, wallMs);
      assert.ok(again.replica.restore(head, [...(a.replica.origin(a.self)?.entries() ?? [])]));
      if (isRefuting) again.writer.refute(heard, []);
      const { epoch } = again.write({ "x/2": run }).head;
      assert.ok(epoch > (isRefuting ? heard.epoch : head.epoch));
      return epoch;
    };
    const epochs = [0xabc01, 0xabc02, 0xfffff].flatMap((run) => {
      return [epochOf(run, 0, false), epochOf(run, 2 ** 29, false), epochOf(run, 0, true)];
    });
    assert.equal(new Set(epochs).size, epochs.length);
  });

  it("writes above the clock, so that a disk that went back is above what it forgot", () => {
    const a = makeHost(1, () => undefined, 1, 1_700_000_000_000);
    assert.ok(a.write({ "x/1": 1 }).head.epoch > 1_700_000_000_000);
    for (const [wallMs, clock] of [
      [-5, 1],
      [Number.NaN, 1],
      [Number.POSITIVE_INFINITY, 2 ** 46],
    ] as const) {
      const { epoch } = makeHost(1, () => undefined, 0xfffff, wallMs).write({ "x/1": 1 }).head;
      assert.equal(epoch, clock + 2 ** 20);
    }
  });

  it("keeps in a new epoch everything that was there and not deleted", () => {
    const a = makeHost(1);
    a.write({ "x/1": 1, "x/2": 2 });
    a.writer.refute({ epoch: 5, seq: 9 }, []);
    const delta = a.write({ "x/2": undefined, "x/3": 3 });
    assert.ok(delta.head.epoch > 5);
    assert.deepEqual(delta.changes.map((change) => change.key).toSorted(), ["x/1", "x/3"]);
  });

  it("takes back what it had forgotten also where the first attempt does not reach the disk", () => {
    const a = makeHost(1);
    const lost = [{ key: key("x/1"), value: encode(1) }];
    a.writer.refute({ epoch: 5, seq: 9 }, lost);
    a.writer.write(1, lost);
    assert.ok(a.writer.next());
    assert.deepEqual(a.writer.failed(), [1]);
    const again = a.writer.next();
    assert.deepEqual(
      again?.changes.map((change) => change.key),
      ["x/1"],
    );
    a.writer.appended();
    assert.equal(a.writer.hasMore, false);
  });
});

describe("rows", () => {
  it("give back the replica they were made of", () => {
    const [a, b] = [makeHost(1), makeHost(1)];
    const stored = new Map<string, Uint8Array>();
    const keep = (delta: Parameters<typeof rowsOf>[0]) => {
      for (const { key: row, value } of rowsOf(delta, [])) {
        if (value === undefined) stored.delete(row);
        else stored.set(row, value);
      }
    };
    for (const change of [{ "x/1": 1, "x/2": 2 }, { "x/1": undefined }, { "x/3": 3 }]) {
      keep(a.write(change));
    }
    const reader = new RowReader();
    for (const [row, value] of stored) reader.take({ key: row, value });
    const { origins, damaged } = reader.finish();
    assert.equal(damaged.size, 0);
    for (const { head, entries } of origins) assert.ok(b.replica.restore(head, entries));
    assert.deepEqual(contents(b.replica, a.self), contents(a.replica, a.self));
    assert.deepEqual(b.replica.digest.root(), a.replica.digest.root());
  });

  it("name an origin whose rows make no sense, and notice one that is missing a record", () => {
    const a = makeHost(1);
    const rows = rowsOf(a.write({ "x/1": 1, "x/2": 2 }), []);
    const reader = new RowReader();
    reader.take({ key: `${a.self} r x/9`, value: encode("no row") });
    assert.deepEqual([...reader.finish().damaged], [a.self]);
    const holed = new RowReader();
    for (const { key: row, value } of rows.slice(0, -1)) {
      if (value !== undefined) holed.take({ key: row, value });
    }
    const [origin] = holed.finish().origins;
    assert.ok(origin);
    assert.equal(makeHost(2).replica.restore(origin.head, origin.entries), false);
  });
});
