import assert from "node:assert/strict";
import { inheritedSocket } from "../../../agent/node/systemd.ts";

describe("a socket that systemd opened", () => {
  const env = { LISTEN_PID: "7", LISTEN_FDS: "2", LISTEN_FDNAMES: "api:docker" };

  it("is found by its name", () => {
    assert.equal(inheritedSocket("api", env, 7), 3);
    assert.equal(inheritedSocket("docker", env, 7), 4);
    assert.equal(inheritedSocket("dns", env, 7), undefined);
  });

  it("is not taken where it was meant for another process, or is not there", () => {
    assert.equal(inheritedSocket("docker", env, 8), undefined);
    assert.equal(inheritedSocket("docker", {}, 7), undefined);
    assert.equal(inheritedSocket("docker", { ...env, LISTEN_FDS: "1" }, 7), undefined);
  });
});
