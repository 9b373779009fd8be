import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, open, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { seededRandom } from "../../../base/random.ts";
import { type JournalOp, type JournalTable, journalTables } from "../../../store/journal.ts";
import { type OpenedJournal, openJournal } from "../../../store/leveldb/journal.ts";
import { deadlyFault } from "../../../store/leveldb/probe.ts";
import { silentLog } from "../../agent/samples.ts";
import { scratch } from "./machine.ts";

const durable = { isDurable: true };
const random = seededRandom(7);

function openAt(directory: string): Promise<OpenedJournal> {
  return openJournal({ directory, log: silentLog });
}

function put(table: JournalTable, key: string, value: string): JournalOp {
  return { table, key, value: Buffer.from(value) };
}

async function rowsOf(journal: OpenedJournal, table: JournalTable): Promise<Map<string, string>> {
  const rows = await Array.fromAsync(journal.load(table));
  return new Map(rows.map(({ key, value }) => [key, Buffer.from(value).toString()]));
}

/** Rows of a kilobyte that does not shrink: more than LevelDB keeps in one log, so tables form. */
function bulk(round: number): JournalOp[] {
  return Array.from({ length: 500 }, (_, at) =>
    put("origins", `${round}-${at}`, Buffer.from(random.bytes(500)).toString("hex")),
  );
}

type Stored = ReadonlyMap<JournalTable, ReadonlyMap<string, string>>;

/** A folder as a process that was killed leaves it, an older one, and what was acknowledged. */
async function store(path: string): Promise<{ now: string; older: string; stored: Stored }> {
  const [live, now, older] = [join(path, "live"), join(path, "now"), join(path, "older")];
  await using journal = await openAt(live);
  for (let round = 0; round < 11; round += 1) await journal.append(bulk(round), durable);
  await journal.append([put("local", "endpoint", "place")], durable);
  await cp(live, older, { recursive: true });
  for (let round = 0; round < 3; round += 1)
    await journal.append([put("origins", `late-${round}`, "x")], durable);
  await journal.append([put("origins", "late-0", "y")], durable);
  await cp(live, now, { recursive: true });
  await using copy = await openAt(live.replace("live", "now"));
  assert.equal(copy.damage, undefined);
  const tables = journalTables.map(async (table) => [table, await rowsOf(copy, table)] as const);
  const stored = new Map(await Promise.all(tables));
  await rm(now, { recursive: true });
  await cp(live, now, { recursive: true });
  return { now, older, stored };
}

/** Either all that was acknowledged is there, or what is not is named; and nothing else is. */
async function checkHonest(directory: string, stored: Stored): Promise<void> {
  // Where reading kills LevelDB, a process has died of it and left its mark: this one would, too.
  const mark = join(directory, "store.opening");
  await writeFile(mark, "");
  if ((await deadlyFault(directory)) === undefined) await rm(mark);
  let isDamaged: boolean;
  {
    await using journal = await openAt(directory);
    isDamaged = journal.damage !== undefined;
    for (const table of journalTables) {
      const rows = await rowsOf(journal, table);
      const isLost = journal.damage?.lost.includes(table) ?? false;
      assert.deepEqual(rows, isLost ? new Map() : stored.get(table), `table ${table}`);
    }
  }
  if (isDamaged) await checkReminder(directory);
}

/** An agent that ended before it could act on the damage hears of it again, until it has acted. */
async function checkReminder(directory: string): Promise<void> {
  {
    await using journal = await openAt(directory);
    assert.notEqual(journal.damage, undefined);
    await journal.append([put("origins", "again", "1")], durable);
  }
  await using journal = await openAt(directory);
  assert.equal(journal.damage, undefined);
  assert.equal((await rowsOf(journal, "origins")).get("again"), "1");
}

type Fault = (file: string, older: string) => Promise<boolean>;

/** Those that hit another place each time. */
const isDrawn = new Set(["with a flipped bit", "with zeros in it", "with a page of zeros"]);

/** Ways in which a file goes bad. False where it does not apply. */
const faults: { readonly [name: string]: Fault } = {
  "with a flipped bit": async (file) => {
    const bytes = await readFile(file);
    if (bytes.length === 0) return false;
    const at = random.below(bytes.length);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
    await writeFile(file, bytes);
    return true;
  },
  "with zeros in it": async (file) => {
    const { size } = await stat(file);
    if (size < 64) return false;
    await using handle = await open(file, "r+");
    await handle.write(Buffer.alloc(32), 0, 32, random.below(size - 32));
    return true;
  },
  "with a page of zeros": async (file) => {
    const { size } = await stat(file);
    const pages = Math.ceil(size / 4_096);
    if (size === 0) return false;
    const at = 4_096 * random.below(pages);
    await using handle = await open(file, "r+");
    await handle.write(Buffer.alloc(Math.min(4_096, size - at)), 0, undefined, at);
    return true;
  },
  "cut at the end": async (file) => {
    const { size } = await stat(file);
    await truncate(file, Math.max(0, size - 1 - random.below(40)));
    return size > 0;
  },
  "cut in half": async (file) => {
    const { size } = await stat(file);
    await truncate(file, Math.floor(size / 2));
    return size > 0;
  },
  emptied: async (file) => {
    await truncate(file, 0);
    return true;
  },
  deleted: async (file) => {
    await rm(file);
    return true;
  },
  "replaced by an older one": async (file, older) => {
    return cp(older, file).then(
      () => true,
      () => false,
    );
  },
};

