/**
 * Names as this host answers for them: which networks are here, who asks, and what the asker may
 * see. A network's names are gathered when one of them is first asked for, and then kept up to date
 * change by change: a burst of changes costs what each costs alone, and a network that nobody asks
 * about costs nothing.
 */
import { type Cidr, cidrContains, gatewayOf, type Ip } from "../base/address.ts";
import type { HostId, NetworkId } from "../base/id.ts";
import type { Random } from "../base/random.ts";
import type { Listening, Query, ServerReport } from "../names/name-server.ts";
import type { Reply } from "../names/record.ts";
import { type Nearness, resolve, type Sight } from "../names/resolve.ts";
import { type Named, Zone } from "../names/zone.ts";
import type { Emit } from "./effect.ts";
import { olderFirst } from "./network-names.ts";
import type { Place } from "./places.ts";
import type { Endpoint, Network, TableChange, Tables } from "./tables.ts";
import type { DnsView } from "./view.ts";

/** What the book is told when it is made. */
export type NameBookOptions = {
  readonly self: HostId;
  readonly tables: Tables;
  readonly random: Random;
  readonly emit: Emit;
  readonly isReachable: (host: HostId) => boolean;
  /** What tells that two endpoints of this host are one container's: equal, and not undefined. */
  readonly containerOf: (endpoint: Endpoint) => string | undefined;
  readonly options: { readonly isServed: boolean; readonly ttlS: number };
  readonly answersAtMost: number;
};

/** All names. */
export class NameBook {
  readonly #given: NameBookOptions;
  readonly #zones = new Map<NetworkId, Zone>();
  /** Networks that have a bridge here, by the addresses it carries. */
  #here = new Map<Ip, NetworkId[]>();
  /** Of all networks; undefined where one of them has changed. */
  #subnets: readonly Cidr[] | undefined;
  #report: ServerReport = { listening: [], upstreams: [] };
  readonly #counts = { answered: 0, forwarded: 0, refused: 0 };

  constructor(given: NameBookOptions) {
    this.#given = given;
  }

  /** A change of the tables. */
  notice(change: TableChange): void {
    if (change.kind === "network" || change.kind === "removal") this.#subnets = undefined;
    if (change.kind === "network" && change.after === undefined && change.before !== undefined)
      this.#zones.delete(change.before.id);
    if (change.kind !== "endpoint") return;
    const { before, after } = change;
    if (before !== undefined && before.network !== after?.network)
      this.#zones.get(before.network)?.remove(before.id);
    if (after !== undefined) this.#zones.get(after.network)?.put(namedOf(after));
  }

  /** The networks that have a bridge here from now on. */
  place(networks: Iterable<NetworkId>): void {
    const here = new Map<Ip, NetworkId[]>();
    for (const id of networks) {
      for (const subnet of this.#given.tables.networks.get(id)?.subnets ?? []) {
        const gateway = gatewayOf(subnet);
        here.set(gateway, [...(here.get(gateway) ?? []), id]);
      }
    }
    const isSame =
      here.size === this.#here.size && [...here.keys()].every((ip) => this.#here.has(ip));
    this.#here = here;
    const { isServed } = this.#given.options;
    if (isServed && !isSame) this.#given.emit({ kind: "listen", addresses: [...here.keys()] });
  }

  /** What the name server says of itself. */
  serving(report: ServerReport): void {
    this.#report = report;
  }

