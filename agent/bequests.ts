/**
 * Which bequests count: only those of a host that has itself, in its own records, retired the one
 * it writes for. So nobody can take a living host's addresses without saying, for all to see, that
 * it is out. Records come in any order: what does not count yet is kept.
 */
import type { HostId } from "../base/id.ts";
import { type Grant, grantId } from "../ipam/grant.ts";
import type { Ledger } from "../ipam/ledger.ts";
import type { Retirements } from "./retirements.ts";

/** A grant in the stead of another host. */
export type Bequest = Grant & { readonly by: HostId };

/** All bequests, by whose stead they are written in. */
export class Bequests {
  readonly #ledger: Ledger;
  readonly #retirements: Retirements;
  readonly #known = new Map<HostId, Map<string, Bequest>>();

  constructor(ledger: Ledger, retirements: Retirements) {
    this.#ledger = ledger;
    this.#retirements = retirements;
  }

  notice(bequest: Bequest, isAdded: boolean): void {
    const ofHost = this.#known.get(bequest.from) ?? new Map<string, Bequest>();
    this.#known.set(bequest.from, ofHost);
    if (isAdded) ofHost.set(grantId(bequest), bequest);
    else {
      ofHost.delete(grantId(bequest));
      this.#ledger.removeGrant(bequest);
    }
    this.judge(bequest.from);
  }

  /** Something was said about the host's being out. */
  judge(host: HostId): void {
    const retirers = new Set(this.#retirements.retirersOf(host));
    for (const bequest of this.#known.get(host)?.values() ?? []) {
      if (retirers.has(bequest.by)) this.#ledger.addGrant(bequest);
      else if (this.#ledger.has(bequest)) this.#ledger.removeGrant(bequest);
    }
  }
}
