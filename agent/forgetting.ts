/**
 * Taking out a host that does not do so itself. Level-triggered: each look at the records finds
 * what is still to be said, and says it. The rules are in settlement.ts; here they become records.
 */
import * as v from "valibot";
import { toHex } from "../base/bytes.ts";
import { decode, encode } from "../base/codec.ts";
import type { Crypto } from "../base/crypto.ts";
import type { Refusal } from "../base/errors.ts";
import type { HostId, NetworkId } from "../base/id.ts";
import type { Log } from "../base/log.ts";
import type { Instant } from "../base/time.ts";
import { type Grant, grantId } from "../ipam/grant.ts";
import { handOn, type Used } from "../ipam/heirs.ts";
import type { Ledger } from "../ipam/ledger.ts";
import { compareVersions, type Version } from "../store/head.ts";
import type { JournalOp } from "../store/journal.ts";
import type { Write } from "../store/writer.ts";
import { limits } from "./config.ts";
import { bequestKey, releaseKey, retirementKey, seenKey } from "./schema.ts";
import {
  canBeForgotten,
  type Facts,
  isBeyond,
  type Progress,
  progressOf,
  termsOf,
  witnessesOf,
} from "./settlement.ts";
import type { TableChange, Tables } from "./tables.ts";

/** What the machine works with. */
export type ForgettingOptions = {
  readonly self: HostId;
  readonly tables: Tables;
  readonly ledger: Ledger;
  readonly crypto: Crypto;
  readonly log: Log;
  readonly versionOf: (host: HostId) => Version;
  /** The last version of a revoked host that counts. */
  readonly lastOf: (host: HostId) => Version | undefined;
  /** Whether a write of ours is under way: then it is not yet time to look. */
  readonly isBusy: () => boolean;
  /** Whether our own records are known to be the newest of ours. */
  readonly isCompared: () => boolean;
  readonly write: (writes: readonly Write[], localOps: readonly JournalOp[]) => number;
  /** Between two looks where nothing has changed, in milliseconds. */
  readonly lookMs: number;
  /** How long somebody waits for a settlement, in milliseconds. */
  readonly settleMs: number;
  /** Hosts that answer just now. */
  readonly alive: () => readonly HostId[];
};

const keptPrefix = "kept/";
const keptSchema = v.array(v.string());

/** This host's part in the retirement of others. */
export class Forgetting {
  readonly #options: ForgettingOptions;
  readonly #facts: Facts;
  /** Of retired hosts that we have acknowledged: their grants to us that we knew then. */
  readonly #kept = new Map<HostId, ReadonlySet<string>>();

  #awaited: Awaiting[] = [];
  /** When to look again at what is known. */
  #lookAt: Instant = 0;

  constructor(options: ForgettingOptions) {
    this.#options = options;
    const { tables, versionOf, lastOf, crypto } = options;
    const nameOf = (words: readonly string[]) => toHex(crypto.hash(encode(words)).slice(0, 8));
    this.#facts = { tables, versionOf, lastOf, nameOf };
  }

  /** What the journal held. Returns false where the row is none of ours, or makes no sense. */
  restore(key: string, value: Uint8Array): boolean {
    if (!key.startsWith(keptPrefix)) return false;
    const parsed = v.safeParse(keptSchema, decode(value, limits.keptBytes));
    if (parsed.success)
      this.#kept.set(key.slice(keptPrefix.length) as HostId, new Set(parsed.output));
    return parsed.success;
  }

