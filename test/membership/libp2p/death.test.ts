import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { call, exchange, link, openStation, type Station, text } from "../../contract/station.ts";
import { RealWorld } from "./world.ts";

describe("a host in another process", () => {
  let world: RealWorld;
  let folder: string;
  let a: Station;
  const children = new Set<ChildProcess>();
  beforeEach(async () => {
    world = new RealWorld({ stallMs: 1_000, sendQueueBytes: 1024 * 1024 });
    folder = await mkdtemp(join(tmpdir(), "starling-member-"));
    a = await openStation(world, 0);
  });
  afterEach(async () => {
    for (const child of children) child.kill("SIGKILL");
    children.clear();
    await world.close();
    await rm(folder, { recursive: true, force: true });
  });

  const start = async (port = "0") => {
    const script = new URL("./member.ts", import.meta.url);
    const child = fork(script, [folder, world.cluster, port]);
    children.add(child);
    const [{ host, address }] = await once(child, "message");
    return { child, host, address };
  };
  const linked = async (address: string, count: number) => {
    call(a, (transport) => transport.dial(address));
    await world.until(() => a.handler.links.length === count, "a link");
  };

  it("that is killed is missed at once, and linked again when it is back", async () => {
    const first = await start();
    await linked(first.address, 1);
    const killed = performance.now();
    const gone = once(first.child, "exit");
    first.child.kill("SIGKILL");
    await world.until(() => a.handler.downs.length === 1, "a link down");
    assert.ok(performance.now() - killed < 500);
    await gone;
    call(a, (transport) => transport.dial(first.address));
    await world.until(() => a.handler.failures.length === 1, "a failed dial");
    assert.match(a.handler.failures[0]?.reason ?? "", /nobody listens/);
    const second = await start(first.address.split(":")[1]);
    assert.equal(second.host, first.host);
    await linked(second.address, 2);
    assert.equal(a.handler.downs.length, 1);
  });

  it("that reads no more is given up before what waits for it is without end", async () => {
    const { child, host, address } = await start();
    await linked(address, 1);
    child.kill("SIGSTOP");
    const before = process.memoryUsage.rss();
    for (let sent = 0; a.handler.downs.length === 0 && sent < 1_000; sent += 1) {
      call(a, (transport) => transport.send(host, new Uint8Array(64 * 1024)));
      await new Promise(setImmediate);
    }
    assert.deepEqual(
      a.handler.downs.map(({ reason }) => reason),
      ["it does not read what we send"],
    );
    assert.ok(process.memoryUsage.rss() - before < 100e6);
  });

  it("that stops amidst a pull ends that pull, and not the link", async () => {
    const { child, host, address } = await start();
    await linked(address, 1);
    call(a, (transport) => transport.pull({ id: 1, from: host, request: text("") }));
    await world.until(() => a.handler.pages.length > 3, "some pages");
    child.kill("SIGSTOP");
    await world.until(() => a.handler.pullEnds.length === 1, "the end of the pull");
    assert.match(a.handler.pullEnds[0]?.reason ?? "", /no progress/);
    assert.deepEqual(a.handler.downs, []);
    child.kill("SIGCONT");
    const b = await openStation(world, 1);
    await link(world, b, a);
    await exchange(world, a, b);
  });
});
