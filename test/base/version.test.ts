import assert from "node:assert/strict";
import { version } from "../../base/version.ts";
import { manifest } from "../tidy/manifest.ts";

describe("version", () => {
  it("is that of the package", () => {
    assert.equal((manifest as unknown as { version: string }).version, version);
  });
});