  /** Answers a question that came in at one of our gateways. */
  resolve({ from, to, question }: Query): Reply {
    const networks = from === to ? this.#allHere() : this.#networksOf(from, to);
    const reply: Reply =
      networks.length === 0
        ? { kind: "refused", reason: `${from} is no endpoint of this host's at ${to}` }
        : resolve(question, this.#sightOf(networks));
    // A resolver of this host's that asks us must not be asked by us: the two would never end.
    const isCircle = reply.kind === "forward" && from === to;
    const told: Reply = isCircle ? { kind: "refused", reason: "it is this host's own" } : reply;
    this.#counts[outcomes[told.kind]] += 1;
    return told;
  }

  view(): DnsView {
    const { isServed } = this.#given.options;
    const { listening, upstreams } = this.#report;
    const served = listening.filter(({ fault }) => fault === undefined);
    return {
      isOn: isServed,
      serving: served.map(({ address }) => address),
      upstreams,
      ...this.#counts,
    };
  }

  /** What keeps names from being answered. */
  warnings(): string[] {
    const { isServed } = this.#given.options;
    const { listening, upstreams } = this.#report;
    const faults = listening.flatMap(faultText);
    const isAlone = isServed && upstreams.length === 0 && listening.length > 0;
    return isAlone ? [...faults, nobodyElse] : faults;
  }

  #allHere(): Network[] {
    return [...new Set([...this.#here.values()].flat())].flatMap(
      (id) => this.#given.tables.networks.get(id) ?? [],
    );
  }

  /** Those of the container that has the address, the one it asks through first. */
  #networksOf(from: Ip, to: Ip): Network[] {
    const { self, tables, containerOf } = this.#given;
    const asker = this.#here.get(to)?.flatMap((id) => this.#holderOf(id, from) ?? [])[0];
    if (asker === undefined) return [];
    const container = containerOf(asker);
    const others =
      container === undefined
        ? []
        : [...tables.endpointsOn(self).values()].filter(
            (each) => each.id !== asker.id && containerOf(each) === container,
          );
    const networkOf = ({ network }: Endpoint) =>
      tables.isShown(network) ? (tables.networks.get(network) ?? []) : [];
    return [
      ...new Set([...[asker].flatMap(networkOf), ...others.flatMap(networkOf).sort(olderFirst)]),
    ];
  }

  /** The endpoint of this host with the address: nobody else can be at our end of the bridge. */
  #holderOf(network: NetworkId, ip: Ip): Endpoint | undefined {
    const { self, tables } = this.#given;
    const isInside = tables.networks.get(network)?.subnets.some((each) => cidrContains(each, ip));
    if (isInside !== true) return undefined;
    const holder = this.#zoneOf(network)
      .holdersOf(ip)
      .find(({ host }) => host === self);
    return holder && tables.endpoints.get(holder.id);
  }

  #sightOf(networks: readonly Network[]): Sight {
    const { random, options, answersAtMost } = this.#given;
    return {
      networks,
      subnets: this.#subnetsNow(),
      zoneOf: (network) => this.#zoneOf(network),
      nearness: (host) => this.#nearnessOf(host),
      random,
      ttlS: options.ttlS,
      answersAtMost,
    };
  }

  #subnetsNow(): readonly Cidr[] {
    this.#subnets ??= this.#given.tables.shownNetworks().flatMap(({ subnets }) => subnets);
    return this.#subnets;
  }

  #nearnessOf(host: HostId): Nearness {
    const { self, isReachable } = this.#given;
    if (host === self) return "local";
    return isReachable(host) ? "remote" : "unreachable";
  }

  #zoneOf(network: NetworkId): Zone {
    const known = this.#zones.get(network);
    if (known !== undefined) return known;
    const zone = new Zone();
    for (const endpoint of this.#given.tables.endpointsOf(network).values())
      zone.put(namedOf(endpoint));
    this.#zones.set(network, zone);
    return zone;
  }
}

const outcomes = { answers: "answered", forward: "forwarded", refused: "refused" } as const;

const nobodyElse =
  "endpoints are told that names of the world cannot be asked for: /etc/resolv.conf names no resolver that this host could ask; set dns-upstreams";

function faultText({ address, fault }: Listening): string[] {
  return fault === undefined ? [] : [`names are not answered at ${address}: ${fault}`];
}

function namedOf({ id, name, aliases, ips, host }: Endpoint): Named {
  return { id, labels: [...new Set([name ?? id, ...aliases])], ips, host };
}

/**
 * Endpoints in one namespace are one container's. Of a link we do not know where it was moved to;
 * who moves it gives all links of a container the container's name, which is one of a kind there.
 */
export function containerOf({ name }: Endpoint, place: Place | undefined): string | undefined {
  switch (place?.kind) {
    case "netns":
      return `netns ${place.netns}`;
    case "link":
      return name === undefined ? undefined : `links called ${name}`;
    case undefined:
      return undefined;
  }
}
