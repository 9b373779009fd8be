import assert from "node:assert/strict";
import { readlinkSync } from "node:fs";
import { configDefaults } from "../../../agent/config.ts";
import { dockerPlace } from "../../../agent/node/docker-place.ts";

const { dockerSocket } = configDefaults;

describe("where an agent serves Docker", () => {
  it("is the place that it was told, or none", async () => {
    const path = "/run/elsewhere/starling.sock";
    assert.equal(await dockerPlace({ dockerPlugin: path, dockerSocket }), path);
    assert.equal(await dockerPlace({ dockerPlugin: "off", dockerSocket }), undefined);
  });

  it("is Docker's usual place only where the agent is in the machine's own network", async () => {
    // This file is there, so Docker counts as installed.
    const auto = await dockerPlace({ dockerPlugin: "auto", dockerSocket: import.meta.filename });
    const isMachine = netnsOf("self") === netnsOf("1");
    assert.equal(auto, isMachine ? "/run/docker/plugins/starling.sock" : undefined);
  });
});

function netnsOf(process: string): string | undefined {
  try {
    return readlinkSync(`/proc/${process}/ns/net`);
  } catch {
    return process;
  }
}
