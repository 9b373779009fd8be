import assert from "node:assert/strict";
import { describeError, errorCodes, MeshError } from "../../base/errors.ts";

describe("errors", () => {
  it("are told in one line with all their causes", () => {
    const cause = new Error("connect\nrefused", { cause: new Error("port 7790") });
    const error = new MeshError("AGENT_UNREACHABLE", "cannot ask the agent", { cause });
    assert.equal(describeError(error), "cannot ask the agent: connect refused: port 7790");
    assert.equal(error.code, "AGENT_UNREACHABLE");
  });

  it("are told once where a cause repeats its effect", () => {
    assert.equal(
      describeError(new Error("disk full", { cause: new Error("disk full") })),
      "disk full",
    );
  });

  it("are told even where what was thrown is no error", () => {
    assert.equal(describeError("a text"), "a text");
    assert.equal(describeError(undefined), "");
    assert.equal(describeError(null), "");
    assert.equal(describeError(7), "7");
  });

  it("are told in bounded length where causes go in a circle", () => {
    const error = new Error("one");
    error.cause = new Error("two", { cause: error });
    assert.equal(describeError(error), "one: two");
  });

  it("have each code once", () => {
    assert.equal(new Set(errorCodes).size, errorCodes.length);
  });
});
