/**
 * What the replica means: hosts, networks, endpoints and grants by id, kept up to date record by
 * record. A network is shown while its creator's record stands and nobody has removed it; an
 * endpoint while its network is shown. What a retired host says of endpoints means nothing.
 */

import type { Ip } from "../base/address.ts";
import type { EndpointId, HostId, NetworkId } from "../base/id.ts";
import type { Chain } from "../membership/warrant.ts";
import type { Difference } from "../store/origin-state.ts";
import { type Entry, kindOf, type RecordKey } from "../store/record.ts";
import { Retirements } from "./retirements.ts";
import {
  type BequestRecord,
  type EndpointRecord,
  type GrantRecord,
  type HostRecord,
  type Meaning,
  meaningOf,
  type NetworkRecord,
} from "./schema.ts";
import { Usage } from "./usage.ts";

/** A network, and whose it is. */
export type Network = NetworkRecord & { readonly id: NetworkId; readonly creator: HostId };
/** An endpoint, and where it is. */
export type Endpoint = EndpointRecord & { readonly id: EndpointId; readonly host: HostId };
/** A grant, and who gave; of a bequest also who wrote it. */
export type Grant = GrantRecord & { readonly from: HostId; readonly by?: HostId };

/** One change of meaning; absent before is an addition, absent after a removal. */
export type TableChange =
  | { readonly kind: "host"; readonly host: HostId; readonly after: HostRecord | undefined }
  | {
      readonly kind: "network";
      readonly before?: Network | undefined;
      readonly after?: Network | undefined;
    }
  | { readonly kind: "removal"; readonly id: NetworkId; readonly isRemoved: boolean }
  | {
      readonly kind: "endpoint";
      readonly before?: Endpoint | undefined;
      readonly after?: Endpoint | undefined;
    }
  | { readonly kind: "grant"; readonly grant: Grant; readonly isAdded: boolean }
  | { readonly kind: "appointment"; readonly host: HostId }
  /** Something about the host's being taken out, or taking itself out. */
  | { readonly kind: "out"; readonly host: HostId };

/** Kinds of records that count only while their origin is in. */
const hideable: ReadonlySet<string> = new Set(["host", "endpoint", "appointment"]);

/** All records that mean something, by what they mean. */
export class Tables {
  readonly hosts = new Map<HostId, HostRecord>();
  readonly networks = new Map<NetworkId, Network>();
  readonly endpoints = new Map<EndpointId, Endpoint>();
  /** Names of hosts that are out: what they say of themselves and of endpoints is not shown. */
  readonly hidden = new Map<HostId, string>();
  /** Chains by which a host was made an admin, by who did; each is yet to be verified. */
  readonly appointments = new Map<HostId, Map<HostId, Chain>>();
  readonly retirements = new Retirements();
  /** Addresses that endpoints have. */
  readonly usage = new Usage();
  /** Endpoints of retired hosts. */
  readonly #cutOff = new Map<EndpointId, Endpoint>();
  readonly #removals = new Map<NetworkId, Set<HostId>>();
  readonly #byNetwork = new Map<NetworkId, Map<EndpointId, Endpoint>>();
  readonly #byHost = new Map<HostId, Map<EndpointId, Endpoint>>();

