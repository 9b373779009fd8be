import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { watch } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { limits } from "../../../agent/config.ts";
import { rootSocket } from "../../../agent/control/doors.ts";
import { openControlServer } from "../../../agent/control/server.ts";
import { labObstacle } from "../../lab/enter.ts";
import { token } from "./samples.ts";
import { SimulatedDesk } from "./simulated-desk.ts";
import { quiet, World } from "./world.ts";

const run = promisify(execFile);

function open(path: string): Promise<AsyncDisposable> {
  return openControlServer({ path, desk: new SimulatedDesk(), log: quiet, limits });
}

/** Anything that answers at a path without being an agent; the socket stays when it is killed. */
async function leaveSocket(path: string): Promise<void> {
  const script = `require("net").createServer().listen(process.argv[1], () => process.kill(process.pid, "SIGKILL"))`;
  await run(process.execPath, ["-e", script, path]).catch(() => undefined);
}

/** Serves where this is the list of groups; says on its output how the doors stand. */
async function servedWithGroup(isInUserNamespace: boolean): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "starling-group-"));
  const groups = join(folder, "group");
  await writeFile(groups, "root:x:0:\nstarling:x:4242:\n");
  const user = isInUserNamespace ? ["--map-root-user"] : [];
  const script = `mount --bind "$1" /etc/group && shift && exec "$@"`;
  const program = join(import.meta.dirname, "served.ts");
  const path = join(folder, "run", "a.sock");
  const words = [...user, "--mount", "sh", "-c", script, "sh", groups, process.execPath];
  const { stdout } = await run("unshare", [...words, program, path]);
  await rm(folder, { recursive: true });
  return stdout;
}

describe("the agent's doors", () => {
  it("are closed to everybody but root and the group, in a folder that is too", async () => {
    await using world = await World.open();
    const mode = async (path: string) => (await stat(path)).mode & 0o777;
    assert.equal(await mode(dirname(world.path)), 0o750);
    assert.equal(await mode(world.path), 0o660);
    assert.equal(await mode(rootSocket(world.path)), 0o600);
  });

  it("leave nothing beside them, and nothing at all when they close", async () => {
    await using world = await World.open();
    const folder = dirname(world.path);
    assert.deepEqual((await readdir(folder)).toSorted(), ["starling.sock", "starling.sock.root"]);
    await world.stop();
    assert.deepEqual(await readdir(folder), []);
  });

  it("are handed to the group starling, the folder and the common one", async function () {
    if (process.geteuid?.() !== 0) {
      console.log("only root can hand a file to a group that it is not in");
      this.skip();
    }
    const said = await servedWithGroup(false);
    assert.equal(said, "run 4242 750\na.sock 4242 660\na.sock.root 0 600\n");
  });

  it("open also where the group is none of this user namespace", async function () {
    const obstacle = labObstacle();
    if (obstacle !== undefined) {
      console.log(`doors in a user namespace are not tested: ${obstacle}`);
      this.skip();
    }
    const said = await servedWithGroup(true);
    assert.equal(said, "run 0 750\na.sock 0 660\na.sock.root 0 600\n");
  });

  it("are made in their own folder: the one above may not be ours", async () => {
    await using world = await World.open();
    const folder = join(world.folder, "run", "own");
    await mkdir(folder);
    const seen: unknown[] = [];
    const watcher = watch(dirname(folder), (_, name) => seen.push(name));
    await using _ = await open(join(folder, "a.sock"));
    // Events come in order: once this has come, all before it have.
    const told = once(watcher, "change");
    await writeFile(join(dirname(folder), "mark"), "");
    await told;
    watcher.close();
    assert.deepEqual(new Set(seen), new Set(["mark"]));
  });

  it("show the token at root's alone", async () => {
    await using world = await World.open();
    const reply = await world.ask({ path: "/v1/token" });
    assert.equal(reply.status, 403);
    assert.doesNotMatch(JSON.stringify(reply.body), new RegExp(token.token));
    assert.deepEqual(world.desk.asked, []);
    assert.deepEqual(await world.client.token(), token);
  });

  it("open over what a dead agent left", async () => {
    await using world = await World.open();
    await world.stop();
    await leaveSocket(world.path);
    await leaveSocket(rootSocket(world.path));
    assert.ok((await stat(world.path)).isSocket());
    await world.start();
    assert.equal((await world.client.status()).host.name, "a");
  });

  it("stay with the agent that has them: a second is told which one", async () => {
    await using world = await World.open();
    await assert.rejects(open(world.path), {
      code: "SOCKET_UNUSABLE",
      message: /starling\.sock.* is served by the agent of host a \(10\.0\.0\.1:7790\)/,
    });
    assert.equal((await world.client.status()).host.name, "a");
  });

  it("are not taken from a program that is no agent", async () => {
    await using world = await World.open();
    const path = join(world.folder, "other.sock");
    const other = createServer((socket) => socket.destroy()).listen(path);
    await once(other, "listening");
    await assert.rejects(open(path), { message: /is served by another process/ });
    other.close();
  });

  it("do not replace a file that is no socket", async () => {
    await using world = await World.open();
    const path = join(world.folder, "file");
    await writeFile(path, "precious");
    await assert.rejects(open(path), { code: "SOCKET_UNUSABLE", message: /is no socket/ });
    assert.ok((await stat(path)).isFile());
  });

  it("need a path that a socket can have, in a folder that can be written", async () => {
    await using world = await World.open();
    const code = "SOCKET_UNUSABLE";
    await assert.rejects(open(join(world.folder, "x".repeat(100))), { code, message: /107 bytes/ });
    await writeFile(join(world.folder, "file"), "");
    await assert.rejects(open(join(world.folder, "file", "a.sock")), {
      code,
      message: /cannot make the folder/,
    });
  });

  it("that could be opened only by half are closed again", async () => {
    await using world = await World.open();
    const path = join(world.folder, "half.sock");
    await mkdir(path);
    await assert.rejects(open(path), { message: /is no socket/ });
    const left = (await readdir(world.folder)).toSorted();
    assert.deepEqual(left, ["half.sock", "run"]);
  });

  it("are never open to others, not even while they are made", async () => {
    await using world = await World.open();
    await chmod(world.folder, 0o755);
    const folder = join(world.folder, "shared");
    await mkdir(folder, { mode: 0o777 });
    const path = join(folder, "a.sock");
    const seen = new Set<string>();
    let isDone = false;
    const watching = (async () => {
      while (!isDone) {
        for (const name of await readdir(folder)) {
          const { mode } = await stat(join(folder, name)).catch(() => ({ mode: 0 }));
          if ((mode & 0o007) !== 0) seen.add(`${name} ${mode.toString(8)}`);
        }
      }
    })();
    for (let round = 0; round < 20; round += 1) {
      await using _ = await open(path);
    }
    isDone = true;
    await watching;
    assert.deepEqual([...seen], []);
  });

  it("let a new agent in that starts while the old one is closing", async () => {
    await using world = await World.open();
    const lingering = connect(world.path);
    await once(lingering, "connect");
    const stopped = world.stop();
    while ((await readdir(dirname(world.path))).length > 0);
    await using _ = await open(world.path);
    lingering.destroy();
    await stopped;
    assert.equal((await world.client.status()).host.name, "a");
  });
});
