/**
 * How this host leaves for good. Level-triggered, so that an agent that dies on the way goes on
 * where it was, by what its own records say:
 *
 *   standing "leaving" --> endpoints withdrawn --> every block handed to an heir
 *     --> every heir that answers has it on disk --> standing "left" --> the agent stops
 */
import { encode } from "../base/codec.ts";
import type { Refusal } from "../base/errors.ts";
import type { HostId } from "../base/id.ts";
import type { Instant } from "../base/time.ts";
import { handOn } from "../ipam/heirs.ts";
import type { Ledger } from "../ipam/ledger.ts";
import { compareVersions, type Version } from "../store/head.ts";
import type { Write } from "../store/writer.ts";
import type { Attachments } from "./attachments.ts";
import type { Confirmations } from "./confirmations.ts";
import type { Emit } from "./effect.ts";
import type { Forgetting } from "./forgetting.ts";
import { grantKey, type HostRecord, hostKey } from "./schema.ts";
import type { Tables } from "./tables.ts";

/** What the machine works with. */
export type LeavingOptions = {
  readonly self: HostId;
  readonly tables: Tables;
  readonly ledger: Ledger;
  readonly forgetting: Forgetting;
  readonly attachments: Pick<Attachments, "withdraw" | "isMaking">;
  readonly confirmations: Confirmations;
  readonly emit: Emit;
  readonly version: () => Version;
  readonly isBusy: () => boolean;
  readonly write: (writes: readonly Write[]) => number;
  /** How long others may take to hear that we are gone, before we are, in milliseconds. */
  readonly farewellMs: number;
};

/** Called once we have left, or when time is up, with what stands in the way. */
type Waiting = { readonly until: Instant; readonly then: (obstacle: string | undefined) => void };

/** This host's own way out. */
export class Leaving {
  readonly #options: LeavingOptions;
  #isAsked = false;
  /** Our version when everything was handed over: who holds that has it all. */
  #handedOver: Version | undefined;
  #isGone = false;
  #waiting: Waiting[] = [];
  #obstacle: string | undefined;

  constructor(options: LeavingOptions) {
    this.#options = options;
  }

  /** Whether this host is on its way out: it takes nothing new, and gives only to heirs. */
  get isLeaving(): boolean {
    return this.#isAsked || this.#standing !== undefined;
  }

  /** What it waits for, for people. */
  get obstacle(): string | undefined {
    return this.isLeaving ? this.#obstacle : undefined;
  }

  /** Begins to leave, or goes on; `then` is called when that is done, before the agent stops. */
  leave(now: Instant, until: Instant, then: Waiting["then"]): void {
    this.#isAsked = true;
    this.#waiting.push({ until, then });
    this.tick(now);
  }

  tick(now: Instant): void {
    this.#answer(({ until }) => until <= now && !this.#isGone, this.#obstacle ?? "it takes longer");
    if (!this.isLeaving || this.#isGone || this.#options.isBusy()) return;
    if (this.#standing === "left") this.#sayFarewell(now);
    else if (this.#standing === undefined) this.#setStanding("leaving");
    else this.#obstacle = this.#step();
  }

  #answer(isDue: (waiting: Waiting) => boolean, obstacle: string | undefined): void {
    const due = this.#waiting.filter(isDue);
    this.#waiting = this.#waiting.filter((waiting) => !due.includes(waiting));
    for (const { then } of due) then(obstacle);
  }

  get #standing(): HostRecord["standing"] {
    const { tables, self } = this.#options;
    return tables.hosts.get(self)?.standing;
  }

  /** One step; returns what stands in the way of the next. */
  #step(): string | undefined {
    const { self, tables, attachments, forgetting } = this.#options;
    if (tables.retirements.isRetired(self)) return "it was forgotten meanwhile";
    if (forgetting.doubt !== undefined) return forgetting.doubt.message;
    const endpoints = [...tables.endpointsOn(self).keys()];
    for (const id of endpoints) attachments.withdraw(id);
    if (endpoints.length > 0) return undefined;
    // An address that is about to be recorded must not be handed over before that is undone.
    if (attachments.isMaking) return "an endpoint is still being made";
    const [unfinished] = forgetting.unfinished();
    if (unfinished !== undefined) {
      const name = tables.hosts.get(unfinished)?.name ?? unfinished;
      return `it has forgotten ${name}, and not every host has acknowledged that`;
    }
    const heirs = forgetting.heirs();
    const others = forgetting.othersThatCount();
    // Whoever is alone takes the addresses along: there is nobody who could use them.
    if (others.length === 0) return this.#setStanding("left");
    if (heirs.length === 0) return "no other host answers that could take its addresses over";
    return this.#handOver(heirs) ? undefined : this.#awaitHeirs(heirs);
  }

  /** Whether there was still something to hand over. */
  #handOver(heirs: readonly HostId[]): boolean {
    const { self, ledger, write } = this.#options;
    const grants = ledger.networks().flatMap((network) => {
      const holdings = ledger.blocksOf(network, self);
      return handOn({ network, holdings, by: undefined, heirs, request: "left", inUse: [] });
    });
    if (grants.length === 0) return false;
    write(grants.map(({ from: _, ...grant }) => ({ key: grantKey(grant), value: encode(grant) })));
    return true;
  }

  #awaitHeirs(heirs: readonly HostId[]): string | undefined {
    const { self, tables, version } = this.#options;
    const handedOver = this.#handedOver ?? version();
    this.#handedOver = handedOver;
    const seen = tables.retirements.seen(self, self);
    const silent = heirs.filter((heir) => {
      const held = seen.get(heir);
      return held === undefined || compareVersions(held, handedOver) < 0;
    });
    if (silent.length === 0) return this.#setStanding("left");
    const names = silent.map((heir) => tables.hosts.get(heir)?.name ?? heir);
    return `${names.join(", ")} must confirm to have its addresses`;
  }

  #setStanding(standing: "leaving" | "left"): undefined {
    const { self, tables, write } = this.#options;
    const record = tables.hosts.get(self);
    if (record !== undefined) write([{ key: hostKey, value: encode({ ...record, standing }) }]);
    return undefined;
  }

  /** Who answers hears that we are gone; then we are. */
  #sayFarewell(now: Instant): void {
    const { forgetting, confirmations, version, emit, farewellMs } = this.#options;
    this.#isGone = true;
    const waitMs = farewellMs;
    confirmations.wait(version(), forgetting.heirs(), { now, waitMs }, () => {
      this.#answer(() => true, undefined);
      emit({ kind: "stop", reason: "this host has left the cluster" });
    });
  }
}

/** Why a host that is on its way out takes nothing new. */
export function leavingRefusal(): Refusal {
  return { code: "NOT_PERMITTED", message: "this host is leaving the cluster" };
}
