/**
 * Anti-entropy between two replicas, as two pulls of the side that wants to catch up:
 *
 *   compare   our 256 bucket hashes     ->  the peer's version vector of the buckets that differ
 *   fetch     what we have of origins   ->  their changes since then, or full sets, page by page
 *
 * Both sides do this for themselves. A page is bounded; an origin is taken only when its last page
 * has come and its head proves it; so an interrupted transfer is resumed by asking again for what
 * is still missing.
 */
import * as v from "valibot";
import { decode, encode } from "../base/codec.ts";
import { type HostId, parseHostId } from "../base/id.ts";
import { branded, countSchema, fixedBytes } from "../base/schema.ts";
import { type Delta, deltaFromPlain, deltaToPlain } from "./delta.ts";
import { bucketCount, stampBytes } from "./digest.ts";
import { compareVersions, type Version } from "./head.ts";
import type { Change } from "./record.ts";
import type { Replica } from "./replica.ts";

/** How large pages, messages and sets may be. */
export type SyncLimits = {
  readonly pageBytes: number;
  readonly messageBytes: number;
  readonly valueBytes: number;
  readonly recordsPerOrigin: number;
  readonly origins: number;
};

/** What we have of an origin; nothing is epoch 0, seq 0. */
export type Want = Version & { readonly origin: HostId };

const versionRow = v.strictTuple([branded(parseHostId), countSchema, countSchema]);

const requestSchema = v.variant("kind", [
  v.strictObject({
    kind: v.literal("compare"),
    buckets: fixedBytes(bucketCount * stampBytes),
  }),
  v.strictObject({ kind: v.literal("fetch"), wants: v.array(versionRow) }),
]);

const frameSchema = v.variant("kind", [
  v.strictObject({ kind: v.literal("versions"), rows: v.array(versionRow) }),
  v.strictObject({ kind: v.literal("page"), delta: v.unknown(), last: v.boolean() }),
]);

/** Asks for the version vector of whatever differs. */
export function compareRequest(replica: Replica): Uint8Array {
  return encode({ kind: "compare", buckets: replica.digest.buckets() });
}

/** Asks for what these origins have written since. */
export function fetchRequest(wants: readonly Want[]): Uint8Array {
  return encode({ kind: "fetch", wants: wants.map((want) => [want.origin, want.epoch, want.seq]) });
}

/**
 * The frames that answer a request, made one at a time as they are taken; a malformed request has
 * none.
 */
export function* serve(
  replica: Replica,
  request: Uint8Array,
  limits: SyncLimits,
): Generator<Uint8Array, void, void> {
  const parsed = v.safeParse(requestSchema, decode(request, limits.messageBytes));
  if (!parsed.success) return;
  if (parsed.output.kind === "compare") {
    yield* serveVersions(replica, parsed.output.buckets, limits);
    return;
  }
  for (const [origin, epoch, seq] of parsed.output.wants.slice(0, limits.origins)) {
    yield* serveOrigin(replica, { origin, epoch, seq }, limits);
  }
}

/** What of a peer's version vector is news to us. */
export function wantsOf(replica: Replica, theirs: readonly Want[], self: HostId): Want[] {
  return theirs.flatMap((row) => {
    const mine = replica.versionOf(row.origin);
    const isNews =
      row.origin !== self && compareVersions(row, mine) > 0 && !replica.isBeyond(row.origin, row);
    return isNews ? [{ origin: row.origin, epoch: mine.epoch, seq: mine.seq }] : [];
  });
}

/** What a frame of a transfer turned out to be. */
export type SyncFrame =
  | { readonly kind: "versions"; readonly versions: readonly Want[] }
  | { readonly kind: "delta"; readonly delta: Delta }
  /** A page that is not the last of its origin. */
  | { readonly kind: "more" }
  | { readonly kind: "malformed" };

/** Puts the pages of one transfer together. */
export class Assembler {
  readonly #limits: SyncLimits;
  #pending: Delta | undefined;

  constructor(limits: SyncLimits) {
    this.#limits = limits;
  }

  take(frame: Uint8Array): SyncFrame {
    const parsed = v.safeParse(frameSchema, decode(frame, this.#limits.messageBytes));
    if (!parsed.success) return { kind: "malformed" };
    if (parsed.output.kind === "versions") {
      const versions = parsed.output.rows.map(([origin, epoch, seq]) => ({ origin, epoch, seq }));
      return { kind: "versions", versions };
    }
    const page = deltaFromPlain(parsed.output.delta, this.#limits);
    const whole = page === undefined ? undefined : this.#join(page);
    if (whole === undefined) return { kind: "malformed" };
    this.#pending = parsed.output.last ? undefined : whole;
    return parsed.output.last ? { kind: "delta", delta: whole } : { kind: "more" };
  }

  #join(page: Delta): Delta | undefined {
    const before = this.#pending;
    if (before === undefined) return page;
    const { head } = before;
    const isNext =
      page.head.origin === head.origin &&
      compareVersions(page.head, head) === 0 &&
      page.from === before.from &&
      page.isFull === before.isFull;
    const changes = before.changes.concat(page.changes);
    return isNext && changes.length <= 2 * this.#limits.recordsPerOrigin
      ? { ...before, changes }
      : undefined;
  }
}

function* serveVersions(
  replica: Replica,
  theirs: Uint8Array,
  limits: SyncLimits,
): Generator<Uint8Array, void, void> {
  const rows = replica.digest.originsIn(replica.digest.differing(theirs)).flatMap((origin) => {
    const head = replica.origin(origin)?.head;
    return head === undefined ? [] : [[origin, head.epoch, head.seq]];
  });
  const rowBytes = 80;
  const rowsPerPage = Math.floor(limits.pageBytes / rowBytes);
  for (let at = 0; at < rows.length; at += rowsPerPage) {
    yield encode({ kind: "versions", rows: rows.slice(at, at + rowsPerPage) });
  }
}

function* serveOrigin(
  replica: Replica,
  want: Want,
  limits: SyncLimits,
): Generator<Uint8Array, void, void> {
  const state = replica.origin(want.origin);
  if (state === undefined || compareVersions(state.head, want) <= 0) return;
  const isSameEpoch = state.head.epoch === want.epoch;
  const changes = isSameEpoch ? state.changesSince(want.seq) : undefined;
  const delta: Delta = {
    head: state.head,
    from: changes === undefined ? 0 : want.seq,
    isFull: changes === undefined,
    changes: changes ?? [...state.entries()],
  };
  const pages = pagesOf(delta.changes, limits.pageBytes);
  for (const [at, page] of pages.entries()) {
    const last = at === pages.length - 1;
    yield encode({ kind: "page", delta: deltaToPlain({ ...delta, changes: page }), last });
  }
}

/** Cuts changes into runs of about `pageBytes`; at least one run, if only an empty one. */
function pagesOf(changes: readonly Change[], pageBytes: number): (readonly Change[])[] {
  const pages: Change[][] = [[]];
  let size = 0;
  for (const change of changes) {
    const bytes = change.key.length + (change.value?.length ?? 0) + 16;
    if (size > 0 && size + bytes > pageBytes) {
      pages.push([]);
      size = 0;
    }
    pages.at(-1)?.push(change);
    size += bytes;
  }
  return pages;
}
