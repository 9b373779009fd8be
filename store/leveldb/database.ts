/** LevelDB as the journal uses it: a sublevel per table, and `meta` for what is said about them. */
import { join } from "node:path";
import { Level } from "level";
import { type JournalRow, type JournalTable, journalTables } from "../journal.ts";
import { emptyTally, retally, type Tally, valueIn } from "./row.ts";
import { decodeLine, encodeLine, type Seal } from "./seal.ts";

/** A stored row, or with undefined bytes its removal. */
export type Write = {
  readonly table: JournalTable | "meta";
  readonly key: string;
  readonly stored: Uint8Array | undefined;
};

/** What a table really holds. */
export type Reading = {
  readonly rows: readonly JournalRow[];
  readonly tally: Tally;
  /** Why not all of it can be believed, or undefined. */
  readonly fault: string | undefined;
};

/** Name of LevelDB's folder in the data directory. */
export const folderName = "store";

const sealKey = "seal";
/** Rows per read: some hundred kilobytes, after which other work gets its turn. */
const readRows = 1_000;

/** An open folder of LevelDB. */
export class Database {
  readonly #level: Level<string, Uint8Array>;
  readonly #tables: ReadonlyMap<JournalTable | "meta", Sublevel>;

  private constructor(level: Level<string, Uint8Array>) {
    this.#level = level;
    this.#tables = new Map(
      [...journalTables, "meta" as const].map((table) => [table, sublevelOf(level, table)]),
    );
  }

  /**
   * Opens the folder; only `isNew` may make it. Where its file CURRENT is lost, making it would
   * start an empty database and delete the tables of the old one.
   */
  static async open(directory: string, options: { readonly isNew: boolean }): Promise<Database> {
    const level = new Level<string, Uint8Array>(join(directory, folderName), {
      keyEncoding: "utf8",
      valueEncoding: "view",
      createIfMissing: options.isNew,
    });
    await level.open();
    return new Database(level);
  }

  /** All changes or none, and with them the seal that speaks of the result. */
  async write(
    writes: readonly Write[],
    { seal, isDurable }: { readonly seal: Seal; readonly isDurable: boolean },
  ): Promise<void> {
    const all: Write[] = [...writes, { table: "meta", key: sealKey, stored: encodeLine(seal) }];
    const rows = all.map(({ table, key, stored }) => {
      const sublevel = this.#table(table);
      return stored === undefined
        ? ({ type: "del", key, sublevel } as const)
        : ({ type: "put", key, value: stored, sublevel } as const);
    });
    await this.#level.batch(rows, { sync: isDurable });
  }

  /** The bytes stored under these keys, as they are. */
  stored(
    table: JournalTable | "meta",
    keys: readonly string[],
  ): Promise<(Uint8Array | undefined)[]> {
    return this.#table(table).getMany([...keys]);
  }

  /** The seal of the last batch, or undefined where none can be read. */
  async seal(): Promise<Seal | undefined> {
    const [line] = await this.stored("meta", [sealKey]);
    return line === undefined ? undefined : decodeLine<Seal>(line);
  }

  /** Every row of a table, in key order, each checked. */
  async read(table: JournalTable): Promise<Reading> {
    const rows: JournalRow[] = [];
    let tally = emptyTally;
    let altered = 0;
    await using iterator = this.#table(table).iterator();
    try {
      for (;;) {
        const page = await iterator.nextv(readRows);
        if (page.length === 0) break;
        for (const [key, stored] of page) {
          const value = valueIn(table, key, stored);
          if (value === undefined) altered += 1;
          else rows.push({ key, value });
          tally = retally(tally, undefined, stored);
        }
      }
    } catch (error) {
      return { rows, tally, fault: `table ${table} cannot be read (${String(error)})` };
    }
    const fault = altered === 0 ? undefined : `${altered} rows of table ${table} are altered`;
    return { rows, tally, fault };
  }

  close(): Promise<void> {
    return this.#level.close();
  }

  #table(table: JournalTable | "meta"): Sublevel {
    const sublevel = this.#tables.get(table);
    if (sublevel === undefined) throw new Error(`bug: no table ${table}`);
    return sublevel;
  }
}

/** Why LevelDB's folder could not be opened: its content, the machine, or another process. */
export type OpenFault = {
  readonly kind: "damaged" | "refused" | "held";
  readonly reason: string;
};

/** What an error of opening means. What does not speak of the machine speaks of the content. */
export function openFault(error: unknown): OpenFault {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : undefined;
  const reason = cause?.message ?? String(error);
  if (cause !== undefined && "code" in cause && cause.code === "LEVEL_LOCKED")
    return { kind: "held", reason };
  return { kind: machineFaults.test(reason) ? "refused" : "damaged", reason };
}

/** As strerror(3) says them: the disk may be full, the folder not ours; the data can be sound. */
const machineFaults =
  /no space|quota|permission denied|not permitted|read-only|too many open|cannot allocate|too large/i;

type Sublevel = ReturnType<typeof sublevelOf>;

function sublevelOf(level: Level<string, Uint8Array>, table: JournalTable | "meta") {
  return level.sublevel<string, Uint8Array>(table, { keyEncoding: "utf8", valueEncoding: "view" });
}
