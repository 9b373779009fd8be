import assert from "node:assert/strict";
import { closeSync, mkdirSync, openSync, statfsSync, writeSync } from "node:fs";
import { join } from "node:path";
import { run } from "./process.ts";
import { Stage } from "./stage.ts";

const MiB = 1024 * 1024;

/** Writes all that fits, whatever else is written meanwhile. */
function fill(folder: string): void {
  const file = openSync(join(folder, "ballast"), "w");
  try {
    for (;;) writeSync(file, new Uint8Array(statfsSync(folder).bsize));
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, "ENOSPC");
  } finally {
    closeSync(file);
  }
}

describe("a disk that is full", () => {
  it("is named to who asks, costs nothing acknowledged, and is used again once it has room", async () => {
    const small = async (folder: string) => {
      mkdirSync(folder, { recursive: true });
      await run(["mount", "-t", "tmpfs", "-o", `size=${8 * MiB}`, "tmpfs", folder]);
    };
    await using stage = await Stage.open({ hosts: ["a", "b"], disks: { b: small } });
    const { cluster, churn, inspector } = stage;
    const b = cluster.agent("b");
    churn.start();
    await stage.pinged(100);
    await churn.stop();
    assert.deepEqual([...churn.refusals], []);

    fill(b.host.dataDir);
    churn.start();
    await stage.pinged(300);
    await churn.stop();
    assert.deepEqual([...churn.refusals.keys()], ["DATA_DIR_UNUSABLE"]);
    await inspector.allHolds();
    assert.equal(await stage.pingsLost(), 0);

    await run(["mount", "-o", `remount,size=${64 * MiB}`, b.host.dataDir]);
    churn.refusals.clear();
    churn.start();
    await stage.pinged(200);
    await churn.stop();
    assert.deepEqual([...churn.refusals], []);
    await inspector.allHolds();
    assert.equal(await stage.pingsLost(), 0);

    await b.kill();
    await b.restart();
    await inspector.witness.follow(b);
    await inspector.allHolds();
    assert.equal(await stage.pingsLost(), 0);
  });
});
