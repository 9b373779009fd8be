import assert from "node:assert/strict";
import { RecentCount } from "../../ipam/recent.ts";

describe("recent count", () => {
  it("has what happened within a period, and nothing from before two", () => {
    const recent = new RecentCount(1_000);
    for (let at = 0; at < 5; at += 1) recent.add(100);
    assert.equal(recent.count(999), 5);
    recent.add(1_500);
    assert.equal(recent.count(1_999), 6);
    assert.equal(recent.count(2_000), 1);
    assert.equal(recent.count(3_000), 0);
    recent.add(100_500);
    assert.equal(recent.count(101_400), 1);
  });
});
