import assert from "node:assert/strict";
import { globSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sees } from "./cluster.ts";
import { Stage } from "./stage.ts";

/** Of Debian's package: tells a process another wall clock, and leaves it the monotonic one. */
const [library] = globSync("/usr/lib/*/faketime/libfaketimeMT.so.1");
const offsets = ["+3600", "-3600", "+0"];

describe("a wall clock that jumps by an hour and back", () => {
  it("is noticed by nobody: no host unreachable, no packet or promise lost", async function () {
    // Without the package (faketime) nothing here can move a clock.
    if (library === undefined) return this.skip();
    await using stage = await Stage.open({ hosts: ["a", "b", "c"] });
    const file = join("/run/lab", "clock");
    writeFileSync(file, "+0\n");
    const faked = {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
      FAKETIME_CACHE_DURATION: "1",
    };
    const { cluster, churn, inspector } = stage;
    const [a, c] = [cluster.agent("a"), cluster.agent("c")];
    await c.restart({ env: faked });
    await inspector.witness.follow(c);
    for (const agent of cluster.agents) await sees(agent, 3);
    using watch = await a.api.watch();
    churn.start();
    for (const offset of offsets) {
      writeFileSync(file, `${offset}\n`);
      await stage.pinged(250);
    }
    await churn.stop();
    assert.deepEqual([...churn.refusals], []);
    await inspector.allHolds();
    const told = watch.events.all.filter((line) => JSON.parse(line).kind === "member");
    assert.deepEqual(told, []);
    assert.equal(await stage.pingsLost(), 0);
  });
});
