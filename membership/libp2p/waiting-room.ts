/**
 * Seats for connections that have no link yet. One address gets a quarter of them and all strangers
 * together a half: the rest is kept for addresses at which members were met. Where the strangers'
 * half is full, the address with the most seats gives one up for an address that has fewer, so that
 * somebody with a few addresses holds no door shut.
 */
type Seat<Guest> = { readonly place: string; readonly guest: Guest; readonly isKnown: boolean };

/** No address may keep all others out, and strangers not the members. */
const shareOfOneAddress = 1 / 4;
const shareOfStrangers = 1 / 2;
/** Addresses of members that are remembered: those of the largest cluster. */
const placesKept = 4_096;

/** Who waits, by the far end's `host:port`. */
export class WaitingRoom<Guest> {
  readonly #seats: number;
  /** The first to come is the first in it. */
  readonly #taken = new Map<string, Seat<Guest>>();
  readonly #known = new Set<string>();

  constructor(seats: number) {
    this.#seats = seats;
  }

  /** A member was met there, or is expected. */
  expect(place: string): void {
    this.#known.delete(place);
    this.#known.add(place);
    if (this.#known.size <= placesKept) return;
    for (const oldest of this.#known.keys().take(1)) this.#known.delete(oldest);
  }

  /** Whether the guest has a seat now, and who had to give up one for it. */
  enter(
    address: string,
    guest: Guest,
  ): { readonly isIn: boolean; readonly givesWay: Guest | undefined } {
    const place = placeOf(address);
    const isKnown = this.#known.has(place);
    const same = this.#count(place);
    const outside = { isIn: false, givesWay: undefined };
    if (same >= this.#seats * shareOfOneAddress || this.#taken.size >= this.#seats) return outside;
    const strangers = [...this.#taken].filter(([, seat]) => !seat.isKnown);
    const isFull = !isKnown && strangers.length >= this.#seats * shareOfStrangers;
    const leaving = isFull ? this.#greediest(strangers, same) : undefined;
    if (isFull && leaving === undefined) return outside;
    if (leaving !== undefined) this.#taken.delete(leaving[0]);
    this.#taken.set(address, { place, guest, isKnown });
    return { isIn: true, givesWay: leaving?.[1].guest };
  }

  leave(address: string): void {
    this.#taken.delete(address);
  }

  /** The longest wait at the place with most seats, if it has two more than the newcomer's. */
  #greediest(
    strangers: readonly (readonly [string, Seat<Guest>])[],
    same: number,
  ): readonly [string, Seat<Guest>] | undefined {
    const counts = Map.groupBy(strangers, ([, { place }]) => place);
    const [most] = [...counts.values()].toSorted((a, b) => b.length - a.length);
    return most !== undefined && most.length > same + 1 ? most[0] : undefined;
  }

  #count(place: string): number {
    return [...this.#taken.values()].filter((seat) => seat.place === place).length;
  }
}

/** The part before the port. */
export function placeOf(address: string): string {
  return address.slice(0, address.lastIndexOf(":"));
}
