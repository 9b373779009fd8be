/**
 * What was promised: every acknowledged change of a run, and what nobody can know because an agent
 * died with the answer. The judge of "nothing acknowledged is lost, nothing deleted comes back".
 */
import type { EndpointView } from "../../agent/view.ts";

/** What of an endpoint must be the same everywhere. */
export type Promised = Pick<EndpointView, "id" | "mac" | "addresses">;

export class Ledger {
  readonly #present = new Map<string, Promised>();
  readonly #removed = new Set<string>();
  /** Namespaces whose last change had no answer. */
  readonly #uncertain = new Set<string>();

  get size(): number {
    return this.#present.size;
  }

  added(endpoint: Promised): void {
    this.#present.set(endpoint.id, endpoint);
  }

  removed(id: string): void {
    this.#present.delete(id);
    this.#removed.add(id);
  }

  /** The agent died before it answered: what is in this namespace may or may not be there. */
  doubts(netns: string, id: string | undefined): void {
    if (id !== undefined) this.#present.delete(id);
    this.#uncertain.add(netns);
  }

  /** The agent has been asked again, and said so. */
  knows(netns: string): void {
    this.#uncertain.delete(netns);
  }

  /** What a map of a host at rest has too much or too little of; `places` are namespaces by id. */
  faults(
    shown: readonly EndpointView[],
    places: ReadonlyMap<string, string | undefined>,
  ): readonly string[] {
    const byId = new Map(shown.map((view) => [view.id as string, view]));
    const lost = [...this.#present.values()].flatMap((promised) => {
      const view = byId.get(promised.id);
      if (view === undefined) return [`endpoint ${promised.id} was acknowledged and is lost`];
      const isSame = view.mac === promised.mac && `${view.addresses}` === `${promised.addresses}`;
      return isSame ? [] : [`endpoint ${promised.id} has become another`];
    });
    const extra = shown.flatMap(({ id }) => {
      if (this.#removed.has(id)) return [`endpoint ${id} was removed and is there`];
      const isUncertain = this.#uncertain.has(places.get(id) ?? "");
      return this.#present.has(id) || isUncertain ? [] : [`endpoint ${id} was never promised`];
    });
    return [...lost, ...extra];
  }
}
