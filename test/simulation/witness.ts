/**
 * Sees every disk of a cluster, and so knows what each origin has ever made durable and what each
 * replica has taken for it. What must never happen (reliability-security.md 4.2) is judged as it
 * happens:
 *
 *   S2  no origin makes two heads of one (epoch, seq)
 *   S3  no replica goes back, while its process lives
 *   S4  what an origin has deleted does not come back
 *   S5  no two endpoints of a network have one address at once, in any partition
 *   S6  a replica takes only what the origin itself has made durable
 */
import { timing } from "../../agent/config.ts";
import type { EndpointRecord } from "../../agent/schema.ts";
import { meaningOf } from "../../agent/schema.ts";
import type { Mac } from "../../base/address.ts";
import { bytesEqual } from "../../base/bytes.ts";
import { decode } from "../../base/codec.ts";
import type { EndpointId, HostId } from "../../base/id.ts";
import { compareVersions, type Head, type Version } from "../../store/head.ts";
import type { JournalOp } from "../../store/journal.ts";
import type { RecordKey } from "../../store/record.ts";
import type { SimulatedHost } from "./host.ts";

/** An endpoint as some host knows it. */
export type Seen = EndpointRecord & {
  readonly id: EndpointId;
  readonly host: HostId;
  /** When this host came to know it, and when it went; undefined while it is there. */
  readonly since: number;
  goneAt: number | undefined;
};

/** What one replica holds, as its disk would show it. */
export type View = {
  readonly heads: Map<HostId, Head>;
  readonly endpoints: Map<EndpointId, Seen>;
  /** Networks, and who has removed them: `network/<id>` and `removal/<id>` rows by origin. */
  readonly networks: Set<string>;
  readonly removals: Set<string>;
};

function emptyView(): View {
  return { heads: new Map(), endpoints: new Map(), networks: new Set(), removals: new Set() };
}

/** Whether the network stands, as far as this replica knows. */
export function isShown({ networks, removals }: View, id: string): boolean {
  return networks.has(id) && ![...removals].some((row) => row.startsWith(id));
}

/** An endpoint by its own host's durable word. */
export type Living = {
  readonly network: string;
  readonly mac: Mac;
  readonly host: HostId;
  /** Who gets its addresses back: its name, or nobody else. */
  readonly key: string;
  /** Network and address. */
  readonly names: readonly string[];
};

type Row = { readonly origin: HostId; readonly key: RecordKey | undefined };

const restMs = timing.addressing.restMs;

/** A rule that was broken. */
export class Violation extends Error {}

export class Witness {
  readonly #now: () => number;
  readonly #mark: (name: string) => void;
  /** By origin and version, the row of the head that was made durable. */
  readonly #heads = new Map<string, Uint8Array>();
  /** By origin and key, every row that was made durable. */
  readonly #rows = new Map<string, Uint8Array[]>();
  readonly #deleted = new Set<string>();
  readonly #views = new Map<HostId, View>();
  /** By network and address: who has it, by its own host's durable word. */
  readonly #holders = new Map<string, EndpointId>();
  readonly #retired = new Set<HostId>();
  readonly #freed = new Map<string, Living & { readonly at: number }>();
  readonly #bootedAt = new Map<HostId, number>();
  readonly #living = new Map<EndpointId, Living>();
  /** Origins that lie: nothing they sign is held against those who believe it. */
  readonly #liars = new Set<HostId>();
  /** Origins that were revoked: others go back to the last of their versions that counts. */
  readonly #revoked = new Set<HostId>();
  /** Hosts whose disk was lost or is an older one: what is on it they have not said again. */
  readonly #losers = new Set<HostId>();

  constructor(options: { readonly now: () => number; readonly mark: (name: string) => void }) {
    this.#now = options.now;
    this.#mark = options.mark;
  }

  view(host: HostId): View {
    const known = this.#views.get(host) ?? emptyView();
    this.#views.set(host, known);
    return known;
  }

