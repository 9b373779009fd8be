/**
 * Building blocks for the schemas of records and messages, so that outside data is parsed into
 * brands in one step.
 */
import * as v from "valibot";

/** Counts on the wire: beyond 2^48 a peer is up to something, and the sum of two stays exact. */
export const countSchema = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(2 ** 48));

/** A byte string of exactly this length. */
export const fixedBytes = (length: number) =>
  v.custom<Uint8Array>(
    (value) => value instanceof Uint8Array && value.length === length,
    `expected ${length} bytes`,
  );

/** A byte string of at most this length. */
export const shortBytes = (maxLength: number) =>
  v.custom<Uint8Array>(
    (value) => value instanceof Uint8Array && value.length <= maxLength,
    `expected at most ${maxLength} bytes`,
  );

/** A text that one of our parsers turns into its brand. */
export const branded = <Branded extends string>(parse: (text: string) => Branded | undefined) =>
  v.pipe(
    v.string(),
    v.maxLength(256),
    v.rawTransform<string, Branded>(({ dataset, addIssue, NEVER }) => {
      const parsed = parse(dataset.value);
      if (parsed !== undefined) return parsed;
      addIssue({ message: "malformed" });
      return NEVER;
    }),
  );

/** Text for people, of at most this length. */
export const shortText = (maxLength: number) => v.pipe(v.string(), v.maxLength(maxLength));
