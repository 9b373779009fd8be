/**
 * The journal on LevelDB. LevelDB does not verify what it reads (research note: 58 of 60 flipped
 * bits served silently), so every value carries its own checksum, and a row that fails it is
 * dropped and named, never believed. The folder:
 *
 *   db/         LevelDB, one sublevel per table, and `meta` with the format
 *   founded     says that db/ was made once: from then on a missing db/ is a loss, not a first run
 *   agent.pid   whose db/ it is, for the error message; LevelDB's own kernel lock decides
 */
import { access, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { Level } from "level";
import { describeError, MeshError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { writeAtomic } from "../../base/node/atomic-file.ts";
import type { Journal, JournalOp, JournalRow, JournalTable } from "../journal.ts";

/** What the format of db/ is called; an older one is migrated on opening, a newer one refused. */
export const formatVersion = 1;

type Database = Level<string, Uint8Array>;

export type OpenedJournal = Journal &
  AsyncDisposable & {
    /** What was lost, in words; undefined where nothing was. The caller starts a new epoch. */
    readonly damage: string | undefined;
  };

/** Throws a MeshError: DATA_DIR_UNUSABLE, DATA_DIR_LOCKED, STORE_DAMAGED. */
export async function openJournal(options: {
  readonly directory: string;
  readonly log: Log;
}): Promise<OpenedJournal> {
  const { directory, log } = options;
  await reach(directory, async () => {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await access(directory, 0o2 | 0o4);
  });
  const wasFounded = await exists(join(directory, "founded"));
  const opened = await openOrReplace(directory, wasFounded, log);
  await reach(directory, async () => {
    await writeFile(join(directory, "agent.pid"), `${process.pid}\n`);
    if (!wasFounded) await writeAtomic(join(directory, "founded"), Buffer.from("1\n"), 0o600);
  });
  await checkFormat(opened.database, directory);
  return new LevelJournal(directory, opened.database, opened.damage, log);
}

type Batch = {
  readonly ops: readonly JournalOp[];
  readonly isDurable: boolean;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
};

class LevelJournal implements OpenedJournal {
  readonly damage: string | undefined;
  readonly #directory: string;
  readonly #log: Log;
  #database: Database;
  #queue: Batch[] = [];
  #writing: Promise<void> | undefined;
  #isClosed = false;

  constructor(directory: string, database: Database, damage: string | undefined, log: Log) {
    this.#directory = directory;
    this.#database = database;
    this.damage = damage;
    this.#log = log;
  }

  async *load(table: JournalTable): AsyncGenerator<JournalRow, void, void> {
    for await (const [key, stored] of tableOf(this.#database, table).iterator()) {
      const value = unsealed(stored);
      if (value === undefined)
        this.#log.error("row on disk fails its checksum", { kind: table, path: key });
      else yield { key, value };
    }
  }

  append(ops: readonly JournalOp[], { isDurable }: { readonly isDurable: boolean }): Promise<void> {
    if (this.#isClosed) {
      return Promise.reject(new MeshError("SHUTTING_DOWN", "the journal is closed"));
    }
    return new Promise((done, failed) => {
      this.#queue.push({ ops, isDurable, done, failed });
      this.#writing ??= this.#drain();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    await this.#writing;
    await this.#database.close();
  }

  /**
   * Writes what is queued, all of it at once: what comes while a sync is under way shares the next.
   */
  async #drain(): Promise<void> {
    while (this.#queue.length > 0) {
      const batches = this.#queue;
      this.#queue = [];
      try {
        await this.#write(batches);
        for (const { done } of batches) done();
      } catch (cause) {
        const error = new MeshError("STORE_DAMAGED", `cannot write to ${this.#directory}`, {
          cause,
        });
        for (const { failed } of batches) failed(error);
        await this.#reopen();
      }
    }
    this.#writing = undefined;
  }

  async #write(batches: readonly Batch[]): Promise<void> {
    const ops = batches.flatMap((batch) => batch.ops);
    const rows = ops.map(({ table, key, value }) => {
      const sublevel = tableOf(this.#database, table);
      return value === undefined
        ? ({ type: "del", key, sublevel } as const)
        : ({ type: "put", key, value: sealed(value), sublevel } as const);
    });
    await this.#database.batch(rows, { sync: batches.some(({ isDurable }) => isDurable) });
  }

  /**
   * After a failed write LevelDB acknowledges writes that it then loses; a fresh handle does not.
   */
  async #reopen(): Promise<void> {
    try {
      await this.#database.close();
      this.#database = await openDatabase(this.#directory, false);
    } catch (error) {
      this.#log.error("store could not be reopened", {
        path: this.#directory,
        error: describeError(error),
      });
    }
  }
}

async function openOrReplace(
  directory: string,
  wasFounded: boolean,
  log: Log,
): Promise<{ readonly database: Database; readonly damage: string | undefined }> {
  try {
    return { database: await openDatabase(directory, !wasFounded), damage: undefined };
  } catch (error) {
    await refuseIfHeld(directory, error);
    if (!wasFounded) {
      throw new MeshError("DATA_DIR_UNUSABLE", `cannot make a store in ${directory}`, {
        cause: error,
      });
    }
    const aside = await moveAside(directory);
    const damage = `the store was damaged (${describeError(error)}); it lies in ${aside} and is filled again from peers`;
    log.error("store is damaged; starting empty", { path: aside, error: describeError(error) });
    return { database: await openDatabase(directory, true), damage };
  }
}

async function openDatabase(directory: string, createIfMissing: boolean): Promise<Database> {
  const database: Database = new Level(join(directory, "db"), {
    keyEncoding: "utf8",
    valueEncoding: "view",
    createIfMissing,
  });
  await database.open();
  return database;
}

async function refuseIfHeld(directory: string, error: unknown): Promise<void> {
  const cause = error instanceof Error ? error.cause : undefined;
  const isHeld = cause instanceof Error && "code" in cause && cause.code === "LEVEL_LOCKED";
  if (!isHeld) return;
  const pid = await readFile(join(directory, "agent.pid"), "utf8").catch(() => "unknown");
  const what = `${directory} is in use by another agent, pid ${pid.trim()}`;
  throw new MeshError("DATA_DIR_LOCKED", `${what}; stop it, or give this one its own --data-dir`);
}

async function moveAside(directory: string): Promise<string> {
  for (let at = 1; ; at += 1) {
    const aside = join(directory, `db.damaged-${at}`);
    if (await exists(aside)) continue;
    if (await exists(join(directory, "db"))) await rename(join(directory, "db"), aside);
    return aside;
  }
}

async function checkFormat(database: Database, directory: string): Promise<void> {
  const meta = database.sublevel<string, Uint8Array>("meta", { valueEncoding: "view" });
  const stored = await meta.get("format");
  const found = stored === undefined ? undefined : Number(Buffer.from(stored).toString());
  if (found !== undefined && found > formatVersion) {
    await database.close();
    const what = `${directory} was written by a newer Starling (format ${found}, ours is ${formatVersion})`;
    throw new MeshError("STORE_DAMAGED", `${what}; run that version, nothing was changed`);
  }
  if (found === undefined) {
    const value = Buffer.from(String(formatVersion));
    await database.batch([{ type: "put", sublevel: meta, key: "format", value }], { sync: true });
  }
}

function tableOf(database: Database, table: JournalTable) {
  return database.sublevel<string, Uint8Array>(table, {
    keyEncoding: "utf8",
    valueEncoding: "view",
  });
}

/** The value behind its CRC-32. */
function sealed(value: Uint8Array): Uint8Array {
  const bytes = Buffer.allocUnsafe(4 + value.length);
  bytes.writeUInt32BE(crc32(value));
  bytes.set(value, 4);
  return bytes;
}

function unsealed(stored: Uint8Array): Uint8Array | undefined {
  const bytes = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength);
  if (bytes.length < 4) return undefined;
  // A copy that owns its memory: LevelDB's page would be kept alive by one small record.
  const value = new Uint8Array(bytes.subarray(4));
  return crc32(value) === bytes.readUInt32BE(0) ? value : undefined;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

async function reach(directory: string, what: () => Promise<void>): Promise<void> {
  try {
    await what();
  } catch (cause) {
    const advice = "it must be a folder this user can write to (--data-dir)";
    throw new MeshError("DATA_DIR_UNUSABLE", `cannot use ${directory}: ${advice}`, { cause });
  }
}
