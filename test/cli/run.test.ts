import assert from "node:assert/strict";
import { chmod, readFile } from "node:fs/promises";
import { join } from "node:path";
import { network } from "../agent/control/samples.ts";
import { refused } from "../agent/control/simulated-desk.ts";
import { World } from "../agent/control/world.ts";
import { labObstacle } from "../lab/enter.ts";
import { type Exit, starling } from "./command.ts";
import { Wall } from "./wall.ts";

describe("starling run", () => {
  let world: World;
  let wall: Wall;
  before(function () {
    const obstacle = labObstacle();
    if (obstacle === undefined) return;
    console.log(`starling run is not tested: ${obstacle}`);
    this.skip();
  });
  beforeEach(async () => {
    world = await World.open();
    world.desk.networks.set("web", network);
    wall = await Wall.open();
  });
  afterEach(async () => {
    await wall[Symbol.asyncDispose]();
    await world[Symbol.asyncDispose]();
  });

  const command = (...words: string[]) => [starling, "run", "--socket", world.path, ...words];
  const start = (...words: string[]) => wall.start(command("--network", "web", ...words));
  const run = (...words: string[]): Promise<Exit> => start(...words).exited;

  async function assertNothingLeft(): Promise<void> {
    assert.deepEqual(await wall.namespaces(), []);
    assert.deepEqual([...world.desk.endpoints.keys()], []);
  }

  it("runs a command in a namespace of its own, which the agent is told of", async () => {
    const script = "readlink /proc/self/ns/net; ls /run/netns; stat -L -c %i /run/netns/*";
    const { code, stdout, stderr } = await run(
      "--name",
      "x",
      "--ip",
      "10.32.0.9",
      "sh",
      "-c",
      script,
    );
    assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
    const [, inode, name, named] = /^net:\[(\d+)\]\n(sl-[0-9a-f]{12})\n(\d+)\n$/.exec(stdout) ?? [];
    assert.equal(named, inode);
    assert.deepEqual(world.desk.asked.slice(0, 1), [
      {
        kind: "endpoint-add",
        network: "web",
        ...{ id: undefined, name: "x", aliases: [], owner: undefined },
        place: { kind: "netns", netns: `/run/netns/${name}`, interface: "eth0" },
        addresses: ["10.32.0.9"],
        mac: undefined,
        waitMs: 1_000,
      },
    ]);
    await assertNothingLeft();
  });

  it("passes on input, output and the exit code", async () => {
    const script = "cat; echo problem >&2; exit 7";
    const words = command("--network", "web", "--", "sh", "-c", script);
    assert.deepEqual(await wall.run(words, { input: "hello" }), {
      code: 7,
      stdout: "hello",
      stderr: "problem\n",
    });
    await assertNothingLeft();
  });

  it("ends with 128 and the signal that ended the command", async () => {
    assert.equal((await run("--", "sh", "-c", "kill -TERM $$")).code, 143);
    assert.equal((await run("--", "sh", "-c", "kill -KILL $$")).code, 137);
    await assertNothingLeft();
  });

  it("ends with 127 where there is no such command, which is named", async () => {
    const { code, stderr } = await run("--", "/no/such-command");
    assert.equal(code, 127);
    assert.match(stderr, /\/no\/such-command/);
    await assertNothingLeft();
  });

  it("leaves the command's own options to it, with or without --", async () => {
    assert.equal((await run("--", "echo", "--wait", "-d", "--json")).stdout, "--wait -d --json\n");
    assert.equal((await run("echo", "-n", "--socket", "x")).stdout, "--socket x");
  });

  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1"] as const) {
    it(`passes ${signal} on, and cleans up when the command has ended`, async () => {
      const name = signal.slice(3);
      const script = `trap 'echo got ${name}; exit 5' ${name}; echo ready; while :; do sleep 0.05; done`;
      const running = start("--", "sh", "-c", script);
      await running.said("ready");
      process.kill(running.pid, signal);
      const { code, stdout } = await running.exited;
      assert.deepEqual({ code, stdout }, { code: 5, stdout: `ready\ngot ${name}\n` });
      await assertNothingLeft();
    });
  }

  it("goes on as long as the command does, whatever signals say", async () => {
    const running = start("--", "sh", "-c", "trap '' INT; echo ready; read line; exit 3");
    await running.said("ready");
    process.kill(running.pid, "SIGINT");
    assert.equal((await running.exited).code, 3);
    await assertNothingLeft();
  });

  it("that is told to end before the command has begun does not begin it", async () => {
    const gate = Promise.withResolvers<void>();
    world.desk.answer = async (asked) => {
      await gate.promise;
      world.desk.answer = undefined;
      return world.desk.ask(asked);
    };
    const running = start("--", "echo", "begun");
    await world.desk.askedFor("endpoint-add");
    process.kill(running.pid, "SIGTERM");
    await running.said("SIGTERM: ends as soon as the agent has answered");
    gate.resolve();
    const { code, stdout } = await running.exited;
    assert.deepEqual({ code, stdout }, { code: 143, stdout: "" });
    await assertNothingLeft();
  });

  it("has the terminal, whose Ctrl-C reaches the command once", async () => {
    const script = `trap "echo one" INT; test -t 0 && echo ready; read a; read b; echo over`;
    const own = command("--network", "web").join(" ");
    const words = `${own} -- sh -c '${script}'; echo "code $?"`;
    // dash ends with an interrupt that its command has handled; bash goes on, and says the code.
    const env = { SHELL: "/bin/bash" };
    const running = wall.start(["script", "-qec", words, "/dev/null"], { stays: true, env });
    await running.said("ready");
    running.child.stdin?.write("\x03");
    await running.said("one");
    running.child.stdin?.write("a\nb\n");
    const { stdout } = await running.exited;
    assert.equal(stdout.match(/one/g)?.length, 1, stdout);
    assert.match(stdout, /over\r\ncode 0/);
    await assertNothingLeft();
  });

  it("leaves nothing behind where the agent refuses", async () => {
    world.desk.networks.clear();
    assert.deepEqual(await run("--", "true"), {
      code: 1,
      stdout: "",
      stderr: "starling: there is no network web\n",
    });
    await assertNothingLeft();
  });

  it("leaves nothing behind where there is no agent", async () => {
    await world.stop();
    const { code, stderr } = await run("--", "true");
    assert.equal(code, 1);
    assert.match(stderr, /^starling: no agent answers [^\n]*\n$/);
    assert.deepEqual(await wall.namespaces(), []);
  });

  it("removes the namespace also where the agent has gone meanwhile, and says what is left", async () => {
    const running = start("--", "sh", "-c", "echo ready; read line; exit 4");
    await running.said("ready");
    const [id] = world.desk.endpoints.keys();
    await world.stop();
    const { code, stderr } = await running.exited;
    assert.equal(code, 4);
    assert.match(
      stderr,
      new RegExp(
        `^starling: endpoint ${id} is still in the map [^\\n]*; the agent withdraws it when it is back\n$`,
      ),
    );
    assert.deepEqual(await wall.namespaces(), []);
  });

  it("says nothing of an endpoint that somebody has removed meanwhile", async () => {
    const gone: NonNullable<typeof world.desk.answer> = (asked) => {
      if (asked.kind === "endpoint-remove") return refused("UNKNOWN_ENDPOINT", "there is none");
      world.desk.answer = undefined;
      const answer = world.desk.ask(asked);
      world.desk.answer = gone;
      return answer;
    };
    world.desk.answer = gone;
    assert.deepEqual(await run("--", "true"), { code: 0, stdout: "", stderr: "" });
  });

  it("waits for others' kernels where it is told to, and runs the command all the same", async () => {
    world.desk.report = { ...world.desk.report, missing: [network.createdBy], ms: 250 };
    const { code, stdout, stderr } = await run("--wait=250ms", "--", "echo", "begun");
    assert.deepEqual({ code, stdout }, { code: 0, stdout: "begun\n" });
    assert.equal(stderr, "starling: after 250 ms not yet in the kernel of a\n");
  });
});