  /** Whether these hosts hold the same heads of all origins but liars. */
  agree(hosts: readonly SimulatedHost[]): boolean {
    const honest = hosts.filter(({ id }) => !this.#liars.has(id));
    const texts = honest.map(({ id }) => {
      const heads = [...this.view(id).heads.values()];
      return heads
        .filter(({ origin }) => !this.#liars.has(origin))
        .map(({ origin, epoch, seq }) => `${origin} ${epoch} ${seq}`)
        .toSorted()
        .join();
    });
    return new Set(texts).size <= 1;
  }

  /** This origin will say things that are not so. */
  distrust(host: HostId): void {
    this.#liars.add(host);
  }

  /** An admin has revoked this origin, or is about to. */
  revoke(host: HostId): void {
    this.#revoked.add(host);
  }

  isRevoked(host: HostId): boolean {
    return this.#revoked.has(host);
  }

  isLiar(host: HostId): boolean {
    return this.#liars.has(host);
  }

  /** Every endpoint by its own host's durable word. */
  living(): Iterable<Living> {
    return this.#living.values();
  }

  /** The disk is gone, or an older one is back: what only it knew is nobody's any more. */
  diskLost(host: SimulatedHost): void {
    this.#losers.add(host.id);
    for (const [key, endpoint] of this.#holders)
      if (this.view(host.id).endpoints.get(endpoint)?.host === host.id) this.#holders.delete(key);
  }

  isRetired(host: HostId): boolean {
    return this.#retired.has(host);
  }

  /** Somebody forgets it: whoever gets its addresses now is right. */
  retire(host: SimulatedHost): void {
    this.#retired.add(host.id);
    for (const [id, endpoint] of this.view(host.id).endpoints)
      if (endpoint.host === host.id) this.#free(id);
  }

  /** The process starts from its disk. */
  booted(host: SimulatedHost): void {
    this.#bootedAt.set(host.id, this.#now());
    const before = this.view(host.id);
    this.#views.set(host.id, emptyView());
    for (const { key, value } of host.disk.rows("origins")) {
      const row = rowOf(key);
      if (row.origin === host.id && !this.#losers.has(host.id)) this.#own(host, row, key, value);
      this.#see(host, key, value);
    }
    this.#losers.delete(host.id);
    // A removal may have reached the disk although the process did not live to hear of it.
    const after = this.view(host.id).endpoints;
    for (const [id, endpoint] of before.endpoints)
      if (endpoint.host === host.id && !after.has(id)) this.#free(id);
  }

  wrote(host: SimulatedHost, ops: readonly JournalOp[], isDurable: boolean): void {
    for (const { table, key, value } of ops) {
      if (table !== "origins") continue;
      const row = rowOf(key);
      if (row.origin === host.id && isDurable) this.#own(host, row, key, value);
      else this.#taken(host, row, key, value);
      this.#see(host, key, value);
    }
  }

  #own(host: SimulatedHost, row: Row, key: string, value: Uint8Array | undefined): void {
    if (value === undefined) {
      this.#deleted.add(key);
      return;
    }
    if (row.key !== undefined) return this.#ownRecord(host, row.key, key, value);
    const head = headOf(value);
    const name = nameOf(head);
    const before = this.#heads.get(name);
    if (before !== undefined && !bytesEqual(before, value))
      throw new Violation(`S2: host-${host.n} made two heads of ${versionText(head)}`);
    this.#heads.set(name, value);
    const known = this.view(host.id).heads.get(host.id);
    if (known !== undefined && head.epoch > known.epoch) this.#mark("epoch raised");
  }

  #ownRecord(host: SimulatedHost, key: RecordKey, row: string, value: Uint8Array): void {
    const isNewLife = this.#deleted.has(row) && /^(endpoint|network)\//.test(key);
    if (isNewLife) throw new Violation(`S4: ${key} of host-${host.n} was deleted and is back`);
    const known = this.#rows.get(row);
    if (known?.at(-1) === value) return;
    if (known === undefined) this.#rows.set(row, [value]);
    else known.push(value);
  }

  #taken(host: SimulatedHost, row: Row, key: string, value: Uint8Array | undefined): void {
    if (value === undefined || this.#liars.has(row.origin)) return;
    if (row.key !== undefined) {
      const isGenuine = this.#rows.get(key)?.some((each) => bytesEqual(each, value)) ?? false;
      if (!isGenuine) throw new Violation(`S6: host-${host.n} took ${row.key}, never written so`);
      return;
    }
    const head = headOf(value);
    const genuine = this.#heads.get(nameOf(head));
    if (genuine === undefined || !bytesEqual(genuine, value)) {
      const what = `a head of ${versionText(head)}`;
      throw new Violation(`S6: host-${host.n} took ${what} that its origin never made durable`);
    }
    if (this.#revoked.has(row.origin)) return;
    const before = this.view(host.id).heads.get(row.origin);
    if (before !== undefined && compareVersions(head, before) < 0) {
      const way = `${versionText(before)} to ${versionText(head)}`;
      throw new Violation(`S3: host-${host.n} went back from ${way}`);
    }
  }

  #see(host: SimulatedHost, text: string, value: Uint8Array | undefined): void {
    const { origin, key } = rowOf(text);
    const view = this.view(host.id);
    if (key === undefined) {
      if (value !== undefined) view.heads.set(origin, headOf(value));
      return;
    }
    const [kind, id] = key.split("/") as [string, EndpointId];
    if (kind === "network") return put(view.networks, id, value !== undefined);
    if (kind === "removal") return put(view.removals, `${id} ${origin}`, value !== undefined);
    if (kind !== "endpoint") return;
    const known = view.endpoints.get(id);
    if (value === undefined) {
      if (known !== undefined) known.goneAt = this.#now();
      if (origin === host.id) this.#free(id);
      return;
    }
    const record = endpointOf(origin, key, value);
    if (record === undefined) return;
    const since = known?.since ?? this.#now();
    view.endpoints.set(id, { ...record, id, host: origin, since, goneAt: undefined });
    if (origin === host.id && !this.#retired.has(origin)) this.#hold(id, origin, record);
  }

  #hold(id: EndpointId, host: HostId, record: EndpointRecord): void {
    const { network, mac, ips } = record;
    const names = ips.map((ip) => `${network} ${ip}`);
    for (const name of names) {
      this.#checkRest(name, record.name ?? id, host);
      const other = this.#holders.get(name);
      if (other !== undefined && other !== id)
        throw new Violation(`S5: ${name} is held by endpoint ${other} and by endpoint ${id}`);
      this.#holders.set(name, id);
    }
    this.#living.set(id, { network, mac, host, names, key: record.name ?? id });
  }

  /** S5: who had an address lately may still be talked to at it; only who has its name gets it. */
  #checkRest(name: string, key: string, host: HostId): void {
    const freed = this.#freed.get(name);
    if (freed === undefined || freed.key === key) return;
    const isYoung = this.#now() - freed.at < restMs && freed.at > (this.#bootedAt.get(host) ?? 0);
    if (isYoung && freed.host === host)
      throw new Violation(`S5: ${name} was given to another before it had rested`);
  }

  #free(id: EndpointId): void {
    const living = this.#living.get(id);
    for (const name of living?.names ?? []) {
      if (living !== undefined) this.#freed.set(name, { ...living, at: this.#now() });
    }
    for (const name of living?.names ?? [])
      if (this.#holders.get(name) === id) this.#holders.delete(name);
    this.#living.delete(id);
  }
}

function put(set: Set<string>, item: string, isThere: boolean): void {
  if (isThere) set.add(item);
  else set.delete(item);
}

function rowOf(text: string): Row {
  const [origin, kind, key] = text.split(" ");
  return {
    origin: origin as HostId,
    key: kind === "h" ? undefined : (key as RecordKey),
  };
}

function endpointOf(origin: HostId, key: RecordKey, value: Uint8Array): EndpointRecord | undefined {
  const [, record] = decode(value, value.length) as [number, Uint8Array];
  const meaning = meaningOf(origin, key, record);
  return meaning?.kind === "endpoint" ? meaning.record : undefined;
}

function headOf(value: Uint8Array): Head {
  return decode(value, value.length) as Head;
}

function nameOf({ origin, epoch, seq }: Head): string {
  return `${origin} ${epoch} ${seq}`;
}

function versionText({ epoch, seq }: Version): string {
  return `(${epoch}, ${seq})`;
}