describe("a journal on LevelDB with a damaged file", () => {
  let folder: Awaited<ReturnType<typeof scratch>>;
  let made: Awaited<ReturnType<typeof store>>;
  before(async () => {
    folder = await scratch();
    made = await store(folder.path);
  });
  after(() => folder[Symbol.asyncDispose]());

  for (const [name, fault] of Object.entries(faults)) {
    it(`serves all that was acknowledged or says what is lost: each file ${name}`, async () => {
      const { now, older, stored } = made;
      const files = (await readdir(now, { recursive: true, withFileTypes: true }))
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name).slice(now.length + 1));
      assert.ok(files.some((file) => file.endsWith(".ldb")));
      for (const file of files.flatMap((each) => new Array(isDrawn.has(name) ? 2 : 1).fill(each))) {
        const trial = join(folder.path, "trial");
        await cp(now, trial, { recursive: true });
        if (await fault(join(trial, file), join(older, file))) {
          await checkHonest(trial, stored).catch((cause: unknown) => {
            throw new Error(`${file} ${name}`, { cause });
          });
        }
        await rm(trial, { recursive: true });
      }
    });
  }

  async function trial(what: (directory: string) => Promise<void>): Promise<OpenedJournal> {
    const directory = join(folder.path, "trial");
    await rm(directory, { recursive: true, force: true });
    await cp(made.now, directory, { recursive: true });
    await what(directory);
    return openAt(directory);
  }

  it("that kills whoever reads it is moved aside by the next process, and named", async () => {
    const directory = join(folder.path, "deadly");
    await cp(made.now, directory, { recursive: true });
    assert.ok(
      await kill(directory),
      "no page of zeros kills LevelDB any more: is the probe needed?",
    );
    const script = join(import.meta.dirname, "process.ts");
    const child = spawn(process.execPath, [script, directory], { stdio: "ignore" });
    const timer = setTimeout(() => child.kill("SIGKILL"), 20_000);
    const [, signal] = await once(child, "exit");
    clearTimeout(timer);
    assert.equal(signal, "SIGABRT", "LevelDB has become able to live with this");
    await using journal = await openAt(directory);
    assert.match(journal.damage?.description ?? "", /LevelDB dies of reading it \(SIGABRT\)/);
    assert.equal(journal.damage?.movedTo, join(directory, "store.damaged-1"));
    await journal.append([put("origins", "again", "1")], durable);
  });

  it("says so where the whole store is gone, or is an older one", async () => {
    for (const replace of [false, true]) {
      await using journal = await trial(async (directory) => {
        await rm(join(directory, "store"), { recursive: true });
        if (replace)
          await cp(join(made.older, "store"), join(directory, "store"), { recursive: true });
      });
      assert.deepEqual(journal.damage?.lost, replace ? ["origins"] : ["origins", "local"]);
      assert.equal((await rowsOf(journal, "local")).size, replace ? 1 : 0);
      assert.equal((await rowsOf(journal, "origins")).size, 0);
    }
  });

  it("keeps the store where only its seals are gone, and says that the end may be missing", async () => {
    await using journal = await trial(async (directory) => {
      for (const name of ["store.seal-a", "store.seal-b"]) await rm(join(directory, name));
    });
    assert.deepEqual(journal.damage?.lost, []);
    assert.match(journal.damage?.description ?? "", /last changes may be missing/);
    assert.deepEqual(await rowsOf(journal, "origins"), made.stored.get("origins"));
  });

  it("keeps three damaged folders and no more", async () => {
    const directory = join(folder.path, "again");
    for (let round = 1; round <= 5; round += 1) {
      await using journal = await openAt(directory);
      await journal.append([put("origins", "a", "1")], durable);
      await journal[Symbol.asyncDispose]();
      await rm(join(directory, "store", "CURRENT"));
      await using after = await openAt(directory);
      assert.equal(after.damage?.movedTo, join(directory, `store.damaged-${round}`));
      await after.append([put("origins", "b", "1")], durable);
    }
    const kept = (await readdir(directory)).filter((name) => name.includes("damaged"));
    assert.deepEqual(kept.toSorted(), ["store.damaged-3", "store.damaged-4", "store.damaged-5"]);
  });

  it("notices rows that changed places", async () => {
    const directory = join(folder.path, "swapped");
    {
      await using journal = await openAt(directory);
      await journal.append([put("origins", "a", "1"), put("origins", "b", "2")], durable);
    }
    await swapRows(directory);
    await using journal = await openAt(directory);
    assert.deepEqual(journal.damage?.lost, ["origins"]);
  });
});

/** Puts zeros over one page of a table after another, until one is found that kills LevelDB. */
async function kill(directory: string): Promise<boolean> {
  const mark = join(directory, "store.opening");
  await writeFile(mark, "");
  const names = await readdir(join(directory, "store"));
  for (const name of names.filter((each) => each.endsWith(".ldb")).toSorted()) {
    const file = join(directory, "store", name);
    const whole = await readFile(file);
    for (let at = 0; at < Math.min(whole.length, 60 * 4_096); at += 4_096) {
      await writeFile(file, Buffer.from(whole).fill(0, at, at + 4_096));
      if ((await deadlyFault(directory)) !== undefined) {
        await rm(mark);
        return true;
      }
    }
    await writeFile(file, whole);
  }
  return false;
}

/** Exchanges what lies under two keys, as a program that knows nothing of checksums might. */
async function swapRows(directory: string): Promise<void> {
  const { Level } = await import("level");
  const level = new Level<string, Uint8Array>(join(directory, "store"), { valueEncoding: "view" });
  const [a, b] = [await level.get("!origins!a"), await level.get("!origins!b")];
  assert.ok(a !== undefined && b !== undefined);
  await level.put("!origins!a", b);
  await level.put("!origins!b", a);
  await level.close();
}
