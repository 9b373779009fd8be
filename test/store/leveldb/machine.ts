/** A folder as a disk: it can be copied as a crash would leave it, and made to refuse writes. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { openJournal } from "../../../store/leveldb/journal.ts";
import { silentLog } from "../../agent/samples.ts";
import type { JournalWorld } from "../../contract/journal.ts";

const run = promisify(execFile);

/** A new folder, removed when disposed. */
export async function scratch(): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), "starling-store-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/**
 * Lets this process write no byte past the first of any file: what is left of a full disk. The
 * kernel refuses such a write with EFBIG, and a signal that would end the process if nobody heard.
 */
export async function limitFiles(isLimited: boolean): Promise<void> {
  process.off("SIGXFSZ", heard);
  process.on("SIGXFSZ", heard);
  const limit = isLimited ? "1" : "unlimited";
  await run("prlimit", ["--pid", String(process.pid), `--fsize=${limit}:unlimited`]);
}

function heard(): void {
  // The write fails all the same; without a listener the signal would end the process.
}

/**
 * What a process that ends now would leave. Copying takes a while, so what is written first is
 * copied last: the seals speak of what is in the store already.
 */
async function copyLive(from: string, to: string): Promise<void> {
  for (const name of (await readdir(from)).toSorted().toReversed())
    await cp(join(from, name), join(to, name), { recursive: true });
}

export async function openMachine(): Promise<JournalWorld> {
  const folder = await scratch();
  let at = 0;
  const opened: AsyncDisposable[] = [];
  const directory = () => join(folder.path, String(at));
  return {
    open: async () => {
      const journal = await openJournal({ directory: directory(), log: silentLog });
      opened.push(journal);
      assert.equal(journal.damage, undefined, "a crash is no damage");
      return journal;
    },
    crash: async () => {
      const before = directory();
      at += 1;
      await copyLive(before, directory());
    },
    breakDisk: () => limitFiles(true),
    mendDisk: () => limitFiles(false),
    close: async () => {
      await limitFiles(false);
      for (const journal of opened) await journal[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}
