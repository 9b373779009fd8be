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
import { bytesEqual } from "../base/bytes.ts";
import { decode, encode } from "../base/codec.ts";
import { type HostId, parseHostId } from "../base/id.ts";
import { branded, countSchema, fixedBytes } from "../base/schema.ts";
import { type Delta, deltaFromPlain, deltaToPlain } from "./delta.ts";
import { bucketCount, stampBytes } from "./digest.ts";
import { compareVersions, nothing, type Version } from "./head.ts";
import type { Change } from "./record.ts";
import type { Replica } from "./replica.ts";

/** How large pages, messages and sets may be. */
export type SyncLimits = {
  readonly pageBytes: number;
  readonly messageBytes: number;
  readonly valueBytes: number;
  readonly recordsPerOrigin: number;
  readonly bytesPerOrigin: number;
  readonly origins: number;
};

/** What we have of an origin; nothing is epoch 0, seq 0. */
export type Want = Version & { readonly origin: HostId };

/** What a peer has of an origin; the stamp tells two states of one version apart. */
export type Offer = Version & { readonly origin: HostId; readonly stamp: Uint8Array };

const versionRow = v.strictTuple([branded(parseHostId), countSchema, countSchema]);
const offerRow = v.strictTuple([...versionRow.items, fixedBytes(stampBytes)]);

const requestSchema = v.variant("kind", [
  v.strictObject({
    kind: v.literal("compare"),
    buckets: fixedBytes(bucketCount * stampBytes),
  }),
  v.strictObject({ kind: v.literal("fetch"), wants: v.array(versionRow) }),
]);

const frameSchema = v.variant("kind", [
  v.strictObject({ kind: v.literal("versions"), rows: v.array(offerRow) }),
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

/**
 * What we should ask for of a peer's version vector: what is newer, and in full what is of our
 * version and not our state.
 */
export function wantsOf(replica: Replica, theirs: readonly Offer[]): Want[] {
  return theirs.flatMap(({ origin, stamp, ...version }) => {
    if (replica.isBeyond(origin, version)) return [];
    const { epoch, seq } = replica.versionOf(origin);
    const order = compareVersions(version, { epoch, seq });
    if (order > 0) return replica.isRefused(origin, version) ? [] : [{ origin, epoch, seq }];
    const mine = replica.digest.stampOf(origin);
    const isOther = order === 0 && mine !== undefined && !bytesEqual(mine, stamp);
    return isOther && !replica.isProven(origin) ? [{ origin, ...nothing }] : [];
  });
}

/** What a frame of a transfer turned out to be. */
export type SyncFrame =
  | { readonly kind: "versions"; readonly versions: readonly Offer[] }
  | { readonly kind: "delta"; readonly delta: Delta }
  /** A page that is not the last of its origin. */
  | { readonly kind: "more" }
  | { readonly kind: "malformed" };

/** Puts the pages of one transfer together. */
export class Assembler {
  readonly #limits: SyncLimits;
  #pending: { readonly first: Delta; readonly changes: Change[]; bytes: number } | undefined;

  constructor(limits: SyncLimits) {
    this.#limits = limits;
  }

  take(frame: Uint8Array): SyncFrame {
    const parsed = v.safeParse(frameSchema, decode(frame, this.#limits.messageBytes));
    if (!parsed.success) return { kind: "malformed" };
    if (parsed.output.kind === "versions") {
      const versions = parsed.output.rows.map(([origin, epoch, seq, stamp]) => ({
        origin,
        epoch,
        seq,
        stamp,
      }));
      return { kind: "versions", versions };
    }
    const page = deltaFromPlain(parsed.output.delta, this.#limits);
    if (page === undefined || !this.#join(page)) {
      this.#pending = undefined;
      return { kind: "malformed" };
    }
    if (!parsed.output.last) return { kind: "more" };
    const { first, changes } = this.#pending ?? { first: page, changes: [] };
    this.#pending = undefined;
    return { kind: "delta", delta: { ...first, changes } };
  }

  #join(page: Delta): boolean {
    this.#pending ??= { first: page, changes: [], bytes: 0 };
    const { first, changes } = this.#pending;
    const isNext =
      page.head.origin === first.head.origin &&
      compareVersions(page.head, first.head) === 0 &&
      isSameFrom(page.from, first.from);
    for (const change of page.changes) {
      changes.push(change);
      this.#pending.bytes += bytesOf(change);
    }
    const { recordsPerOrigin, bytesPerOrigin } = this.#limits;
    // Deletions come on top of what an origin may hold; they are remembered in smaller number.
    const isWithin =
      changes.length <= 2 * recordsPerOrigin && this.#pending.bytes <= 2 * bytesPerOrigin;
    return isNext && isWithin;
  }
}

function isSameFrom(a: Version | undefined, b: Version | undefined): boolean {
  return a === undefined || b === undefined ? a === b : compareVersions(a, b) === 0;
}

function* serveVersions(
  replica: Replica,
  theirs: Uint8Array,
  limits: SyncLimits,
): Generator<Uint8Array, void, void> {
  const rows = replica.digest.originsIn(replica.digest.differing(theirs)).flatMap((origin) => {
    const head = replica.origin(origin)?.head;
    const stamp = replica.digest.stampOf(origin);
    return head === undefined ? [] : [[origin, head.epoch, head.seq, stamp]];
  });
  const rowBytes = 96;
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
  const delta = state.deltaFor(want);
  let page: Change[] = [];
  let size = 0;
  for (const change of delta.changes) {
    const bytes = bytesOf(change);
    if (size > 0 && size + bytes > limits.pageBytes) {
      yield encodePage({ ...delta, changes: page }, false);
      [page, size] = [[], 0];
    }
    page.push(change);
    size += bytes;
  }
  yield encodePage({ ...delta, changes: page }, true);
}

function encodePage(delta: Delta, last: boolean): Uint8Array {
  return encode({ kind: "page", delta: deltaToPlain(delta), last });
}

/** About what a change takes in a page. */
function bytesOf({ key, value }: Change): number {
  return key.length + (value?.length ?? 0) + 16;
}
