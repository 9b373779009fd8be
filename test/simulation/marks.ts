/** What a batch must have met, or it proves less than it seems to. */
export const mustHappen: readonly string[] = [];

/** What of it never happened. */
export function missingMarks(marks: ReadonlyMap<string, number>): string[] {
  return mustHappen.filter((mark) => !marks.has(mark));
}
