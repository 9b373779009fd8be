import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { Lab } from "../lab/lab.ts";
import { skipWhere } from "../vagrant/obstacle.ts";
import { processesIn } from "./cgroup.ts";
import { Engine, engineObstacle } from "./engine.ts";
import { image } from "./image.ts";

const obstacle = engineObstacle();

describe("engines on the lab's hosts", () => {
  before(function () {
    skipWhere(obstacle, this);
  });

  it("are apart: each has its own containers, and its own place for plugins", async () => {
    await using lab = await Lab.open({ hosts: ["a", "b"] });
    const [one, other] = await Promise.all(lab.hosts.map((host) => Engine.open(host)));
    assert.ok(one !== undefined && other !== undefined);
    await using _ = one;
    await using __ = other;
    await one.sleeper("--name", "only-here");
    assert.equal(await other.docker("ps", "-aq"), "");
    await one.host.run(["touch", `${one.plugins}/mark.spec`]);
    const seen = async (engine: Engine): Promise<string> =>
      engine.host.run([...engine.enter, "ls", "/run/docker/plugins"]);
    assert.equal((await seen(one)).trim(), "mark.spec");
    assert.equal((await seen(other)).trim(), "");
  });

  it("lose their containers with a restart, and keep them with live-restore", async () => {
    await using lab = await Lab.open({ hosts: ["a"] });
    await using engine = await Engine.open(lab.host("a"));
    await engine.sleeper("--name", "first");
    const state = (name: string) => engine.docker("inspect", "-f", "{{.State.Status}}", name);
    await engine.restart({ liveRestore: true });
    assert.equal(await state("first"), "exited");
    await engine.docker("start", "first");
    const pid = await engine.docker("inspect", "-f", "{{.State.Pid}}", "first");
    await engine.restart();
    await engine.kill();
    await engine.start();
    assert.equal(await state("first"), "running");
    assert.equal(await engine.docker("inspect", "-f", "{{.State.Pid}}", "first"), pid);
    assert.equal(await engine.exec("first", "echo", "still here"), "still here");
  });

  it("come back after a power cut with their disk and without their processes", async () => {
    await using lab = await Lab.open({ hosts: ["a"] });
    await using engine = await Engine.open(lab.host("a"));
    await engine.docker("network", "create", "kept");
    await engine.sleeper("--name", "stays", "--restart", "always", "--network", "kept");
    await engine.sleeper("--name", "ends", "--network", "kept");
    await engine.crash();
    await engine.boot();
    const state = (name: string) => engine.docker("inspect", "-f", "{{.State.Status}}", name);
    assert.equal(await state("stays"), "running");
    assert.equal(await state("ends"), "exited");
  });

  it("leave no process, mount, control group or file behind", async () => {
    await using lab = await Lab.open({ hosts: ["a"] });
    const host = lab.host("a");
    await using engine = await Engine.open(host);
    await engine.sleeper("--name", "one");
    await engine.docker("run", "--rm", image, "true");
    await engine[Symbol.asyncDispose]();
    const name = `starling-${process.env["STARLING_LAB_PID"]}-a`;
    assert.deepEqual(processesIn(name), []);
    assert.ok(
      !readdirSync("/sys/fs/cgroup").some((tree) => existsSync(`/sys/fs/cgroup/${tree}/${name}`)),
    );
    assert.deepEqual(readdirSync(host.folder), []);
  });
});
