/**
 * What we wrote in an earlier run and have forgotten, because our disk was lost or went back: the
 * cluster gives it back to us. What was written in this run stands; of everything else the others
 * know better.
 */
import { bytesEqual } from "../base/bytes.ts";
import type { OriginState } from "./origin-state.ts";
import type { Change, Entry, RecordKey } from "./record.ts";
import type { Write } from "./writer.ts";

/**
 * The writes that make our records what they should be. `since`: the seq we were at when this run
 * began; `theirs`: our full set as others hold it, proven by our own signature.
 */
export function takeBack(
  mine: OriginState | undefined,
  theirs: readonly Change[],
  since: number,
): Write[] {
  const ours = new Map<RecordKey, Entry>();
  for (const entry of mine?.entries() ?? []) ours.set(entry.key, entry);
  const isOfThisRun = (key: RecordKey) =>
    (ours.get(key)?.seq ?? 0) > since || mine?.isDeleted(key) === true;
  const known = new Set(theirs.map(({ key }) => key));
  const back = theirs.filter(({ key, value }) => {
    const held = ours.get(key)?.value;
    const isSame = held !== undefined && value !== undefined && bytesEqual(held, value);
    return !isSame && !isOfThisRun(key);
  });
  const gone = [...ours.keys()].filter((key) => !known.has(key) && !isOfThisRun(key));
  return [
    ...back.map(({ key, value }) => ({ key, value })),
    ...gone.map((key) => ({ key, value: undefined })),
  ];
}
