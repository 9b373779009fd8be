import assert from "node:assert/strict";
import { encode } from "../../base/codec.ts";
import { takeBack } from "../../store/past.ts";
import type { Change } from "../../store/record.ts";
import { key, makeHost } from "./world.ts";

function theirs(values: Record<string, number>): Change[] {
  return Object.entries(values).map(([name, value]) => ({
    key: key(name),
    seq: 9,
    value: encode(value),
  }));
}

/** What a host's records are, after it has taken back. */
function recordsAfter(
  host: ReturnType<typeof makeHost>,
  changes: readonly Change[],
  since: number,
) {
  host.writer.write(1, takeBack(host.replica.origin(host.self), changes, since));
  host.writer.next();
  host.writer.appended();
  const entries = [...(host.replica.origin(host.self)?.entries() ?? [])];
  return entries.map((entry) => `${entry.key}=${entry.value.join(",")}`).toSorted();
}

describe("what we wrote and have forgotten", () => {
  it("is taken back whole where the disk is empty", () => {
    assert.deepEqual(recordsAfter(makeHost(1), theirs({ "x/1": 1, "x/2": 2 }), 0), [
      "x/1=1",
      "x/2=2",
    ]);
  });

  it("replaces what an older disk has, deletions included", () => {
    const a = makeHost(1);
    const { seq } = a.write({ "x/1": 1, "x/2": 2, "x/3": 3 }).head;
    assert.deepEqual(recordsAfter(a, theirs({ "x/1": 7, "x/3": 3, "x/4": 4 }), seq), [
      "x/1=7",
      "x/3=3",
      "x/4=4",
    ]);
  });

  it("yields to what was written or deleted in this run", () => {
    const a = makeHost(1);
    const { seq } = a.write({ "x/1": 1, "x/2": 2 }).head;
    a.write({ "x/1": 5, "x/2": undefined, "x/9": 9 });
    assert.deepEqual(recordsAfter(a, theirs({ "x/1": 7, "x/2": 2, "x/3": 3 }), seq), [
      "x/1=5",
      "x/3=3",
      "x/9=9",
    ]);
  });

  it("asks for no write where nothing is lacking", () => {
    const a = makeHost(1);
    const { seq } = a.write({ "x/1": 1 }).head;
    assert.deepEqual(takeBack(a.replica.origin(a.self), theirs({ "x/1": 1 }), seq), []);
  });
});
