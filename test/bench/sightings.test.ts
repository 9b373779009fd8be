import assert from "node:assert/strict";
import { Sightings } from "../../bench/sightings.ts";

describe("sightings", () => {
  it("count as doubt only what follows being seen alive", () => {
    const seen = new Sightings("a");
    seen.member("c", "unreachable");
    seen.member("b", "alive");
    seen.member("b", "suspect");
    seen.member("b", "unreachable");
    const doubts = seen.doubts.map(({ member, look }) => `${member} ${look}`);
    assert.deepEqual(doubts, ["b suspect", "b unreachable"]);
    assert.equal(seen.count("alive"), 0);
  });

  it("tell when a claim comes true, and that one does not", async () => {
    const seen = new Sightings("a");
    const told = seen.until((each) => each.updateAt("x") !== undefined, 5_000);
    const never = seen.until((each) => each.updates === 2, 20);
    seen.update("x");
    seen.update("x");
    assert.equal(await told, seen.updateAt("x"));
    assert.equal(await never, Number.POSITIVE_INFINITY);
  });
});
