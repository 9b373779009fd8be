/**
 * A mark on a disk on which this host has never written a record. Without it, and without records,
 * something was lost: a member has at least the record of itself.
 */
import type { JournalOp } from "../store/journal.ts";

/** Its key in table `local`. */
export const freshKey = "fresh";

/** Made when the host becomes a member that nobody can know yet, before it is one. */
export const markFresh: JournalOp = { table: "local", key: freshKey, value: new Uint8Array() };

/** Goes with the first record. */
export const unmarkFresh: JournalOp = { table: "local", key: freshKey, value: undefined };