  /** Whether somebody has removed the network. */
  isRemoved(id: NetworkId): boolean {
    return (this.#removals.get(id)?.size ?? 0) > 0;
  }

  /** Whether the network is known and stands. */
  isShown(id: NetworkId): boolean {
    return this.networks.has(id) && !this.isRemoved(id);
  }

  /** Networks that stand. */
  shownNetworks(): Network[] {
    return [...this.networks.values()].filter(({ id }) => !this.isRemoved(id));
  }

  endpointsOf(network: NetworkId): ReadonlyMap<EndpointId, Endpoint> {
    return this.#byNetwork.get(network) ?? new Map();
  }

  endpointsOn(host: HostId): ReadonlyMap<EndpointId, Endpoint> {
    return this.#byHost.get(host) ?? new Map();
  }

  /** Of a retired host: its endpoints, which nobody counts any more. */
  cutOffOn(host: HostId): Endpoint[] {
    return [...this.#cutOff.values()].filter((endpoint) => endpoint.host === host);
  }

  /** Who holds an address of a network. */
  holderOf(network: NetworkId, ip: Ip): Endpoint | undefined {
    for (const endpoint of this.endpointsOf(network).values()) {
      if (endpoint.ips.includes(ip)) return endpoint;
    }
    return undefined;
  }

  /**
   * Hides an origin's host and endpoints. Its networks and grants stay, for others live on them: a
   * network is the cluster's, whoever made it.
   */
  hide(origin: HostId): TableChange[] {
    const endpoints = [...this.endpointsOn(origin).keys()];
    const gone = endpoints.flatMap((id) => this.#removeEndpoint(origin, id) ?? []);
    this.hidden.set(origin, this.hosts.get(origin)?.name ?? origin.slice(-8));
    return this.hosts.delete(origin)
      ? [...gone, { kind: "host", host: origin, after: undefined }]
      : gone;
  }

  /** Shows again what its records say. */
  show(origin: HostId, entries: Iterable<Entry>): TableChange[] {
    this.hidden.delete(origin);
    const all = [...entries].filter(({ key }) => hideable.has(kindOf(key)));
    const differences = all.map(({ key, value }) => ({ key, before: undefined, after: value }));
    return this.update(origin, differences);
  }

  /** Takes one origin's differences and says what they mean. */
  update(origin: HostId, differences: readonly Difference[]): TableChange[] {
    const isHidden = this.hidden.has(origin);
    return differences.flatMap(({ key, before, after }) => {
      if (isHidden && hideable.has(kindOf(key))) return [];
      const was = before && meaning(origin, key, before);
      const is = after && meaning(origin, key, after);
      return (is === undefined ? was && this.#remove(origin, was) : this.#put(origin, is)) ?? [];
    });
  }

  #put(origin: HostId, is: Meaning): TableChange | TableChange[] | undefined {
    switch (is.kind) {
      case "host":
        this.hosts.set(origin, is.record);
        return { kind: "host", host: origin, after: is.record };
      case "network":
        return this.#putNetwork({ ...is.record, id: is.id, creator: origin });
      case "removal":
        this.#removals.set(is.id, (this.#removals.get(is.id) ?? new Set()).add(origin));
        return { kind: "removal", id: is.id, isRemoved: true };
      case "endpoint":
        return this.#putEndpoint({
          ...is.record,
          network: this.#sameId(is),
          id: is.id,
          host: origin,
        });
      case "grant":
        return { kind: "grant", grant: { ...is.record, from: origin }, isAdded: true };
      case "appointment": {
        const known = this.appointments.get(is.host) ?? new Map<HostId, Chain>();
        this.appointments.set(is.host, known.set(origin, is.chain));
        return { kind: "appointment", host: is.host };
      }
      case "bequest":
        return { kind: "grant", grant: bequeathed(is.record, origin), isAdded: true };
      case "out":
        this.retirements.put(origin, is.removal);
        return [{ kind: "out", host: is.removal.host }, ...this.#judge(is.removal.host)];
    }
  }

  #remove(origin: HostId, was: Meaning): TableChange | TableChange[] | undefined {
    switch (was.kind) {
      case "host":
        this.hosts.delete(origin);
        return { kind: "host", host: origin, after: undefined };
      case "network": {
        const before = this.networks.get(was.id);
        if (before?.creator !== origin) return undefined;
        this.networks.delete(was.id);
        return { kind: "network", before };
      }
      case "removal":
        this.#removals.get(was.id)?.delete(origin);
        return { kind: "removal", id: was.id, isRemoved: this.isRemoved(was.id) };
      case "endpoint":
        return this.#removeEndpoint(origin, was.id);
      case "grant":
        return { kind: "grant", grant: { ...was.record, from: origin }, isAdded: false };
      case "appointment":
        this.appointments.get(was.host)?.delete(origin);
        return { kind: "appointment", host: was.host };
      case "bequest":
        return { kind: "grant", grant: bequeathed(was.record, origin), isAdded: false };
      case "out":
        this.retirements.remove(origin, was.removal);
        return [{ kind: "out", host: was.removal.host }, ...this.#judge(was.removal.host)];
    }
  }

  /** Endpoints of a host that is retired go; they would return if it never had been. */
  #judge(host: HostId): TableChange[] {
    if (!this.retirements.isRetired(host)) {
      const back = this.cutOffOn(host);
      for (const { id } of back) this.#cutOff.delete(id);
      return back.flatMap((endpoint) => this.#putEndpoint(endpoint) ?? []);
    }
    const gone = [...this.endpointsOn(host).values()];
    const changes = gone.flatMap(({ id }) => this.#removeEndpoint(host, id) ?? []);
    for (const endpoint of gone) this.#cutOff.set(endpoint.id, endpoint);
    return changes;
  }

  /**
   * An id is drawn at random from 2^64, so a second creator of one id is a forger: the first one
   * heard stands.
   */
  #putNetwork(after: Network): TableChange | undefined {
    const before = this.networks.get(after.id);
    if (before !== undefined && before.creator !== after.creator) return undefined;
    this.networks.set(after.id, after);
    return { kind: "network", before, after };
  }

  /** One text for all endpoints of a network, instead of as many as there are records. */
  #sameId({ record: { network } }: Extract<Meaning, { kind: "endpoint" }>): NetworkId {
    return this.networks.get(network)?.id ?? network;
  }

  #putEndpoint(after: Endpoint): TableChange | undefined {
    if (this.retirements.isRetired(after.host)) {
      this.#cutOff.set(after.id, after);
      return undefined;
    }
    const before = this.endpoints.get(after.id);
    if (before !== undefined && before.host !== after.host) return undefined;
    if (before !== undefined) this.#unindex(before);
    this.endpoints.set(after.id, after);
    this.usage.add(after);
    indexed(this.#byNetwork, after.network).set(after.id, after);
    indexed(this.#byHost, after.host).set(after.id, after);
    return { kind: "endpoint", before, after };
  }

  #removeEndpoint(origin: HostId, id: EndpointId): TableChange | undefined {
    if (this.#cutOff.get(id)?.host === origin) this.#cutOff.delete(id);
    const before = this.endpoints.get(id);
    if (before?.host !== origin) return undefined;
    this.endpoints.delete(id);
    this.#unindex(before);
    return { kind: "endpoint", before };
  }

  #unindex(endpoint: Endpoint): void {
    this.usage.remove(endpoint);
    this.#byNetwork.get(endpoint.network)?.delete(endpoint.id);
    this.#byHost.get(endpoint.host)?.delete(endpoint.id);
  }
}

function indexed<Key>(
  index: Map<Key, Map<EndpointId, Endpoint>>,
  key: Key,
): Map<EndpointId, Endpoint> {
  const known = index.get(key) ?? new Map<EndpointId, Endpoint>();
  index.set(key, known);
  return known;
}

function bequeathed({ of, ...grant }: BequestRecord, by: HostId): Grant {
  return { ...grant, from: of, by };
}

function meaning(origin: HostId, key: RecordKey, value: Uint8Array): Meaning | undefined {
  return meaningOf(origin, key, value);
}
