import assert from "node:assert/strict";
import { systemClock } from "../../../base/node/clock.ts";

describe("the system's clock", () => {
  it("never runs backwards", () => {
    let last = systemClock.now();
    for (let reading = 0; reading < 10_000; reading += 1) {
      const now = systemClock.now();
      assert.ok(now >= last);
      last = now;
    }
  });

  it("shows people the wall's time", () => {
    const before = Date.now();
    const shown = systemClock.wallMs();
    assert.ok(shown >= before && shown <= Date.now());
  });
});
