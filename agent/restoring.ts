/** What the disk held goes back into the machines, before their first input. */
import type { HostId } from "../base/id.ts";
import type { Instant } from "../base/time.ts";
import type { StoredOrigin } from "../store/rows.ts";
import type { Hooks, Parts } from "./parts.ts";
import { proofIn } from "./proofs.ts";

/** What was on disk: records by origin, and the rows that only this host keeps. */
export type Stored = {
  readonly origins: readonly StoredOrigin[];
  readonly places: Iterable<{ readonly key: string; readonly value: Uint8Array }>;
};

/** Returns origins whose records are not what their heads commit to, or of another cluster. */
export function restoreParts(
  parts: Parts,
  { learned, now }: Pick<Hooks, "learned"> & { readonly now: Instant },
  { origins, places }: Stored,
): HostId[] {
  const damaged: HostId[] = [];
  for (const { head, entries } of origins) {
    if (!parts.replica.restore(head, entries)) {
      damaged.push(head.origin);
      continue;
    }
    const differences = entries.map(({ key, value }) => ({ key, before: undefined, after: value }));
    learned(head.origin, differences);
  }
  for (const place of places) restoreLocal(parts, place, now);
  return damaged;
}

/** Whoever knows the row has it. */
function restoreLocal(
  { addressing, attachments, places, forgetting, replica }: Parts,
  { key, value }: { readonly key: string; readonly value: Uint8Array },
  now: Instant,
): void {
  const proof = proofIn(key, value);
  if (proof !== undefined) {
    replica.prove(proof);
    return;
  }
  const gone = addressing.restore(key, value, now);
  if (gone !== undefined) attachments.gone(gone);
  else if (!forgetting.restore(key, value)) places.restore(key, value);
}
