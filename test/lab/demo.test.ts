import assert from "node:assert/strict";
import { join } from "node:path";
import { nobody } from "./nobody.ts";
import { Process } from "./process.ts";
import { leaks, takeSnapshot } from "./snapshot.ts";

/** It makes a lab within ours, as it would on a machine. */
const demo = [process.execPath, join(import.meta.dirname, "demo.ts")];
const outside = { STARLING_LAB: undefined };

describe("the demo", () => {
  it("holds every claim it prints, in under a minute, and leaves nothing behind", async () => {
    const before = await takeSnapshot();
    const startedAt = performance.now();
    await using show = new Process(demo, outside);
    assert.equal((await show.exited).code, 0, show.out.tail(40));
    assert.ok(performance.now() - startedAt < 60_000);
    assert.match(show.out.tail(3), /(\d+) of \1 claims held/);
    assert.deepEqual(leaks(before, await takeSnapshot()), []);
  });

  it("leaves nothing behind when it is interrupted, at any step", async () => {
    for (const step of [1, 2, 3, 4, 6]) {
      const before = await takeSnapshot();
      await using show = new Process(demo, outside);
      await show.out.until(new RegExp(`^${step}\\. `), { withinMs: 30_000 });
      show.kill("SIGINT");
      assert.equal((await show.exited).code, 130);
      assert.deepEqual(leaks(before, await takeSnapshot()), [], `at step ${step}`);
    }
  });

  it("works for an ordinary user", async () => {
    const env = { ...outside, HOME: "/nonexistent" };
    await using show = new Process([...(nobody() ?? []), ...demo], env);
    assert.equal((await show.exited).code, 0, show.out.tail(40));
  });

  it("stays until it is interrupted when asked to, and says how to enter its hosts", async () => {
    await using show = new Process([...demo, "--keep"], outside);
    await show.out.until(/claims held/, { withinMs: 60_000 });
    const line = await show.out.until(/on host b: /, { withinMs: 5_000 });
    const way = line.replace(/^.*on host b: +/, "");
    await using shell = new Process([
      "sh",
      "-c",
      `echo 'ip -o link show type vxlan; exit' | ${way}`,
    ]);
    await shell.exited;
    assert.match(shell.out.tail(), /slx-/);
    show.kill("SIGINT");
    await show.exited;
  });

  it("refuses a flag it does not know", async () => {
    await using show = new Process([...demo, "--kep"], outside);
    assert.equal((await show.exited).code, 2);
    assert.match(show.err.tail(), /--kep/);
  });
});
