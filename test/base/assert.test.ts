import assert from "node:assert/strict";
import { assert as claim, unreachable } from "../../base/assert.ts";

describe("a claim", () => {
  it("passes if true and names the bug if false", () => {
    claim(true, "holds");
    claim("text", "holds");
    for (const value of [false, 0, "", undefined, null]) {
      assert.throws(() => claim(value, "seq grows"), /^Error: bug: seq grows$/);
    }
  });

  it("that a case cannot happen names the case", () => {
    assert.throws(
      () => unreachable({ kind: "new" } as never),
      /bug: unhandled case {"kind":"new"}/,
    );
  });
});
