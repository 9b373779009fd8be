/**
 * Who is linked with whom: computed, not agreed. Every host stands on four rings, each in an order
 * of its own; its neighbours are the hosts before and behind it on each. Random rings make an
 * expander (Law and Siu, "Distributed construction of random expander networks", 2003), and
 * everybody knows who watches whom (Rapid, USENIX ATC 2018).
 *
 *   place on ring r = SHA-256(r, host id)        up to nine hosts: all with all
 */
import { toHex } from "../base/bytes.ts";
import { encode } from "../base/codec.ts";
import type { Crypto } from "../base/crypto.ts";
import type { HostId } from "../base/id.ts";

/** The shape of the graph. */
export type RingsOptions = {
  readonly rings: number;
  /** Up to so many hosts, all are neighbours of all. */
  readonly fullMesh: number;
};

type Place = { readonly key: string; readonly host: HostId };

/** The hosts on their rings. Equal sets of hosts make equal rings, in whatever order they came. */
export class Rings {
  readonly #options: RingsOptions;
  readonly #crypto: Pick<Crypto, "hash">;
  readonly #hosts = new Set<HostId>();
  /** Each host's place on every ring. */
  readonly #keys = new Map<HostId, readonly string[]>();
  readonly #rings: Place[][];
  /** Neighbours as last computed; emptied by every change. */
  readonly #known = new Map<HostId, readonly HostId[]>();

  constructor(options: RingsOptions, crypto: Pick<Crypto, "hash">) {
    this.#options = options;
    this.#crypto = crypto;
    this.#rings = Array.from({ length: options.rings }, () => []);
  }

  get hosts(): ReadonlySet<HostId> {
    return this.#hosts;
  }

  /** Whether everybody is everybody's neighbour. */
  get isFullMesh(): boolean {
    return this.#hosts.size <= this.#options.fullMesh;
  }

  add(host: HostId): void {
    if (this.#hosts.has(host)) return;
    this.#hosts.add(host);
    this.#known.clear();
    const keys = this.#rings.map((_, at) => this.#keyOf(at, host));
    this.#keys.set(host, keys);
    for (const { ring, key } of this.#places(host))
      ring.splice(indexOf(ring, key), 0, { key, host });
  }

  remove(host: HostId): void {
    if (!this.#hosts.delete(host)) return;
    this.#known.clear();
    for (const { ring, key } of this.#places(host)) ring.splice(indexOf(ring, key), 1);
    this.#keys.delete(host);
  }

  /** Whom this host is linked with and watches, and who watches it; of an unknown host, none. */
  neighbours(host: HostId): readonly HostId[] {
    const known = this.#known.get(host);
    if (known !== undefined) return known;
    const found = this.isFullMesh ? this.#allBut(host) : [...this.around(host, () => true)];
    this.#known.set(host, found);
    return found;
  }

  /**
   * The nearest hosts that are there, before and behind this one on every ring. With everybody
   * there these are its neighbours; with some away, who takes their places.
   */
  around(host: HostId, isThere: (host: HostId) => boolean): Set<HostId> {
    const found = new Set<HostId>();
    for (const { ring, key } of this.#places(host)) {
      const start = indexOf(ring, key);
      for (const step of [1, ring.length - 1]) {
        const next = nearest(ring, { start, step }, isThere);
        if (next !== undefined) found.add(next);
      }
    }
    return found;
  }

  #allBut(host: HostId): HostId[] {
    return this.#hosts.has(host) ? [...this.#hosts].filter((other) => other !== host) : [];
  }

  #places(host: HostId): { readonly ring: Place[]; readonly key: string }[] {
    const keys = this.#keys.get(host) ?? [];
    return keys.map((key, at) => ({ ring: this.#rings[at] ?? [], key }));
  }

  #keyOf(ring: number, host: HostId): string {
    return toHex(this.#crypto.hash(encode([ring, host])).subarray(0, 16));
  }
}

/** The first host from `start` on, in steps around the ring, that is there. */
function nearest(
  ring: readonly Place[],
  { start, step }: { readonly start: number; readonly step: number },
  isThere: (host: HostId) => boolean,
): HostId | undefined {
  for (let count = 1; count < ring.length; count += 1) {
    const host = ring[(start + count * step) % ring.length]?.host;
    if (host !== undefined && isThere(host)) return host;
  }
  return undefined;
}

/** Where a place with this key is, or would be. */
function indexOf(ring: readonly Place[], key: string): number {
  let [low, high] = [0, ring.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ring[middle]?.key ?? "") < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
