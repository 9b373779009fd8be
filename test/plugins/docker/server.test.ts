import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { linkSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { request } from "node:http";
import { connect, createServer as createNetServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { limits } from "../../../agent/config.ts";
import { MeshError } from "../../../base/errors.ts";
import type { Call } from "../../../plugins/docker/driver.ts";
import { openPluginServer } from "../../../plugins/docker/server.ts";
import { silentLog } from "../../agent/samples.ts";

type Reply = { readonly status: number; readonly type: string | undefined; readonly body: unknown };

describe("the plugin's socket", () => {
  let folder: string;
  let path: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "plugin-"));
    path = join(folder, "plugins", "starling.sock");
  });

  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  function serve(calls: Record<string, Call>, change: Partial<typeof limits> = {}) {
    return openPluginServer({
      path,
      inherited: undefined,
      calls: new Map(Object.entries(calls)),
      log: silentLog,
      limits: { ...limits, ...change },
    });
  }

  function post(method: string, body: string, verb = "POST"): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const asked = request({ socketPath: path, path: `/${method}`, method: verb });
      asked.on("error", reject);
      asked.on("response", async (response) => {
        const text = (await response.toArray()).join("");
        const type = response.headers["content-type"];
        resolve({ status: response.statusCode ?? 0, type, body: JSON.parse(text) });
      });
      asked.end(body);
    });
  }

  const echo: Call = async (body) => ({ body });

  it("answers calls as JSON of Docker's type", async () => {
    await using _ = await serve({ "A.B": echo });
    assert.deepEqual(await post("A.B", "x"), {
      status: 200,
      type: "application/vnd.docker.plugins.v1.2+json",
      body: { body: "x" },
    });
  });

  it("answers 404 to calls that it has not, and to other verbs", async () => {
    await using _ = await serve({ "A.B": echo });
    assert.equal((await post("A.C", "{}")).status, 404);
    assert.equal((await post("constructor", "{}")).status, 404);
    assert.equal((await post("A.B", "", "GET")).status, 404);
  });

  it("tells Docker why a call failed, and the log alone what is a bug of ours", async () => {
    await using _ = await serve({
      "A.Refused": () => Promise.reject(new MeshError("ADDRESS_TAKEN", "10.0.0.2 is b's")),
      "A.Bug": () => Promise.reject(new TypeError("undefined is not a function")),
    });
    const refused = await post("A.Refused", "");
    assert.deepEqual([refused.status, refused.body], [500, { Err: "10.0.0.2 is b's" }]);
    assert.deepEqual((await post("A.Bug", "")).body, {
      Err: "the agent failed; its log says why",
    });
  });

  it("fails a call in time, and tells the call", async () => {
    const aborted = Promise.withResolvers<boolean>();
    const stuck: Call = (_, signal) => {
      signal.addEventListener("abort", () => aborted.resolve(true));
      return new Promise(() => undefined);
    };
    await using _ = await serve({ "A.Stuck": stuck }, { dockerCallMs: 20 as never });
    const { status, body } = await post("A.Stuck", "{}");
    assert.equal(status, 500);
    assert.match((body as { Err: string }).Err, /not done within 0\.02 s/);
    assert.equal(await aborted.promise, true);
  });

  it("lets the call say itself why it is not done", async () => {
    const patient: Call = (_, signal) =>
      new Promise((_resolve, reject) => {
        const reason = new MeshError("TIMED_OUT", "host-b did not answer");
        signal.addEventListener("abort", () => reject(reason));
      });
    await using _ = await serve({ "A.Patient": patient }, { dockerCallMs: 20 as never });
    assert.deepEqual((await post("A.Patient", "{}")).body, { Err: "host-b did not answer" });
  });

  it("refuses bodies without end", async () => {
    await using _ = await serve({ "A.B": echo }, { bodyBytes: 1_000 as never });
    assert.equal((await post("A.B", "x".repeat(1_001))).status, 413);
    assert.equal((await post("A.B", "x".repeat(1_000))).status, 200);
  });

  it("goes on serving while garbage comes in", async () => {
    await using _ = await serve({ "A.B": echo });
    const garbage = fc.sample(fc.uint8Array({ minLength: 1, maxLength: 4_096 }), 64);
    await Promise.all(garbage.map((bytes) => throwAt(path, bytes)));
    const halves = ["POST /A.B HTTP/1.1\r\nContent-Length: 99\r\n\r\nhalf", "POST /A.B HTT"];
    await Promise.all(halves.map((text) => throwAt(path, Buffer.from(text))));
    assert.equal((await post("A.B", "still")).status, 200);
  });

  it("keeps calls waiting while there is no agent, where systemd holds it", async () => {
    mkdirSync(dirname(path));
    const holder = createNetServer().listen(`${path}.first`);
    await once(holder, "listening");
    // The holder takes its own name away when it closes.
    linkSync(`${path}.first`, path);
    const { fd } = (holder as unknown as { readonly _handle: { readonly fd: number } })._handle;
    const script = join(import.meta.dirname, "inheriting.ts");
    const words = 'LISTEN_FDS=1 LISTEN_FDNAMES=docker LISTEN_PID=$$ exec "$@"';
    const agent = spawn("sh", ["-c", words, "sh", process.execPath, script], {
      stdio: ["pipe", "inherit", "inherit", fd],
    });
    holder.close();
    const early = post("A.B", "I was early");
    assert.deepEqual((await early).body, { body: "I was early" });
    agent.stdin?.end();
    const [code] = await once(agent, "exit");
    assert.equal(code, 0);
  });

  it("is not taken from an agent that serves there", async () => {
    await using _ = await serve({ "A.B": echo });
    await assert.rejects(serve({}), (error) => {
      return error instanceof MeshError && error.code === "SOCKET_UNUSABLE";
    });
    assert.equal((await post("A.B", "mine")).status, 200);
  });
});

/** Sends bytes and hangs up, or waits for the server to. */
function throwAt(path: string, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(path, () => socket.end(bytes));
    socket.on("error", () => resolve());
    socket.on("close", () => resolve());
    socket.resume();
  });
}
