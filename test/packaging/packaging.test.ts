import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { configDefaults } from "../../agent/config.ts";
import { loadConfig } from "../../agent/settings/load.ts";
import { fields, keyOf } from "../../agent/settings/options.ts";

const run = promisify(execFile);
const packaging = join(import.meta.dirname, "../../packaging");
const nothing = { flags: {}, env: {}, folder: "/" };

describe("the example configuration", () => {
  const path = join(packaging, "config.example.yaml");

  it("as it is changes nothing", async () => {
    const text = await readFile(path, "utf8");
    assert.deepEqual(loadConfig({ ...nothing, file: { path, text } }), configDefaults);
  });

  it("shows every key, with a value that is taken, and defaults as they are", async () => {
    const lines = (await readFile(path, "utf8")).split("\n");
    const examples = lines.filter((line) => /^# ([a-z-]+:( \S.*)?| {2}- \S+)$/.test(line));
    const text = examples.map((line) => line.slice(2)).join("\n");
    for (const field of fields) assert.match(text, new RegExp(`^${keyOf(field)}:`, "m"));
    const config = loadConfig({ ...nothing, file: { path, text } });
    assert.deepEqual(config.join, ["10.0.0.1", "host-b:7790"]);
    // These have no default to show.
    const none = { join: undefined, token: undefined, bind: undefined, name: undefined };
    const own = { ...none, dnsUpstreams: [] };
    assert.deepEqual({ ...config, ...own }, { ...configDefaults, ...own });
  });
});

describe("the systemd unit as text", () => {
  it("lets root, of whom it takes most, open the port of names", async () => {
    const text = await readFile(join(packaging, "starling.service"), "utf8");
    assert.match(text, /^CapabilityBoundingSet=.*\bCAP_NET_BIND_SERVICE\b/m);
  });
});

describe("the systemd unit", () => {
  let folder = "";
  let unit = "";
  before(async function () {
    const hasSystemd = await run("systemd-analyze", ["--version"]).then(
      () => true,
      () => false,
    );
    if (!hasSystemd) {
      console.log("the systemd unit is not tested: there is no systemd-analyze");
      this.skip();
    }
    folder = await mkdtemp(join(tmpdir(), "starling-unit-"));
    unit = join(folder, "starling.service");
    // The command is looked for on this machine, where it need not be installed.
    const program = join(folder, "starling");
    await writeFile(program, "#!/bin/sh\n");
    await chmod(program, 0o755);
    const text = await readFile(join(packaging, "starling.service"), "utf8");
    await writeFile(unit, text.replace("ExecStart=starling", `ExecStart=${program}`));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it("holds nothing that systemd does not know", async () => {
    const { stderr } = await run("systemd-analyze", ["verify", "--man=no", unit]);
    assert.deepEqual(
      stderr.split("\n").filter((line) => line.includes("starling.service")),
      [],
    );
  });

  it("holds nothing that systemd does not know in the socket for Docker", async () => {
    const socket = join(folder, "starling-docker.socket");
    await writeFile(socket, await readFile(join(packaging, "starling-docker.socket")));
    const { stderr } = await run("systemd-analyze", ["verify", "--man=no", socket]);
    assert.deepEqual(
      stderr.split("\n").filter((line) => line.includes("starling-docker.socket:")),
      [],
    );
  });

  it("leaves an attacker inside the agent little", async () => {
    const { stdout } = await run("systemd-analyze", ["security", "--offline=yes", unit]);
    const exposure = Number(/exposure level for \S+: ([0-9.]+)/.exec(stdout)?.[1]);
    // A tenth of it is the port of names.
    assert.ok(exposure <= 4.1, `exposure ${exposure}`);
  });
});
