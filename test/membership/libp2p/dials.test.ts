import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { call, link, openStation } from "../../contract/station.ts";
import { RealWorld } from "./world.ts";

/** Listens, takes nobody in, and never comes to. */
const deaf = `
  const server = require("node:net").createServer();
  server.listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => {
    process.stdout.write(String(server.address().port), () => { for (;;); });
  });`;

describe("a dial", () => {
  let world: RealWorld;
  let child: ChildProcess;
  const sockets: Socket[] = [];
  beforeEach(() => {
    world = new RealWorld({ connectMs: 400, dialMs: 10_000 });
    child = spawn(process.execPath, ["-e", deaf], { stdio: ["ignore", "pipe", "inherit"] });
  });
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    child.kill("SIGKILL");
    await world.close();
  });

  it("whose first packets are lost ends soon, long before one that was taken in", async () => {
    assert.ok(child.stdout);
    const [port] = await once(child.stdout, "data");
    // Whoever comes after those that its kernel holds for it gets no answer at all.
    for (let at = 0; at < 3; at += 1)
      sockets.push(connect({ port: Number(port), host: "127.0.0.1" }));
    const [first] = sockets;
    assert.ok(first);
    await once(first, "connect");
    const [a, b] = [await openStation(world, 0), await openStation(world, 1)];
    const began = performance.now();
    call(a, (transport) => transport.dial(`127.0.0.1:${port}`));
    await world.until(() => a.handler.failures.length === 1, "a failed dial");
    const ms = performance.now() - began;
    assert.ok(ms > 390 && ms < 5_000, `${ms} ms`);
    assert.match(a.handler.failures[0]?.reason ?? "", /does not answer/);
    await link(world, a, b);
  });
});
