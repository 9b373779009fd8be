/**
 * What each origin has made durable, version by version, and so what of it is lost with a disk:
 * what came after the newest version that anybody whom the host could ask still holds. All else has
 * to stand, and to stay gone.
 */
import type { HostId } from "../../base/id.ts";
import { compareVersions, type Head, type Version } from "../../store/head.ts";
import type { JournalOp } from "../../store/journal.ts";

type Entry = Version & { readonly isDeletion: boolean };

/** A row whose last write nobody knows any more. */
export type Lost = { readonly row: string; readonly wasDeletion: boolean };

/** By origin and row of its own. */
export class Chronicle {
  readonly #origins = new Map<HostId, Map<string, Entry[]>>();

  /** These rows became durable with this head; of other origins they are passed over. */
  take({ origin, epoch, seq }: Head, ops: Iterable<Pick<JournalOp, "key" | "value">>): void {
    const rows = this.#origins.get(origin) ?? new Map<string, Entry[]>();
    this.#origins.set(origin, rows);
    for (const { key, value } of ops) {
      if (!key.startsWith(`${origin} r `)) continue;
      const entry = { epoch, seq, isDeletion: value === undefined };
      const known = rows.get(key);
      if (known === undefined) rows.set(key, [entry]);
      else known.push(entry);
    }
  }

  isDeleted(origin: HostId, row: string): boolean {
    return this.#origins.get(origin)?.get(row)?.at(-1)?.isDeletion ?? false;
  }

  /** The origin goes on from this version. Rows for which something else held after it. */
  goBack(origin: HostId, to: Version): readonly Lost[] {
    const lost: Lost[] = [];
    for (const [row, entries] of this.#origins.get(origin) ?? []) {
      const was = entries.at(-1)?.isDeletion ?? true;
      const kept = entries.filter((entry) => compareVersions(entry, to) <= 0);
      if (kept.length === entries.length) continue;
      entries.splice(0, entries.length, ...kept);
      if ((kept.at(-1)?.isDeletion ?? true) !== was) lost.push({ row, wasDeletion: was });
    }
    return lost;
  }
}
