/**
 * The changes of one origin from one version to another, with the head that proves the result; or,
 * as a full set, all its records. What hosts say to each other about an origin is always one of
 * these, so no record travels without proof.
 */
import * as v from "valibot";
import { decode, encode } from "../base/codec.ts";
import { parseBootId, parseClusterId, parseHostId } from "../base/id.ts";
import { branded, countSchema, fixedBytes } from "../base/schema.ts";
import { compareVersions, type Head, type Version } from "./head.ts";
import { type Change, parseRecordKey, type RecordKey } from "./record.ts";

/** What one host says to another about an origin. */
export type Delta = {
  readonly head: Head;
  /**
   * Applies to a replica that holds exactly this, where nothing is epoch 0, seq 0; undefined in a
   * full set, which applies to any. An epoch may end in between: seqs go on over it.
   */
  readonly from: Version | undefined;
  /** Each key once. */
  readonly changes: readonly Change[];
};

/** What a delta may hold. */
export type DeltaLimits = { readonly valueBytes: number; readonly recordsPerOrigin: number };

/** A head on the wire and on disk. */
export const headSchema = v.strictObject({
  cluster: branded(parseClusterId),
  origin: branded(parseHostId),
  epoch: countSchema,
  seq: countSchema,
  boot: branded(parseBootId),
  commitment: fixedBytes(32),
  signature: fixedBytes(64),
});

/** [key, seq] deletes, [key, seq, value] writes. */
const changeSchema = v.union([
  v.strictTuple([branded<RecordKey>(parseRecordKey), countSchema]),
  v.strictTuple([branded<RecordKey>(parseRecordKey), countSchema, v.instance(Uint8Array)]),
]);

const deltaSchema = v.strictObject({
  head: headSchema,
  from: v.optional(v.strictTuple([countSchema, countSchema])),
  changes: v.array(changeSchema),
});

/** A delta as plain data for the codec. */
export function deltaToPlain(delta: Delta): unknown {
  return {
    head: delta.head,
    from: delta.from && [delta.from.epoch, delta.from.seq],
    changes: delta.changes.map(({ key, seq, value }) =>
      value === undefined ? [key, seq] : [key, seq, value],
    ),
  };
}

/**
 * The delta that plain data stands for, or undefined where it is malformed, inconsistent or over a
 * limit.
 */
export function deltaFromPlain(plain: unknown, limits: DeltaLimits): Delta | undefined {
  const parsed = v.safeParse(deltaSchema, plain);
  if (!parsed.success) return undefined;
  const { head, from: since, changes: rows } = parsed.output;
  if (rows.length > limits.recordsPerOrigin) return undefined;
  const changes: Change[] = rows.map(([key, seq, value]) => ({ key, seq, value }));
  const keys = new Set(changes.map(({ key }) => key));
  const delta = { head, from: since && { epoch: since[0], seq: since[1] }, changes };
  const isSound =
    keys.size === changes.length &&
    isSoundFrom(delta) &&
    changes.every((change) => isSoundChange(change, delta, limits));
  return isSound ? delta : undefined;
}

/** The delta as bytes. */
export function encodeDelta(delta: Delta): Uint8Array {
  return encode(deltaToPlain(delta));
}

/** The delta, or undefined where bytes are malformed, inconsistent or over a limit. */
export function decodeDelta(
  bytes: Uint8Array,
  limits: DeltaLimits & { readonly messageBytes: number },
): Delta | undefined {
  return deltaFromPlain(decode(bytes, limits.messageBytes), limits);
}

function isSoundFrom({ from, head }: Delta): boolean {
  return from === undefined || (compareVersions(from, head) < 0 && from.seq < head.seq);
}

function isSoundChange({ seq, value }: Change, { from, head }: Delta, limits: DeltaLimits) {
  if (seq <= (from?.seq ?? 0) || seq > head.seq) return false;
  return value === undefined ? from !== undefined : value.length <= limits.valueBytes;
}
