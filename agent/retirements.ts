/**
 * What records say of hosts that were taken out: who retired whom, who has acknowledged it, and who
 * has settled what it left. Three kinds of records, each host writing its own:
 *
 *   retirement/<host>      by who forgets it, naming the version of its records it knew
 *   seen/<host>/<by>       by every other host: from this version on I take nothing of it into use
 *   release/<host>         by the one who settles it, with the bequests: it is done
 *
 * A host that leaves is acknowledged in the same way, with itself as `by`.
 */
import type { HostId } from "../base/id.ts";
import type { Version } from "../store/head.ts";

/** An acknowledgement: what its writer held of the host, and whose word it thinks is needed. */
export type Seen = Version & { readonly witnesses: string };

/** One of the three, as its writer says it. */
export type Removal =
  | { readonly kind: "retirement"; readonly host: HostId; readonly version: Version }
  | {
      readonly kind: "seen";
      readonly host: HostId;
      readonly by: HostId;
      readonly version: Seen;
    }
  | { readonly kind: "release"; readonly host: HostId; readonly version: Version };

/** All of them, by the host they are about. */
export class Retirements {
  readonly #retirers = new Map<HostId, Map<HostId, Version>>();
  readonly #releases = new Map<HostId, Map<HostId, Version>>();
  /** By the host and who retired it. */
  readonly #seen = new Map<string, Map<HostId, Seen>>();

  put(writer: HostId, removal: Removal): void {
    if (removal.kind === "seen") {
      listed(this.#seen, `${removal.host} ${removal.by}`).set(writer, removal.version);
    } else listed(this.#ofKind(removal.kind), removal.host).set(writer, removal.version);
  }

  remove(writer: HostId, removal: Removal): void {
    if (removal.kind === "seen") this.#seen.get(`${removal.host} ${removal.by}`)?.delete(writer);
    else this.#ofKind(removal.kind).get(removal.host)?.delete(writer);
  }

  /** Retired is for good: a host that was comes back as a new one. */
  isRetired(host: HostId): boolean {
    return (this.#retirers.get(host)?.size ?? 0) > 0;
  }

  /** Hosts that were retired. */
  retired(): HostId[] {
    return [...this.#retirers.keys()].filter((host) => this.isRetired(host));
  }

  /** Who has retired a host, lowest id first. */
  retirersOf(host: HostId): HostId[] {
    return [...(this.#retirers.get(host)?.keys() ?? [])].sort();
  }

  isReleased(host: HostId): boolean {
    return this.releaserOf(host) !== undefined;
  }

  /** Who has settled what a host left; the lowest, if there could be two. */
  releaserOf(host: HostId): HostId | undefined {
    return [...(this.#releases.get(host)?.keys() ?? [])].sort()[0];
  }

  /** What the settlers held of a host when all was settled. */
  releasesOf(host: HostId): ReadonlyMap<HostId, Version> {
    return this.#releases.get(host) ?? new Map();
  }

  /** Who has acknowledged that `by` retired a host. */
  seen(host: HostId, by: HostId): ReadonlyMap<HostId, Seen> {
    return this.#seen.get(`${host} ${by}`) ?? new Map();
  }

  /** Of which removals a host has acknowledged, and not yet taken that back. */
  acknowledgedBy(writer: HostId): { readonly host: HostId; readonly by: HostId }[] {
    return [...this.#seen].flatMap(([key, versions]) => {
      const [host, by] = key.split(" ") as [HostId, HostId];
      return versions.has(writer) ? [{ host, by }] : [];
    });
  }

  #ofKind(kind: "retirement" | "release"): Map<HostId, Map<HostId, Version>> {
    return kind === "retirement" ? this.#retirers : this.#releases;
  }
}

function listed<Key, Said>(index: Map<Key, Map<HostId, Said>>, key: Key): Map<HostId, Said> {
  const known = index.get(key) ?? new Map<HostId, Said>();
  index.set(key, known);
  return known;
}
