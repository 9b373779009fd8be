import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { version } from "../../base/version.ts";
import { run, starling } from "./command.ts";

/** Nobody serves there. */
const nowhere = ["--socket", "/nonexistent/starling.sock"];

describe("the starling command", () => {
  let folder = "";
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "starling-command-"));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  for (const words of [["--help"], ["help"]]) {
    it(`shows every command with ${words.join(" ")}`, async () => {
      const { code, stdout } = await run(words);
      assert.equal(code, 0);
      for (const name of "agent status members token admin revoke leave forget ipam network endpoint run watch version".split(
        " ",
      )) {
        assert.match(stdout, new RegExp(`^  ${name} `, "m"));
      }
    });
  }

  for (const words of [
    ["agent"],
    ["status"],
    ["members"],
    ["token"],
    ["token", "create"],
    ["token", "ls"],
    ["token", "rm"],
    ["admin", "add"],
    ["admin", "rm"],
    ["admin", "ls"],
    ["revoke"],
    ["network", "create"],
    ["network", "ls"],
    ["network", "inspect"],
    ["network", "rm"],
    ["endpoint", "add"],
    ["endpoint", "ls"],
    ["endpoint", "inspect"],
    ["endpoint", "rm"],
    ["run"],
    ["watch"],
    ["version"],
  ]) {
    it(`explains ${words.join(" ")}, with an example`, async () => {
      const { code, stdout, stderr } = await run([...words, "--help"]);
      assert.equal(code, 0);
      assert.equal(stderr, "");
      assert.ok(stdout.startsWith(`Usage: starling ${words.join(" ")}`));
      assert.match(stdout, /\nExample:\n {2}\S.*starling .*\n$|\nExample:\n {2}starling .*\n$/);
    });
  }

  for (const [words, message] of [
    [["netwrok", "ls"], "unknown command 'netwrok'; did you mean network?"],
    [["network", "crate", "web"], "unknown command 'crate'; did you mean create?"],
    [["--sockt", "x", "status"], "unknown option '--sockt'; did you mean --socket?"],
    [["members", "--jsn"], "unknown option '--jsn'; did you mean --json?"],
    [
      ["network", "create", "web", "--subnt", "x"],
      "unknown option '--subnt'; did you mean --subnet?",
    ],
    [["network", "create", "web"], "--subnet <cidr> is missing"],
    [["network", "create", "--subnet", "10.1.0.0/16"], "missing required argument 'name'"],
    [
      ["network", "rm", "web", "dns"],
      "too many arguments for 'rm'. Expected 1 argument but got 2: web, dns.",
    ],
    [["endpoint", "add", "--network", "web"], "give --netns NAME or --pid PID"],
    [["endpoint", "add", "--network", "web", "--pid", "x"], "x is no process id"],
    [["endpoint", "add", "--netns", "db"], "--network <network> is missing"],
    [
      ["endpoint", "add", "--network", "web", "--pid", "1", "--netns", "db"],
      "option '--netns <name>' cannot be used with option '--pid <pid>'",
    ],
    [["run", "--", "true"], "--network <network> is missing"],
    [["run", "--network", "web"], "missing required argument 'command'"],
    [["run", "--network", "web", "--log", "x", "--", "true"], "--log goes with --detach"],
    [["agent", "--prot", "7790"], "unknown option '--prot'; did you mean --port?"],
    [
      ["agent", "10.0.0.1"],
      "too many arguments for 'agent'. Expected 0 arguments but got 1: 10.0.0.1.",
    ],
    [["agent", "--join"], "option '--join <address>' argument missing"],
  ] as const) {
    it(`does not understand ${words.join(" ")}`, async () => {
      assert.deepEqual(await run(words), { code: 2, stdout: "", stderr: `starling: ${message}\n` });
    });
  }

  it("does not understand a time that is none", async () => {
    for (const time of ["soon", "-1s", "11m", "1h", ""]) {
      const { code, stderr } = await run(["network", "rm", "web", `--wait=${time}`]);
      assert.equal(code, 2);
      assert.match(
        stderr,
        /^starling: option '--wait \[time\]' .*A time looks like 500ms, 10s or 1m/,
      );
      assert.equal(stderr.split("\n").length, 2);
    }
  });

  it("says in one line that there is no agent, and what to do", async () => {
    const { code, stdout, stderr } = await run(["members", ...nowhere]);
    assert.equal(code, 1);
    assert.equal(stdout, "");
    assert.equal(
      stderr,
      "starling: no agent answers at /nonexistent/starling.sock (ENOENT); is it running? try: systemctl status starling\n",
    );
  });

  it("says so in JSON as well, to who asked for JSON", async () => {
    const { code, stdout } = await run(["members", "--json", ...nowhere]);
    assert.equal(code, 1);
    const { error } = JSON.parse(stdout) as { error: { code: string; message: string } };
    assert.equal(error.code, "AGENT_UNREACHABLE");
    assert.match(error.message, /no agent answers/);
  });

  it("finds the agent by a flag before or behind the command, then by the variable", async () => {
    const at = async (words: readonly string[], variable: string) => {
      const { stderr } = await run(words, { env: { STARLING_SOCKET: variable } });
      return /at (\S+) /.exec(stderr)?.[1];
    };
    assert.equal(await at(["--socket", "/n/a", "status"], "/n/c"), "/n/a");
    assert.equal(await at(["status", "--socket", "/n/b"], "/n/c"), "/n/b");
    assert.equal(await at(["status"], "/n/c"), "/n/c");
    assert.equal(await at(["status"], ""), "/run/starling/starling.sock");
  });

  it("tells its version, with and without an agent", async () => {
    assert.equal((await run(["--version"])).stdout, `${version}\n`);
    const { code, stdout } = await run(["version", ...nowhere]);
    assert.equal(code, 0);
    assert.equal(stdout, `starling ${version} (node ${process.versions.node})\n`);
  });

  for (const [words, message] of [
    [["--port", "x"], '--port: expected a port from 1 to 65535, not "x"'],
    [["--join", ""], '--join: "" is no host, host:port, [IPv6]:port or multiaddr'],
    [["--config", "/nonexistent/c.yaml"], "cannot read the configuration /nonexistent/c.yaml: "],
  ] as const) {
    it(`does not start an agent with ${words.join(" ")}`, async () => {
      const { code, stdout, stderr } = await run(["agent", ...words]);
      assert.equal(code, 1);
      assert.equal(stdout, "");
      assert.ok(stderr.startsWith(`starling: ${message}`), stderr);
      assert.equal(stderr.split("\n").length, 2);
    });
  }

  it("does not start an agent with a wrong file, and names the line", async () => {
    const path = join(folder, "config.yaml");
    await writeFile(path, "port: 7790\ndata-dri: /x\n");
    const { code, stderr } = await run(["agent", "--config", path]);
    assert.equal(code, 1);
    assert.equal(
      stderr,
      `starling: ${path} line 2: unknown key "data-dri"; did you mean data-dir?\n`,
    );
  });

  it("runs for a user that nobody knows, without a home", async function () {
    if (process.geteuid?.() !== 0) {
      console.log("only root can become a user that nobody knows");
      this.skip();
    }
    const words = ["--reuid", "54321", "--clear-groups", "env", "-u", "HOME", starling];
    const { stdout } = await promisify(execFile)("setpriv", [...words, "--version"]);
    assert.equal(stdout, `${version}\n`);
  });

  it("starts through a symbolic link, also a relative one to another", async () => {
    await symlink(starling, join(folder, "one"));
    await mkdir(join(folder, "bin"));
    await symlink("../one", join(folder, "bin", "starling"));
    const { stdout } = await promisify(execFile)(join(folder, "bin", "starling"), ["--version"]);
    assert.equal(stdout, `${version}\n`);
  });

  it("says which Node it needs where it finds none, or an old one", async () => {
    // A copy of the launcher alone, as in a package whose Node is the machine's.
    const program = join(folder, "package", "bin", "starling");
    await mkdir(join(folder, "package", "bin"), { recursive: true });
    await promisify(execFile)("cp", [starling, program]);
    const tools = join(folder, "tools");
    await mkdir(tools);
    for (const tool of ["dirname", "readlink"]) {
      const { stdout } = await promisify(execFile)("which", [tool]);
      await symlink(stdout.trim(), join(tools, tool));
    }
    const failure = async () =>
      promisify(execFile)("/bin/sh", [program, "--version"], { env: { PATH: tools } }).then(
        () => assert.fail("it ran"),
        (error: { code: number; stderr: string }) => error,
      );
    const missing = "starling: Node.js is missing: install 22.12 or newer\n";
    assert.equal((await failure()).stderr, missing);
    for (const old of ["v20.20.2", "v22.11.9", "v9.0.0"]) {
      await writeFile(join(tools, "node"), `#!/bin/sh\necho ${old}\n`);
      await chmod(join(tools, "node"), 0o755);
      const { code, stderr } = await failure();
      assert.equal(code, 1);
      assert.match(stderr, new RegExp(`is ${old}: install Node.js 22.12 or newer\n$`));
    }
  });
});
