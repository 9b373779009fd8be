import assert from "node:assert/strict";
import { createServer } from "node:http";
import { join } from "node:path";
import { ControlClient } from "../../../agent/control/client.ts";
import type { WatchEvent } from "../../../agent/view.ts";
import { network } from "./samples.ts";
import { World } from "./world.ts";

const event: WatchEvent = { kind: "network", change: "added", network };

describe("the client", () => {
  it("says what to do where there is no agent", async () => {
    await using world = await World.open();
    await world.stop();
    const refusal = { code: "AGENT_UNREACHABLE", message: /systemctl status starling/ };
    await assert.rejects(world.client.status(), refusal);
    await assert.rejects(world.client.watch().next(), refusal);
    await assert.rejects(world.client.token(), refusal);
  });

  it("says so where something else answers", async () => {
    await using world = await World.open();
    const path = join(world.folder, "other.sock");
    const other = createServer((_, response) => response.end("hello"));
    await new Promise<void>((resolve) => other.listen(path, resolve));
    await assert.rejects(new ControlClient(path).status(), {
      code: "INTERNAL",
      message: /no Starling agent/,
    });
    other.close();
  });

  it("gives up on an agent that does not answer", async () => {
    await using world = await World.open();
    const never = Promise.withResolvers<never>();
    never.promise.catch(() => undefined);
    world.desk.answer = () => never.promise;
    const client = new ControlClient(world.path, { answerMs: 50 });
    await assert.rejects(client.status(), { code: "TIMED_OUT", message: /has not answered/ });
    never.reject(new Error("the test is over"));
  });

  it("waits for an answer as long as it asked the agent to wait, and then some", async () => {
    await using world = await World.open();
    const { answer, resolve } = later(world);
    const client = new ControlClient(world.path, { answerMs: 50 });
    const removed = client.removeEndpoint("x", { waitMs: 60_000 });
    await world.desk.askedFor("endpoint-remove");
    setTimeout(resolve, 100);
    await assert.rejects(removed, { code: "TIMED_OUT", message: answer });
  });

  it("is cut off by an agent that ends, and says so", async () => {
    await using world = await World.open();
    const { resolve } = later(world);
    const asked = assert.rejects(world.client.status(), {
      code: "AGENT_UNREACHABLE",
      message: /hung up/,
    });
    await world.desk.askedFor("status");
    await world.stop();
    await asked;
    resolve();
  });

  it("gets its answer from an agent that ends a moment later", async () => {
    await using world = await World.open();
    const { resolve } = later(world);
    const asked = assert.rejects(world.client.status(), { code: "TIMED_OUT" });
    await world.desk.askedFor("status");
    const stopped = world.stop();
    resolve();
    await Promise.all([asked, stopped]);
  });
});

describe("a watch", () => {
  it("hears every change after it began, in order, and leaves no trace", async () => {
    await using world = await World.open();
    const watch = world.client.watch();
    assert.deepEqual(await watch.next(), { done: false, value: undefined });
    for (let repairs = 1; repairs <= 500; repairs += 1)
      world.desk.tell({ kind: "kernel", repairs });
    for (let repairs = 1; repairs <= 500; repairs += 1) {
      assert.deepEqual((await watch.next()).value, { kind: "kernel", repairs });
    }
    await watch.return();
    await world.desk.watched(0);
  });

  it("ends with the agent, at once", async () => {
    await using world = await World.open();
    const watch = world.client.watch();
    await watch.next();
    world.desk.tell(event);
    const began = performance.now();
    await world.stop();
    assert.ok(performance.now() - began < 200);
    assert.deepEqual(JSON.stringify((await watch.next()).value), JSON.stringify(event));
    assert.deepEqual(await watch.next(), { done: true, value: undefined });
    assert.equal(world.desk.watchers, 0);
  });

  it("is dropped when it does not read: what waits for it has an end", async () => {
    await using world = await World.open({ watchBytes: 100_000 });
    const watch = world.client.watch();
    await watch.next();
    // What this side reads ahead has an end, too.
    while (world.desk.watchers > 0) {
      for (let burst = 0; burst < 1_000; burst += 1) world.desk.tell(event);
      await new Promise(setImmediate);
    }
    for await (const said of watch) assert.deepEqual(said, JSON.parse(JSON.stringify(event)));
  });
});

/** A desk that keeps its answer until it is told to give it. */
function later(world: World) {
  const { promise, resolve } = Promise.withResolvers<void>();
  const answer = "too late";
  world.desk.answer = async () => {
    await promise;
    return { kind: "refused", refusal: { code: "TIMED_OUT", message: answer } };
  };
  return { answer, resolve };
}