describe("starling run --detach", () => {
  let world: World;
  let wall: Wall;
  before(function () {
    const obstacle = labObstacle();
    if (obstacle === undefined) return;
    console.log(`starling run --detach is not tested: ${obstacle}`);
    this.skip();
  });
  beforeEach(async () => {
    world = await World.open();
    await chmod(world.folder, 0o755);
    world.desk.networks.set("web", network);
    wall = await Wall.open();
  });
  afterEach(async () => {
    await wall[Symbol.asyncDispose]();
    await world[Symbol.asyncDispose]();
  });

  const run = (...words: string[]): Promise<Exit> =>
    wall.run([starling, "run", "--socket", world.path, "--network", "web", "-d", ...words]);

  it("prints the endpoint's id, leaves the command running, and cleans up after it", async () => {
    const log = join(world.folder, "log");
    const fifo = join(world.folder, "fifo");
    await wall.run(["mkfifo", fifo]);
    const script = `echo out; echo err >&2; env | grep -c ^STARLING_RUN; cat; read line < ${fifo}`;
    const { code, stdout, stderr } = await run("--log", log, "--", "sh", "-c", script);
    const [id] = world.desk.endpoints.keys();
    assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: `${id}\n`, stderr: "" });
    assert.equal((await wall.namespaces()).length, 1);

    await wall.run(["sh", "-c", `echo over > ${fifo}`]);
    await world.desk.askedFor("endpoint-remove");
    await gone();
    assert.deepEqual([...world.desk.endpoints.keys()], []);
    assert.equal(await readFile(log, "utf8"), "out\nerr\n0\n");
  });

  it("prints the process to signal with --json; a signal to it reaches the command", async () => {
    const { stdout } = await run("--json", "--", "sleep", "1000");
    const { endpoint, pid } = JSON.parse(stdout) as { endpoint: { id: string }; pid: number };
    assert.ok(world.desk.endpoints.has(endpoint.id));
    process.kill(pid, "SIGTERM");
    await world.desk.askedFor("endpoint-remove");
    await gone();
  });

  it("fails with the agent's words where the command cannot begin", async () => {
    world.desk.networks.clear();
    assert.deepEqual(await run("--", "true"), {
      code: 1,
      stdout: "",
      stderr: "starling: there is no network web\n",
    });
    assert.deepEqual(await wall.namespaces(), []);
  });

  it("fails where the log cannot be written", async () => {
    const { code, stderr } = await run("--log", "/nonexistent/log", "--", "true");
    assert.equal(code, 1);
    assert.match(stderr, /^starling: cannot write the log \/nonexistent\/log: [^\n]*\n$/);
    assert.deepEqual(world.desk.asked, []);
  });

  it("does not begin when whoever wanted it has gone", async () => {
    const gate = Promise.withResolvers<void>();
    world.desk.answer = async (asked) => {
      await gate.promise;
      world.desk.answer = undefined;
      return world.desk.ask(asked);
    };
    const log = join(world.folder, "log");
    const words = ["run", "--socket", world.path, "--network", "web", "-d", "--log", log];
    const mark = join(world.folder, "begun");
    const running = wall.start([starling, ...words, "--", "touch", mark]);
    await world.desk.askedFor("endpoint-add");
    running.child.kill("SIGKILL");
    while (!(await readFile(log, "utf8")).includes("SIGTERM: ends as soon as"));
    gate.resolve();
    await world.desk.askedFor("endpoint-remove");
    await gone();
    await assert.rejects(readFile(mark), { code: "ENOENT" });
  });

  /** Resolves when the namespace has gone: the last thing that the copy does. */
  async function gone(): Promise<void> {
    while ((await wall.namespaces()).length > 0);
  }
});
