/**
 * Freeze, then release: when what a forgotten host left may pass to others, and who passes it on.
 *
 *   retirement written --> blocks frozen --> everybody has seen it --> bequests and release written
 *
 * Whoever acknowledges a retirement takes nothing more of that host into use. So when all others
 * have, and we hold its records as new as any of them did, what we see it own, nobody owns. One
 * settles: the lowest that retired it. Who knows of a retirement writes no second one, so whoever
 * has all acknowledgements knows all retirements. docs/ARCHITECTURE.md says what is not covered.
 */
import type { HostId } from "../base/id.ts";
import { compareVersions, type Version } from "../store/head.ts";
import type { Seen } from "./retirements.ts";
import type { Tables } from "./tables.ts";

/** What the rules look at. */
export type Facts = {
  readonly tables: Pick<Tables, "hosts" | "retirements">;
  /** What we hold of a host's records. */
  readonly versionOf: (host: HostId) => Version;
  /** The last version of a host that counts, where it was revoked. */
  readonly lastOf: (host: HostId) => Version | undefined;
  /** A short name for a list of words. */
  readonly nameOf: (words: readonly string[]) => string;
};

/** How far a retirement is. */
export type Progress =
  | { readonly kind: "released"; readonly by: HostId }
  /** `settler` waits for these hosts: for their word, or for what they hold of the retired one. */
  | { readonly kind: "frozen"; readonly settler: HostId; readonly waitingFor: readonly HostId[] }
  /** Whoever forgot it is gone as well: somebody has to forget it again. */
  | { readonly kind: "orphaned" };

/** How far a retired host's settlement is, as it looks from here. */
export function progressOf(host: HostId, facts: Facts): Progress {
  const { retirements } = facts.tables;
  const releaser = retirements.releaserOf(host);
  if (releaser !== undefined) return { kind: "released", by: releaser };
  const settler = settlerOf(host, facts);
  if (settler === undefined) return { kind: "orphaned" };
  const seen = retirements.seen(host, settler);
  const witnesses = witnessesOf(host, facts);
  const named = termsOf(host, facts);
  const waitingFor = witnesses.filter((witness) => {
    return seen.get(witness)?.witnesses !== named || lags(host, seen, witness, facts);
  });
  return { kind: "frozen", settler, waitingFor };
}

/** Whether a host may be forgotten: not while somebody settles it already. */
export function canBeForgotten(host: HostId, facts: Facts): boolean {
  const { retirements } = facts.tables;
  return !retirements.isRetired(host) || progressOf(host, facts).kind === "orphaned";
}

/** Hosts whose word is needed, in order: all that may have been given something and still count. */
export function witnessesOf(host: HostId, { tables }: Facts): HostId[] {
  return [...tables.hosts]
    .filter(([id, { standing }]) => id !== host && standing !== "left")
    .map(([id]) => id)
    .filter((id) => !tables.retirements.isRetired(id))
    .sort();
}

/**
 * What a word is given on: whose words are needed, and, of a revoked host, the last that counts of
 * it. What it granted after that is cut off, so whoever may live on it speaks once it knows.
 */
export function termsOf(host: HostId, facts: Facts): string {
  const last = facts.lastOf(host);
  const until = last === undefined ? [] : [`${last.epoch} ${last.seq}`];
  return facts.nameOf([...witnessesOf(host, facts), ...until]);
}

/** Whether this version of a host does not count any more. */
export function isBeyond(host: HostId, version: Version, { lastOf }: Facts): boolean {
  const last = lastOf(host);
  return last !== undefined && compareVersions(version, last) > 0;
}

/**
 * The lowest that retired it and is not itself retired. One that is counts no more only when we
 * know all that anybody knows of it: it may have settled before.
 */
function settlerOf(host: HostId, facts: Facts): HostId | undefined {
  const { retirements } = facts.tables;
  for (const retirer of retirements.retirersOf(host)) {
    if (!retirements.isRetired(retirer)) return retirer;
    if (!isKnownWhole(retirer, facts)) return undefined;
  }
  return undefined;
}

/** Whether no host that counts has heard more of a retired host than we. */
function isKnownWhole(host: HostId, facts: Facts): boolean {
  const { retirements } = facts.tables;
  const mine = facts.versionOf(host);
  for (const held of retirements.releasesOf(host).values())
    if (compareVersions(mine, held) >= 0) return true;
  const words = retirements.retirersOf(host).map((by) => retirements.seen(host, by));
  return witnessesOf(host, facts).every((witness) =>
    words.some((seen) => !lags(host, seen, witness, facts)),
  );
}

/** Whether a witness has not said its word, or said that it holds more than we. */
function lags(
  host: HostId,
  seen: ReadonlyMap<HostId, Seen>,
  witness: HostId,
  { versionOf }: Facts,
): boolean {
  const held = seen.get(witness);
  return held === undefined || compareVersions(versionOf(host), held) < 0;
}