  /** Retires a host, for good. Returns the write's ticket; undefined: it was retired before. */
  forget(host: HostId): number | undefined {
    const { self, write, versionOf, log } = this.#options;
    if (!canBeForgotten(host, this.#facts)) return undefined;
    log.warn("host forgotten", { host });
    const retirement = { key: retirementKey(host), value: encode(plain(versionOf(host))) };
    const acknowledged = this.#acknowledge(host, self);
    return write([retirement, ...acknowledged.writes], acknowledged.localOps);
  }

  /** Calls back when the host's addresses have passed on, or when that takes longer. */
  whenSettled(host: HostId, now: Instant, then: (now: Instant) => void): void {
    this.#awaited.push({ host, until: now + this.#options.settleMs, then });
  }

  /** How far it is, or undefined where the host is not retired. */
  progress(host: HostId): Progress | undefined {
    const { retirements } = this.#options.tables;
    return retirements.isRetired(host) ? progressOf(host, this.#facts) : undefined;
  }

  /** Hosts that we settle and have not yet settled. */
  unfinished(): HostId[] {
    const { tables, self } = this.#options;
    return tables.retirements.retired().filter((host) => {
      const progress = this.progress(host);
      return progress?.kind === "frozen" && progress.settler === self;
    });
  }

  /** Whether this grant to us came after we had said that we take no more of its giver. */
  isHeldBack({ from, by, ...rest }: Grant): boolean {
    const { retirements } = this.#options.tables;
    if (by !== undefined || !retirements.isRetired(from) || retirements.isReleased(from))
      return false;
    const kept = this.#kept.get(from);
    if (kept !== undefined) return !kept.has(grantId({ from, ...rest }));
    // Our word stands, and the list is lost: none of it is safe until all is settled.
    return this.#hasSpoken(from);
  }

  /** What is known has changed, and perhaps something is to be said. */
  notice({ kind }: TableChange): void {
    if (kind !== "endpoint" && kind !== "appointment") this.#lookAt = 0;
  }

  /** Says what is still to be said: soon after a change, else now and then. */
  tick(now: Instant): void {
    this.#tellSettled(now);
    const { self, tables, isBusy, isCompared, lookMs } = this.#options;
    if (now < this.#lookAt || isBusy() || !isCompared() || tables.retirements.isRetired(self))
      return;
    this.#lookAt = now + lookMs;
    const said = [...this.#words(), ...this.#stale(), ...this.#settlements()];
    if (said.length === 0) return;
    const writes = said.flatMap((each) => each.writes);
    this.#options.write(
      writes,
      said.flatMap((each) => each.localOps),
    );
  }

  #tellSettled(now: Instant): void {
    const { retirements } = this.#options.tables;
    const due = this.#awaited.filter(
      ({ host, until }) => until <= now || retirements.isReleased(host),
    );
    this.#awaited = this.#awaited.filter((each) => !due.includes(each));
    for (const { then } of due) then(now);
  }

  /** Acknowledgements that are missing, or name other witnesses than we now know. */
  #words(): Said[] {
    const { self, tables } = this.#options;
    const { retirements } = tables;
    const open = retirements.retired().filter((host) => !retirements.isReleased(host));
    const pairs = open.flatMap((host) => retirements.retirersOf(host).map((by) => ({ host, by })));
    const isMissing = ({ host, by }: (typeof pairs)[number]) => {
      const said = retirements.seen(host, by).get(self);
      if (isBeyond(host, this.#options.versionOf(host), this.#facts)) return false;
      return said?.witnesses !== termsOf(host, this.#facts) || isBeyond(host, said, this.#facts);
    };
    return [
      ...pairs.filter(isMissing).map(({ host, by }) => this.#acknowledge(host, by)),
      ...this.#leavers().map((host) => this.#acknowledge(host, host)),
    ];
  }

  /** Hosts that have handed everything over and wait for our word that we have it. */
  #leavers(): HostId[] {
    const { self, tables, ledger, versionOf } = this.#options;
    const leaving = [...tables.hosts].filter(([, { standing }]) => standing === "leaving");
    return leaving
      .map(([host]) => host)
      .filter((host) => {
        if (host === self || tables.endpointsOn(host).size > 0) return false;
        const said = tables.retirements.seen(host, host).get(self);
        const isNews = said === undefined || compareVersions(said, versionOf(host)) < 0;
        return isNews && ledger.networks().every((id) => ledger.blocksOf(id, host).length === 0);
      });
  }

  /** Our word that a host is out; with the first, which of its grants to us we go on using. */
  #acknowledge(host: HostId, by: HostId): Said {
    const { self, ledger, versionOf, tables } = this.#options;
    const before = tables.retirements.seen(host, by).get(self);
    const isLeave = host === by;
    // What we knew when we first said it is what counts.
    const stands = before !== undefined && !isLeave && !isBeyond(host, before, this.#facts);
    const version = stands ? before : versionOf(host);
    const witnesses = termsOf(host, this.#facts);
    const value = encode({ ...plain(version), witnesses });
    const writes = [{ key: seenKey(host, by), value }];
    if (isLeave || before !== undefined) return { writes, localOps: [] };
    // A second word on one host keeps to the first one's list, also where that was lost.
    const isFirst = !this.#hasSpoken(host);
    const known = isFirst ? ledger.grantsBetween(host, self).map(grantId) : [];
    const kept = (isFirst ? undefined : this.#kept.get(host)) ?? new Set(known);
    this.#kept.set(host, kept);
    return { writes, localOps: [keptOp(host, encode([...kept]))] };
  }

  #hasSpoken(host: HostId): boolean {
    const { self, tables } = this.#options;
    const { retirements } = tables;
    return retirements.retirersOf(host).some((by) => retirements.seen(host, by).has(self));
  }

  /** Acknowledgements that nobody needs any more. */
  #stale(): Said[] {
    const { self, tables } = this.#options;
    const { retirements, hosts } = tables;
    return retirements.acknowledgedBy(self).flatMap(({ host, by }) => {
      const isLeave = host === by;
      const isOver = isLeave
        ? hosts.get(host)?.standing !== "leaving"
        : retirements.isReleased(host);
      if (!isOver) return [];
      if (!isLeave) this.#kept.delete(host);
      const localOps = isLeave ? [] : [keptOp(host, undefined)];
      return [{ writes: [{ key: seenKey(host, by), value: undefined }], localOps }];
    });
  }

  /** Bequests of all that may pass on, and the word that it may. */
  #settlements(): Said[] {
    const { self, tables, versionOf, log } = this.#options;
    return tables.retirements.retired().flatMap((host) => {
      const progress = this.progress(host);
      const isReady = progress?.kind === "frozen" && progress.waitingFor.length === 0;
      const isOurs = progress?.kind === "released" ? progress.by === self : false;
      if (!isOurs && !(isReady && progress.settler === self)) return [];
      const writes = this.#bequests(host);
      if (isReady) {
        log.info("addresses of a forgotten host released", { host, count: writes.length });
        writes.push({ key: releaseKey(host), value: encode(plain(versionOf(host))) });
      }
      return writes.length === 0 ? [] : [{ writes, localOps: [] }];
    });
  }

  /** Whether no other host counts: then nobody can know more of us than we. */
  get isAlone(): boolean {
    return this.othersThatCount().length === 0;
  }

  /** Why nothing of ours may be handed out: our disk may be older than what others know of us. */
  get doubt(): Refusal | undefined {
    if (this.#options.isCompared()) return undefined;
    const others = this.othersThatCount().length;
    const what = "since it started, this host has not compared its records with another host";
    const whose = `${others} others are known, and none has answered yet`;
    const advice = "if it is alone for good, start the agent with --isolated, or forget the others";
    return { code: "NOT_COMPARED", message: `${what} (${whose}); ${advice}` };
  }

  /** Other hosts that have not left and were not retired. */
  othersThatCount(): HostId[] {
    return witnessesOf(this.#options.self, this.#facts);
  }

  #bequests(host: HostId): Write[] {
    const { self, ledger } = this.#options;
    return ledger.networks().flatMap((network) => {
      const holdings = ledger.blocksOf(network, host);
      const heirs = this.heirs();
      const inUse = this.#inUse(host, network);
      const grants = handOn({ network, holdings, by: self, heirs, request: "forgotten", inUse });
      return grants.map(({ from, by: _, ...grant }) => {
        return { key: bequestKey(grant), value: encode({ ...grant, of: from }) };
      });
    });
  }

  /** What others use of it: a revocation may have cut off the grants by which they have it. */
  #inUse(host: HostId, network: NetworkId): Used[] {
    const { tables } = this.#options;
    const there = [...tables.endpoints.values()].filter((each) => each.network === network);
    return there.flatMap((each) =>
      each.host === host ? [] : each.ips.map((ip) => ({ ip, host: each.host })),
    );
  }

  /** Who gets what others leave: whoever answers and stays, ourselves included. */
  heirs(): HostId[] {
    const { self, tables, alive } = this.#options;
    return [self, ...alive()].filter((host) => {
      const record = tables.hosts.get(host);
      const stays = record !== undefined && record.standing === undefined;
      return stays && !tables.retirements.isRetired(host);
    });
  }
}

/** Who wants to know when a host's addresses have passed on. */
type Awaiting = {
  readonly host: HostId;
  readonly until: Instant;
  readonly then: (now: Instant) => void;
};

type Said = { readonly writes: readonly Write[]; readonly localOps: readonly JournalOp[] };

function keptOp(host: HostId, value: Uint8Array | undefined): JournalOp {
  return { table: "local", key: `${keptPrefix}${host}`, value };
}

function plain({ epoch, seq }: Version): Version {
  return { epoch, seq };
}
