import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Journal, JournalTable } from "../../../store/journal.ts";
import { openUpgraded } from "../../../store/leveldb/journal.ts";
import { type Upgrade, upgrades } from "../../../store/leveldb/upgrade.ts";
import { silentLog } from "../../agent/samples.ts";
import { scratch } from "./machine.ts";

/** To format 2: every key gets a prefix. */
const prefixed: Upgrade = (_table, { key, value }) => [{ key: `new/${key}`, value }];
/** To format 3: what is temporary goes, the rest is there twice. */
const doubled: Upgrade = (table, row) =>
  table === "local" && row.key.includes("temporary") ? [] : [row, { ...row, key: `${row.key}/2` }];

async function keysOf(journal: Journal, table: JournalTable): Promise<string[]> {
  return (await Array.fromAsync(journal.load(table))).map(({ key }) => key);
}

async function openAs(directory: string, steps: readonly Upgrade[]) {
  const journal = await openUpgraded({ directory, log: silentLog, steps });
  assert.equal(journal.damage, undefined);
  return journal;
}

async function filesOf(directory: string): Promise<Map<string, string>> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const contents = files.map(async ({ parentPath, name }) => {
    const path = join(parentPath, name);
    return [path, (await readFile(path)).toString("hex")] as const;
  });
  return new Map(await Promise.all(contents));
}

async function fill(directory: string): Promise<void> {
  await using journal = await openAs(directory, []);
  const value = Buffer.from("1");
  await journal.append(
    [
      { table: "origins", key: "a", value },
      { table: "origins", key: "b", value },
      { table: "local", key: "temporary", value },
      { table: "local", key: "z", value },
    ],
    { isDurable: true },
  );
}

describe("the format on disk", () => {
  it("is brought forward step by step, once, and stays", async () => {
    await using folder = await scratch();
    await fill(folder.path);
    for (let opening = 0; opening < 3; opening += 1) {
      await using journal = await openAs(folder.path, [prefixed, doubled]);
      assert.deepEqual(await keysOf(journal, "origins"), ["new/a", "new/a/2", "new/b", "new/b/2"]);
      assert.deepEqual(await keysOf(journal, "local"), ["new/z", "new/z/2"]);
    }
  });

  it("may be brought forward by one program after the other", async () => {
    await using folder = await scratch();
    await fill(folder.path);
    {
      await using journal = await openAs(folder.path, [prefixed]);
      assert.deepEqual(await keysOf(journal, "local"), ["new/temporary", "new/z"]);
    }
    await using journal = await openAs(folder.path, [prefixed, doubled]);
    assert.deepEqual(await keysOf(journal, "local"), ["new/z", "new/z/2"]);
  });

  it("of a newer program is refused by an older one, which touches nothing", async () => {
    await using folder = await scratch();
    await fill(folder.path);
    {
      await using _journal = await openAs(folder.path, [prefixed]);
    }
    const before = await filesOf(folder.path);
    const opening = openUpgraded({ directory: folder.path, log: silentLog, steps: [] });
    await assert.rejects(opening, { code: "DATA_DIR_UNUSABLE", message: /format 2, ours is 1/ });
    assert.deepEqual(await filesOf(folder.path), before);
  });

  it("of today is what the steps of today lead to", () => {
    assert.equal(upgrades.length, 0);
  });
});
