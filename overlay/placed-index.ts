/**
 * Which endpoint of a network has which MAC and which address, where several claim one: first those
 * of this host, then the lowest id, so that it is the same one on every host and the kernel is not
 * set to one and the other in turn. Kept up to date endpoint by endpoint.
 */
import type { Ip, Mac } from "../base/address.ts";
import type { EndpointId } from "../base/id.ts";
import type { RemoteEntry } from "./dataplane.ts";
import { RemoteTable } from "./remote-table.ts";
import type { Placed } from "./wanted.ts";

/** MACs and addresses that no endpoint can have: the gateway's, and those of our devices. */
export type Reserved = { readonly macs: ReadonlySet<Mac>; readonly ips: ReadonlySet<Ip> };

/** Nearly always there is one; a set for each would be most of the memory. */
type Claims<Key> = Map<Key, EndpointId | Set<EndpointId>>;

/** The endpoints of one network. */
export class PlacedIndex {
  readonly #reserved: Reserved;
  readonly #placed = new Map<EndpointId, Placed>();
  readonly #ports = new Map<EndpointId, Mac>();
  readonly #macs: Claims<Mac> = new Map();
  readonly #ips: Claims<Ip> = new Map();
  readonly #touched = new Set<Mac>();
  #table = RemoteTable.empty;

  constructor(reserved: Reserved) {
    this.#reserved = reserved;
  }

  /** Endpoints of this host, and their MACs. */
  get ports(): ReadonlyMap<EndpointId, Mac> {
    return this.#ports;
  }

  put(placed: Placed): void {
    this.remove(placed.id);
    const { id, mac, ips, vtep } = placed;
    this.#placed.set(id, placed);
    if (vtep === undefined) this.#ports.set(id, mac);
    claim(this.#macs, mac, id);
    for (const ip of ips) claim(this.#ips, ip, id);
    this.#touch(placed);
  }

  remove(id: EndpointId): void {
    const placed = this.#placed.get(id);
    if (placed === undefined) return;
    this.#touch(placed);
    this.#placed.delete(id);
    this.#ports.delete(id);
    release(this.#macs, placed.mac, id);
    for (const ip of placed.ips) release(this.#ips, ip, id);
  }

  /** The ways to all that are elsewhere. The same object while nothing has changed. */
  remotes(): RemoteTable {
    const changes = new Map<Mac, RemoteEntry | undefined>();
    for (const mac of this.#touched) {
      const [before, after] = [this.#table.get(mac), this.#entry(mac)];
      if (!isSame(before, after)) changes.set(mac, after);
    }
    this.#touched.clear();
    this.#table = this.#table.with(changes);
    return this.#table;
  }

  #touch({ mac, ips }: Placed): void {
    this.#touched.add(mac);
    for (const ip of ips) {
      const known = this.#ips.get(ip);
      // A claimant alone is the one that is being touched.
      if (known === undefined || typeof known === "string") continue;
      for (const id of known) {
        const other = this.#placed.get(id);
        if (other !== undefined) this.#touched.add(other.mac);
      }
    }
  }

  #entry(mac: Mac): RemoteEntry | undefined {
    const holder = this.#holder(this.#macs, mac);
    if (holder?.vtep === undefined || this.#reserved.macs.has(mac)) return undefined;
    const { id, vtep, ips } = holder;
    const isHeld = (ip: Ip) =>
      !this.#reserved.ips.has(ip) && this.#holder(this.#ips, ip)?.id === id;
    // Nearly always all are, and one list is enough for both.
    return { mac, vtep, ips: ips.every(isHeld) ? ips : ips.filter(isHeld) };
  }

  #holder<Key>(claims: Claims<Key>, key: Key): Placed | undefined {
    const known = claims.get(key);
    if (known === undefined) return undefined;
    if (typeof known === "string") return this.#placed.get(known);
    let first: Placed | undefined;
    for (const id of known) {
      const placed = this.#placed.get(id);
      if (placed !== undefined && (first === undefined || isBefore(placed, first))) first = placed;
    }
    return first;
  }
}

function isBefore(a: Placed, b: Placed): boolean {
  const [isLocal, isOtherLocal] = [a.vtep === undefined, b.vtep === undefined];
  return isLocal === isOtherLocal ? a.id < b.id : isLocal;
}

function claim<Key>(claims: Claims<Key>, key: Key, id: EndpointId): void {
  const known = claims.get(key);
  if (known === undefined) claims.set(key, id);
  else if (typeof known === "string") claims.set(key, new Set([known, id]));
  else known.add(id);
}

function release<Key>(claims: Claims<Key>, key: Key, id: EndpointId): void {
  const known = claims.get(key);
  if (known === id) claims.delete(key);
  if (known === undefined || typeof known === "string") return;
  known.delete(id);
  const [only] = known;
  if (only !== undefined && known.size === 1) claims.set(key, only);
}

function isSame(a: RemoteEntry | undefined, b: RemoteEntry | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return (
    a.vtep === b.vtep && a.ips.length === b.ips.length && a.ips.every((ip, at) => ip === b.ips[at])
  );
}
