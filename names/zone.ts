/** The names of one network: which endpoints a label stands for, and who holds an address. */
import type { Ip } from "../base/address.ts";
import type { EndpointId, HostId } from "../base/id.ts";

/** An endpoint, as far as names go. */
export type Named = {
  readonly id: EndpointId;
  /** Lower-case labels, its own name first; without a name its id. */
  readonly labels: readonly string[];
  readonly ips: readonly Ip[];
  readonly host: HostId;
};

/** One endpoint's coming or going costs what it costs alone, however many there are. */
export class Zone {
  readonly #endpoints = new Map<EndpointId, Named>();
  readonly #byLabel = new Map<string, Set<EndpointId>>();
  readonly #byIp = new Map<Ip, Set<EndpointId>>();

  /** The endpoint is so from now on, whatever it was. */
  put(named: Named): void {
    this.remove(named.id);
    this.#endpoints.set(named.id, named);
    for (const label of named.labels) enter(this.#byLabel, label, named.id);
    for (const ip of named.ips) enter(this.#byIp, ip, named.id);
  }

  remove(id: EndpointId): void {
    const named = this.#endpoints.get(id);
    if (named === undefined) return;
    this.#endpoints.delete(id);
    for (const label of named.labels) strike(this.#byLabel, label, id);
    for (const ip of named.ips) strike(this.#byIp, ip, id);
  }

  /** All endpoints that the label, in lower case, is a name of. */
  labelled(label: string): readonly Named[] {
    return this.#named(this.#byLabel.get(label));
  }

  /** Who has the address; more than one only while something is wrong. */
  holdersOf(ip: Ip): readonly Named[] {
    return this.#named(this.#byIp.get(ip));
  }

  #named(ids: ReadonlySet<EndpointId> | undefined): Named[] {
    return [...(ids ?? [])].flatMap((id) => this.#endpoints.get(id) ?? []);
  }
}

function enter<Key>(index: Map<Key, Set<EndpointId>>, key: Key, id: EndpointId): void {
  index.set(key, (index.get(key) ?? new Set()).add(id));
}

function strike<Key>(index: Map<Key, Set<EndpointId>>, key: Key, id: EndpointId): void {
  const ids = index.get(key);
  ids?.delete(id);
  if (ids?.size === 0) index.delete(key);
}
