import assert from "node:assert/strict";
import { open } from "node:fs/promises";
import { join } from "node:path";
import type { JournalOp } from "../../../store/journal.ts";
import { openJournal } from "../../../store/leveldb/journal.ts";
import { silentLog } from "../../agent/samples.ts";
import { scratch } from "./machine.ts";

const durable = { isDurable: true };

function put(key: string, value: string): JournalOp {
  return { table: "origins", key, value: Buffer.from(value) };
}

/** Has the disk refuse the next syncing of a file that Node writes: a seal, not of LevelDB. */
async function refuseNextSync(path: string): Promise<void> {
  await using file = await open(path, "a");
  const handles = Object.getPrototypeOf(file);
  const { datasync } = handles;
  handles.datasync = async () => {
    handles.datasync = datasync;
    throw Object.assign(new Error("EIO: i/o error, fdatasync"), { code: "EIO" });
  };
}

describe("a journal on LevelDB whose batch is on disk though its append failed", () => {
  it("undoes it before it takes anything else", async () => {
    await using folder = await scratch();
    const directory = join(folder.path, "data");
    {
      await using journal = await openJournal({ directory, log: silentLog });
      await journal.append([put("a", "old"), put("b", "old")], durable);
      await refuseNextSync(join(directory, "lock"));
      const failing = journal.append(
        [put("a", "new"), { table: "origins", key: "b", value: undefined }, put("c", "new")],
        durable,
      );
      await assert.rejects(failing, { code: "DATA_DIR_UNUSABLE" });
      await journal.append([put("d", "later")], durable);
    }
    await using journal = await openJournal({ directory, log: silentLog });
    assert.equal(journal.damage, undefined);
    const rows = await Array.fromAsync(journal.load("origins"));
    assert.deepEqual(
      rows.map(({ key, value }) => `${key} ${Buffer.from(value)}`),
      ["a old", "b old", "d later"],
    );
  });
});
