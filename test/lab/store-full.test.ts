import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../../overlay/linux/run.ts";
import type { JournalOp } from "../../store/journal.ts";
import { type OpenedJournal, openJournal } from "../../store/leveldb/journal.ts";
import { silentLog } from "../agent/samples.ts";

const durable = { isDurable: true };

/** A write of about a kilobyte that no compression makes smaller. */
function bulk(at: number): JournalOp[] {
  const value = Buffer.from(Array.from({ length: 700 }, (_, n) => (n * 7_919 * (at + 1)) & 255));
  return [{ table: "origins", key: `row-${at}`, value }];
}

async function keysIn(directory: string): Promise<{ keys: Set<string>; isDamaged: boolean }> {
  await using journal = await openJournal({ directory, log: silentLog });
  const rows = await Array.fromAsync(journal.load("origins"));
  return { keys: new Set(rows.map(({ key }) => key)), isDamaged: journal.damage !== undefined };
}

/** Appends until the disk refuses; the numbers of what it acknowledged. */
async function fill(journal: OpenedJournal, first: number): Promise<number[]> {
  const acknowledged: number[] = [];
  for (let at = first; at < first + 2_000; at += 1) {
    try {
      await journal.append(bulk(at), durable);
      acknowledged.push(at);
    } catch {
      return acknowledged;
    }
  }
  throw new Error("the disk is never full");
}

describe("a store on a disk that fills up", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "starling-full-"));
  });
  afterEach(async () => {
    await run("umount", [folder]);
    await rm(folder, { recursive: true });
  });

  // Each size ends the disk at another place of LevelDB's log, of a table or of its manifest.
  for (let size = 200; size <= 920; size += 60) {
    it(`keeps all it acknowledged, and works again with room: full at ${size} kB`, async () => {
      await run("mount", ["-t", "tmpfs", "-o", `size=${size}k`, "starling-full", folder]);
      const directory = join(folder, "data");
      await mkdir(directory);
      const before = join(folder, "ballast");
      await writeFile(before, Buffer.alloc(32 * 1_024));
      const kept: number[] = [];
      {
        await using journal = await openJournal({ directory, log: silentLog });
        kept.push(...(await fill(journal, 0)));
        assert.ok(kept.length > 0, "something fits");
        await assert.rejects(journal.append(bulk(5_000), durable));
        await rm(before);
        await run("mount", ["-o", "remount,size=4m", folder]);
        for (let at = 10_000; at < 10_010; at += 1) {
          await journal.append(bulk(at), durable);
          kept.push(at);
        }
      }
      const { keys, isDamaged } = await keysIn(directory);
      assert.equal(isDamaged, false);
      for (const at of kept) assert.ok(keys.has(`row-${at}`), `row ${at} was acknowledged`);
      assert.equal(keys.size, kept.length, "and nothing that was refused is there");
    });
  }
});
