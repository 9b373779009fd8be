import assert from "node:assert/strict";
import { Quota } from "../../names/quota.ts";
import { nth } from "./world.ts";

const options = { perSecond: 10, burst: 5, askers: 3 };

function takes(quota: Quota, asker: number, times: number, now: number): number {
  return Array.from({ length: times }, () => quota.take(nth(asker), now)).filter(Boolean).length;
}

describe("the quota of an asker", () => {
  it("lets a burst through, and then what the time brings", () => {
    const quota = new Quota(options);
    assert.equal(takes(quota, 1, 20, 0), 5);
    assert.equal(takes(quota, 1, 20, 200), 2);
    assert.equal(takes(quota, 1, 20, 1_000_000), 5);
  });

  it("is its own", () => {
    const quota = new Quota(options);
    assert.equal(takes(quota, 1, 20, 0), 5);
    assert.equal(takes(quota, 2, 20, 0), 5);
  });

  it("is kept for the latest askers only", () => {
    const quota = new Quota(options);
    takes(quota, 1, 5, 0);
    for (const other of [2, 3, 4]) takes(quota, other, 1, 0);
    assert.equal(takes(quota, 1, 20, 0), 5, "the bucket of 1 was forgotten");
    assert.equal(takes(quota, 4, 20, 0), 4, "that of 4 was not");
  });
});
