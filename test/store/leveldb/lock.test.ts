import assert from "node:assert/strict";
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { openJournal } from "../../../store/leveldb/journal.ts";
import { silentLog } from "../../agent/samples.ts";
import { scratch } from "./machine.ts";

const script = join(import.meta.dirname, "process.ts");

function start(directory: string): ChildProcessByStdio<null, Readable, Readable> {
  return spawn(process.execPath, [script, directory], { stdio: ["ignore", "pipe", "pipe"] });
}

/** Kills the process after it has acknowledged so much, and says how far it came. */
async function runAndKill(directory: string, count: number): Promise<number> {
  const child = start(directory);
  let last = 0;
  for await (const line of createInterface(child.stdout)) {
    last = Number(line);
    if (last >= count) child.kill("SIGKILL");
  }
  return last;
}

describe("a journal on LevelDB", () => {
  it("has all it acknowledged after kill -9, and takes that for no damage", async () => {
    await using folder = await scratch();
    for (let round = 1; round <= 5; round += 1) {
      const last = await runAndKill(folder.path, 20 * round);
      await using journal = await openJournal({ directory: folder.path, log: silentLog });
      assert.equal(journal.damage, undefined);
      const rows = await Array.fromAsync(journal.load("origins"));
      const keys = new Set(rows.map(({ key }) => key));
      for (let at = 0; at <= last; at += 1)
        assert.ok(keys.has(`row-${at}`), `row ${at} of ${last}`);
    }
  });

  it("is one process's: another is refused and told whose it is, and may have it afterwards", async () => {
    await using folder = await scratch();
    const child = start(folder.path);
    await once(child.stdout, "data");
    child.stdout.resume();
    const opening = openJournal({ directory: folder.path, log: silentLog });
    await assert.rejects(opening, { code: "DATA_DIR_LOCKED", message: /pid [0-9]+; / });
    await assert.rejects(opening, { message: new RegExp(`pid ${child.pid};`) });
    child.kill("SIGKILL");
    await once(child, "close");
    await using _journal = await openJournal({ directory: folder.path, log: silentLog });
  });

  it("is refused a second time in the same process, and the first one keeps its lock", async () => {
    await using folder = await scratch();
    await using journal = await openJournal({ directory: folder.path, log: silentLog });
    const second = openJournal({ directory: folder.path, log: silentLog });
    await assert.rejects(second, { code: "DATA_DIR_LOCKED" });
    const child = start(folder.path);
    assert.match(await text(child.stderr), /DATA_DIR_LOCKED/);
    await journal.append([{ table: "local", key: "a", value: undefined }], { isDurable: true });
  });

  it("says that a directory cannot be used, and why", async () => {
    await using folder = await scratch();
    const file = join(folder.path, "file");
    await writeFile(file, "");
    for (const directory of [file, join(file, "below")]) {
      const opening = openJournal({ directory, log: silentLog });
      await assert.rejects(opening, { code: "DATA_DIR_UNUSABLE", message: new RegExp(directory) });
    }
  });
});
