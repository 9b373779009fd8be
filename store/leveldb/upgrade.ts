/**
 * The format of what is on disk, and how an older one becomes ours. What surrounds rows (seals,
 * checksums) stays; what changes from format to format is what rows say, so an upgrade is a
 * function from each old row to the rows that replace it.
 */
import type { JournalRow, JournalTable } from "../journal.ts";

/** The rows that replace one row: itself, others, or none. */
export type Upgrade = (table: JournalTable, row: JournalRow) => readonly JournalRow[];

/** The first leads from format 1 to 2, and so on. Never edited, only added to. */
export const upgrades: readonly Upgrade[] = [];

/** The format that a program with these upgrades writes. */
export function formatAfter(steps: readonly Upgrade[]): number {
  return steps.length + 1;
}

/** A table's rows after these steps, in key order as LevelDB has it: by the key's bytes. */
export function upgradeRows(
  table: JournalTable,
  rows: readonly JournalRow[],
  steps: readonly Upgrade[],
): readonly JournalRow[] {
  const after = steps.reduce<readonly JournalRow[]>(
    (current, step) => current.flatMap((row) => step(table, row)),
    rows,
  );
  const byKey = new Map(after.map((row) => [row.key, row]));
  return [...byKey.values()].toSorted((a, b) =>
    Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)),
  );
}
