/**
 * Addresses held for endpoints that are about to be made: Docker asks for an address first and
 * makes the endpoint later, or never.
 *
 *   hold --> take (an endpoint asks for it) | end (given back) | time is up
 *
 * In memory only: a hold is a promise of seconds, and an agent that dies forgets it.
 */
import type { Ip } from "../base/address.ts";
import type { NetworkId } from "../base/id.ts";
import type { Instant } from "../base/time.ts";

/** An address, and for whom it is held. */
export type Held = {
  readonly network: NetworkId;
  readonly ip: Ip;
  readonly holder: string;
  readonly until: Instant;
};

/** What is held, the first to end first. */
export class Reservations {
  readonly #held = new Map<string, Held>();

  get size(): number {
    return this.#held.size;
  }

  hold(held: Held): void {
    this.#held.delete(keyOf(held));
    this.#held.set(keyOf(held), held);
  }

  holderOf(network: NetworkId, ip: Ip): string | undefined {
    return this.#held.get(keyOf({ network, ip }))?.holder;
  }

  /** The address is held no more. False: it was not. */
  end(network: NetworkId, ip: Ip): boolean {
    return this.#held.delete(keyOf({ network, ip }));
  }

  /** Those whose time is up, which are held no more. */
  expire(now: Instant): Held[] {
    const over = [...this.#held.values()].filter(({ until }) => until <= now);
    for (const { network, ip } of over) this.end(network, ip);
    return over;
  }

  /** The network is gone. */
  forget(network: NetworkId): void {
    for (const [key, held] of this.#held) if (held.network === network) this.#held.delete(key);
  }
}

function keyOf({ network, ip }: Pick<Held, "network" | "ip">): string {
  return `${network} ${ip}`;
}
