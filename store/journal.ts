/**
 * Where state survives a restart. Tables are flat maps from text to bytes; what they mean is the
 * caller's. Every stored value carries a checksum of the adapter's, verified on load: LevelDB
 * itself does not on read.
 */

/**
 * `origins`: heads and records of every origin. `local`: what only this host knows, such as its
 * attachments.
 */
export const journalTables = ["origins", "local"] as const;
/** The name of a table. */
export type JournalTable = (typeof journalTables)[number];

/** One change; an undefined value removes the key. */
export type JournalOp = {
  readonly table: JournalTable;
  readonly key: string;
  readonly value: Uint8Array | undefined;
};

/** What a table holds under one key. */
export type JournalRow = { readonly key: string; readonly value: Uint8Array };

/** The disk, as the core sees it. */
export interface Journal {
  /** Every row of a table in key order. Called before the first append. */
  load(table: JournalTable): AsyncIterable<JournalRow>;
  /**
   * Applies all changes or none, in the order of the calls; the promises settle in that order too.
   * With `isDurable` it has reached the disk. After one failure every later append fails until the
   * adapter has reopened its files: LevelDB goes on acknowledging writes that are lost (research
   * note, measured). Throws a MeshError: DATA_DIR_UNUSABLE, STORE_DAMAGED.
   */
  append(ops: readonly JournalOp[], options: { readonly isDurable: boolean }): Promise<void>;
}
