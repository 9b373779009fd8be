/**
 * Opens the store, whatever has become of it. Where a table is not whole, the folder is moved aside
 * and a new one starts with the tables that are: peers can send again what the cluster knows, but
 * nobody can what only this host knew. Nothing is ever repaired in place.
 */
import { readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { MeshError } from "../../base/errors.ts";
import { type JournalRow, type JournalTable, journalTables } from "../journal.ts";
import { Database, folderName, type Write } from "./database.ts";
import { type Damage, damageKey, type Examined, examine } from "./examine.ts";
import { exists } from "./exists.ts";
import { emptyTally, retally, storedRow, type Tally } from "./row.ts";
import {
  emptyTallies,
  encodeLine,
  readSeals,
  type Seal,
  type SealedFiles,
  SealFiles,
} from "./seal.ts";
import { formatAfter, type Upgrade, upgradeRows } from "./upgrade.ts";

/** Rows as read, by table. */
export type Rows = ReadonlyMap<JournalTable, readonly JournalRow[]>;

/** An open store, with the seals beside it. */
export type Recovered = {
  readonly database: Database;
  readonly seals: SealFiles;
  readonly seal: Seal;
  readonly rows: Rows;
  readonly damage: Damage | undefined;
};

/** Of damaged folders this many are kept, the newest: each may be as large as the store. */
const foldersKept = 3;

/** Keeps in mind what was lost, or with undefined that the caller has dealt with it. */
export function damageNote(damage: Damage | undefined): Write {
  const stored = damage === undefined ? undefined : encodeLine(damage);
  return { table: "meta", key: damageKey, stored };
}

/** Refuses what a newer program wrote, touching nothing. Throws a MeshError: DATA_DIR_UNUSABLE. */
export async function refuseNewer(directory: string, steps: readonly Upgrade[]): Promise<void> {
  const { newest } = await readSeals(directory);
  refuseFormat(directory, newest, steps);
}

/** Throws a MeshError: DATA_DIR_LOCKED, DATA_DIR_UNUSABLE. The caller holds the folder's lock. */
export async function recover(directory: string, steps: readonly Upgrade[]): Promise<Recovered> {
  const found = await examine(directory, await sealsOf(directory));
  if (found.truth !== undefined && found.truth.format > formatAfter(steps)) {
    await found.database?.close();
    refuseFormat(directory, found.truth, steps);
  }
  const start = await settle(directory, found);
  await using onFailure = new AsyncDisposableStack();
  onFailure.defer(() => start.database.close());
  const content = journalTables.map((table) => contentOf(table, found, steps));
  const seal: Seal = {
    format: formatAfter(steps),
    sequence: (found.truth?.sequence ?? 0) + 1,
    tables: talliesOf(content),
  };
  const writes = content.flatMap(({ changes, rows, table }) =>
    start.isNew ? rows.map((row) => writeOf(table, row)) : changes,
  );
  await start.database.write([...writes, damageNote(start.damage)], { seal, isDurable: true });
  // Only now: a seal beside LevelDB must not speak of a batch that a crash can still undo.
  const seals = await SealFiles.open(directory, seal);
  const rows = new Map(content.map((each) => [each.table, each.rows]));
  onFailure.move();
  return { database: start.database, seals, seal, rows, damage: start.damage };
}

/** The seals. In a folder without any, and without a store, it says first that nothing is there. */
async function sealsOf(directory: string): Promise<SealedFiles> {
  const sealed = await readSeals(directory);
  if (!sealed.isFirstRun || (await exists(join(directory, folderName)))) return sealed;
  const seal: Seal = { format: 1, sequence: 0, tables: emptyTallies };
  await using _files = await SealFiles.open(directory, seal);
  return { isFirstRun: true, newest: seal };
}

type Start = {
  readonly database: Database;
  readonly isNew: boolean;
  readonly damage: Damage | undefined;
};

/** The database to go on with: the one that was found, or a new one. */
async function settle(directory: string, found: Examined): Promise<Start> {
  const { database, isUsable, faults, earlier } = found;
  if (database !== undefined && isUsable) {
    const damage = faults.length === 0 ? earlier : damageOf(found, undefined);
    return { database, isNew: false, damage };
  }
  await database?.close();
  const movedTo = await moveAside(directory);
  const damage = damageOf(found, movedTo);
  return { database: await Database.open(directory, { isNew: true }), isNew: true, damage };
}

function damageOf({ lost, faults, earlier }: Examined, movedTo: string | undefined): Damage {
  const told = earlier === undefined ? faults : [earlier.description, ...faults];
  return {
    description: told.join("; "),
    lost: journalTables.filter((table) => lost.includes(table) || earlier?.lost.includes(table)),
    movedTo: movedTo ?? earlier?.movedTo,
  };
}

type Content = {
  readonly table: JournalTable;
  readonly rows: readonly JournalRow[];
  readonly tally: Tally;
  /** What makes the stored rows these. */
  readonly changes: readonly Write[];
};

/** A table in our format; empty where it was lost. */
function contentOf(table: JournalTable, found: Examined, steps: readonly Upgrade[]): Content {
  const reading = found.readings.get(table);
  if (reading === undefined || found.lost.includes(table))
    return { table, rows: [], tally: emptyTally, changes: [] };
  const ahead = steps.slice((found.truth?.format ?? 1) - 1);
  if (ahead.length === 0) return { table, rows: reading.rows, tally: reading.tally, changes: [] };
  const rows = upgradeRows(table, reading.rows, ahead);
  const kept = new Set(rows.map(({ key }) => key));
  const gone = reading.rows.filter(({ key }) => !kept.has(key));
  const changes = [
    ...gone.map(({ key }) => ({ table, key, stored: undefined })),
    ...rows.map((row) => writeOf(table, row)),
  ];
  return { table, rows, tally: tallyOf(table, rows), changes };
}

function tallyOf(table: JournalTable, rows: readonly JournalRow[]): Tally {
  return rows.reduce(
    (tally, { key, value }) => retally(tally, undefined, storedRow(table, key, value)),
    emptyTally,
  );
}

function talliesOf(content: readonly Content[]): Seal["tables"] {
  const tally = (table: JournalTable) =>
    content.find((each) => each.table === table)?.tally ?? emptyTally;
  return { origins: tally("origins"), local: tally("local") };
}

function writeOf(table: JournalTable, { key, value }: JournalRow): Write {
  return { table, key, stored: storedRow(table, key, value) };
}

function refuseFormat(directory: string, seal: Seal | undefined, steps: readonly Upgrade[]): void {
  const ours = formatAfter(steps);
  if (seal === undefined || seal.format <= ours) return;
  const what = `${directory} was written by a newer version (format ${seal.format}, ours is ${ours})`;
  throw new MeshError("DATA_DIR_UNUSABLE", `${what}; run that version, nothing was changed`);
}

/** Gives the folder the next free name of damaged ones, and removes the oldest beyond some. */
async function moveAside(directory: string): Promise<string | undefined> {
  const name = new RegExp(`^${folderName}\\.damaged-([1-9][0-9]*)$`);
  const numbers = (await readdir(directory))
    .flatMap((entry) => name.exec(entry)?.[1] ?? [])
    .map(Number)
    .toSorted((a, b) => a - b);
  const path = (number: number) => join(directory, `${folderName}.damaged-${number}`);
  const folder = join(directory, folderName);
  if (!(await exists(folder))) return undefined;
  const movedTo = path((numbers.at(-1) ?? 0) + 1);
  await rename(folder, movedTo);
  for (const number of numbers.slice(0, Math.max(0, numbers.length + 1 - foldersKept)))
    await rm(path(number), { recursive: true, force: true });
  return movedTo;
}
