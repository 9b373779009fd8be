/**
 * Judges what is on disk. A table is whole if its rows add up to the newest seal, whether that lies
 * in LevelDB or beside it. Reads only; where LevelDB itself opens, it is left open.
 */
import { MeshError } from "../../base/errors.ts";
import { type JournalTable, journalTables } from "../journal.ts";
import { Database, openFault, type Reading } from "./database.ts";
import { deadlyFault, markOpening } from "./probe.ts";
import { tallyEquals } from "./row.ts";
import { decodeLine, newerSeal, type Seal, type SealedFiles } from "./seal.ts";

/** What was lost. Said at each opening until the caller has made something new durable. */
export type Damage = {
  readonly description: string;
  /** Tables that start empty. Of none: nothing is known to be lost, but the last changes may be. */
  readonly lost: readonly JournalTable[];
  /** Where the damaged folder lies now; undefined where it could stay, or where there was none. */
  readonly movedTo: string | undefined;
};

/** What is on disk, and what of it can be believed. */
export type Examined = {
  /** Undefined where LevelDB cannot open it. */
  readonly database: Database | undefined;
  /** The newest seal; numbers go on from it. Undefined where none can be read. */
  readonly truth: Seal | undefined;
  readonly readings: ReadonlyMap<JournalTable, Reading>;
  /** Whether the folder can be gone on with: it opens, and all of it can be read. */
  readonly isUsable: boolean;
  /** Tables that are not whole. */
  readonly lost: readonly JournalTable[];
  /** What is wrong; empty where nothing is. */
  readonly faults: readonly string[];
  /** Told at an earlier opening, and not yet settled. */
  readonly earlier: Damage | undefined;
};

/** Key in `meta` under which damage is kept until it is settled. */
export const damageKey = "damage";

/** Throws a MeshError: DATA_DIR_LOCKED, DATA_DIR_UNUSABLE. */
export async function examine(directory: string, sealed: SealedFiles): Promise<Examined> {
  const beside = sealed.newest;
  const deadly = await deadlyFault(directory);
  if (deadly !== undefined) return unopened(beside, deadly);
  await using _mark = await markOpening(directory);
  // Number 0 is written before LevelDB's folder is made, and never after.
  const opened = await openOrFault(directory, { isNew: beside?.sequence === 0 });
  if (typeof opened === "string") return unopened(beside, opened);
  const meta = await metaOf(opened);
  const readings = new Map<JournalTable, Reading>();
  for (const table of journalTables) readings.set(table, await opened.read(table));
  const isNew = meta?.seal === undefined && beside?.sequence === 0;
  const truth = newerSeal(meta?.seal, beside);
  const byTable = new Map(
    journalTables.map((table) => [table, tableFaults(table, readings.get(table), truth)]),
  );
  const faults = [
    ...(isNew ? [] : sealFaults(meta?.seal, sealed)),
    ...[...byTable.values()].flat(),
  ];
  const lost = journalTables.filter((table) => byTable.get(table)?.length !== 0);
  const isUsable = lost.length === 0 && (isNew || meta?.seal !== undefined);
  return { database: opened, truth, readings, isUsable, lost, faults, earlier: meta?.earlier };
}

/** What LevelDB says about its tables, or undefined where that cannot be read. */
async function metaOf(
  database: Database,
): Promise<{ readonly seal: Seal | undefined; readonly earlier: Damage | undefined } | undefined> {
  try {
    const seal = await database.seal();
    const [note] = await database.stored("meta", [damageKey]);
    const unreadable = { description: "earlier damage", lost: journalTables, movedTo: undefined };
    const earlier = note === undefined ? undefined : (decodeLine<Damage>(note) ?? unreadable);
    return { seal, earlier };
  } catch {
    return undefined;
  }
}

async function openOrFault(
  directory: string,
  options: { readonly isNew: boolean },
): Promise<Database | string> {
  try {
    return await Database.open(directory, options);
  } catch (cause) {
    const { kind, reason } = openFault(cause);
    if (kind === "damaged") return reason;
    if (kind === "held")
      throw new MeshError(
        "DATA_DIR_LOCKED",
        `another program has opened the store in ${directory}`,
      );
    throw new MeshError("DATA_DIR_UNUSABLE", `cannot open the store in ${directory}`, { cause });
  }
}

function unopened(beside: Seal | undefined, reason: string): Examined {
  return {
    database: undefined,
    truth: beside,
    readings: new Map(),
    isUsable: false,
    lost: journalTables,
    faults: [`LevelDB cannot open it: ${reason}`],
    earlier: undefined,
  };
}

function sealFaults(inside: Seal | undefined, { newest: beside }: SealedFiles): string[] {
  if (beside === undefined)
    return ["both seal files are gone or altered, so that the last changes may be missing"];
  if (inside === undefined) return ["the seal in it is gone or altered"];
  const missing = beside.sequence - inside.sequence;
  return missing > 0 ? [`its last ${missing} batches are missing`] : [];
}

function tableFaults(
  table: JournalTable,
  reading: Reading | undefined,
  truth: Seal | undefined,
): string[] {
  if (reading === undefined) return [`table ${table} is missing`];
  if (reading.fault !== undefined) return [reading.fault];
  const expected = truth?.tables[table] ?? { rows: 0, sum: 0 };
  if (tallyEquals(reading.tally, expected)) return [];
  const missing = expected.rows - reading.tally.rows;
  if (truth === undefined) return [`nothing vouches for table ${table}`];
  return [missing > 0 ? `${missing} rows of table ${table} are missing` : `table ${table} is old`];
}
