import type { HostId } from "../../base/id.ts";
import { endedKept } from "./frame.ts";

/**
 * Links that have ended, by host, until a newer one is up. Hosts heard of longest ago are forgotten
 * first.
 */
export class EndedLinks {
  readonly #maxHosts: number;
  readonly #ids = new Map<HostId, string[]>();

  constructor(maxHosts: number) {
    this.#maxHosts = maxHosts;
  }

  of(host: HostId): string[] {
    return this.#ids.get(host) ?? [];
  }

  add(host: HostId, id: string): void {
    const ids = [...this.of(host), id].slice(-endedKept);
    this.#ids.delete(host);
    this.#ids.set(host, ids);
    if (this.#ids.size <= this.#maxHosts) return;
    for (const oldest of this.#ids.keys().take(1)) this.#ids.delete(oldest);
  }

  forget(host: HostId): void {
    this.#ids.delete(host);
  }
}
