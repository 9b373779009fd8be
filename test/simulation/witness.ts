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
import type { Cidr, Mac } from "../../base/address.ts";
import { bytesEqual } from "../../base/bytes.ts";
import { decode } from "../../base/codec.ts";
import type { EndpointId, HostId } from "../../base/id.ts";
import { type Block, blockOf, overlaps } from "../../ipam/block.ts";
import { compareVersions, type Head, nothing, type Version } from "../../store/head.ts";
import type { JournalOp } from "../../store/journal.ts";
import type { RecordKey } from "../../store/record.ts";
import { Chronicle, type Lost } from "./chronicle.ts";
import type { SimulatedHost } from "./host.ts";
import { emptyView, type View, wordsOf } from "./view.ts";

/** An endpoint by its own host's durable word. */
export type Living = {
  readonly id: EndpointId;
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

/** What a witness needs to know, and whom it tells. */
export type WitnessOptions = {
  readonly now: () => number;
  readonly mark: (name: string) => void;
  /** The newest version of a host that others hold whom it could ask before it wrote again. */
  readonly known: (host: HostId) => Version;
  /** A host whose disk was lost goes on: the last writes of these rows are lost with it. */
  readonly lost: (host: HostId, rows: readonly Lost[]) => void;
};

/** A rule that was broken. */
export class Violation extends Error {}

export class Witness {
  readonly #now: () => number;
  readonly #mark: (name: string) => void;
  /** By origin and version, the row of the head that was made durable. */
  readonly #heads = new Map<string, Uint8Array>();
  /** By origin and key, every row that was made durable. */
  readonly #rows = new Map<string, Uint8Array[]>();
  readonly #chronicle = new Chronicle();
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
  /** Hosts whose disk was lost or is an older one, and that have not written since. */
  readonly #losers = new Set<HostId>();
  /** Blocks that were granted by a word that is lost: two may hold them. */
  readonly #contested: { readonly network: string; readonly block: Block }[] = [];
  readonly #options: WitnessOptions;

  constructor(options: WitnessOptions) {
    this.#options = options;
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

  /** An admin has revoked this origin, or is about to; what it said after `last` is lost. */
  revoke(host: HostId, last?: Version): void {
    this.#revoked.add(host);
    if (last !== undefined) this.#forget(host, last);
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

  /** Whether the word is lost by which somebody was given some of these addresses. */
  isContested(network: string, block: Block): boolean {
    return this.#contested.some((each) => each.network === network && overlaps(each.block, block));
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
      if (row.origin === host.id) this.#own(host, row, key, value);
      this.#see(host, key, value);
    }
    const head = this.view(host.id).heads.get(host.id);
    if (head !== undefined && !this.#losers.has(host.id))
      this.#chronicle.take(head, host.disk.rows("origins"));
    // A removal may have reached the disk although the process did not live to hear of it.
    const after = this.view(host.id).endpoints;
    for (const [id, endpoint] of before.endpoints)
      if (endpoint.host === host.id && !after.has(id)) this.#free(id);
  }

  wrote(host: SimulatedHost, all: readonly JournalOp[], isDurable: boolean): void {
    // What a refused write may have left is put right in the batch that writes it again.
    const ops = [...new Map(all.map((op) => [`${op.table} ${op.key}`, op])).values()];
    const own = isDurable ? ops.find(({ key }) => key === `${host.id} h`)?.value : undefined;
    const isAnew = own !== undefined && this.#losers.delete(host.id);
    if (isAnew) this.#goBack(host);
    for (const { table, key, value } of ops) {
      if (table !== "origins") continue;
      const row = rowOf(key);
      if (row.origin === host.id && isDurable) this.#own(host, row, key, value);
      else this.#taken(host, row, key, value);
      this.#see(host, key, value);
    }
    if (own !== undefined) this.#chronicle.take(headOf(own), ops);
    if (isAnew) this.#holdAgain(host);
  }

  /** What an old disk holds of its host's endpoints counts once the host has said so. */
  #holdAgain(host: SimulatedHost): void {
    if (this.#retired.has(host.id)) return;
    for (const [id, { goneAt, ...endpoint }] of this.view(host.id).endpoints) {
      const isHere = endpoint.host === host.id && goneAt === undefined;
      if (isHere && !this.#living.has(id)) this.#hold(id, host.id, endpoint);
    }
  }

  /** It writes again: what it cannot know of itself is lost, be it a record or its deletion. */
  #goBack(host: SimulatedHost): void {
    const known = [this.#options.known(host.id), this.view(host.id).heads.get(host.id) ?? nothing];
    const [newest = nothing] = known.toSorted((a, b) => compareVersions(b, a));
    this.#forget(host.id, newest);
  }

  /** Nobody is held to what a host has said after this version. */
  #forget(host: HostId, to: Version): void {
    const lost = this.#chronicle.goBack(host, to).map((each) => {
      return { ...each, row: rowOf(each.row).key as string };
    });
    for (const { row } of lost) {
      const [kind, id = "", address, prefix] = row.split("/");
      if (kind === "endpoint") this.#living.delete(id as EndpointId);
      if (kind === "grant" || kind === "bequest")
        this.#contested.push({ network: id, block: blockOf(`${address}/${prefix}` as Cidr) });
    }
    if (lost.length > 0 && !this.#revoked.has(host)) this.#mark("writes lost with a disk");
    this.#options.lost(host, lost);
  }

  #own(host: SimulatedHost, row: Row, key: string, value: Uint8Array | undefined): void {
    if (value === undefined) return;
    if (row.key !== undefined) return this.#ownRecord(host, row.key, key, value);
    this.#ownHead(host, value);
  }

  #ownHead(host: SimulatedHost, value: Uint8Array): void {
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
    const isOld = this.#losers.has(host.id) || !/^(endpoint|network)\//.test(key);
    const isNewLife = !isOld && this.#chronicle.isDeleted(host.id, row);
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
      if (value === undefined) return;
      view.heads.set(origin, headOf(value));
      view.headAt.set(origin, this.#now());
      return;
    }
    const [kind, id] = key.split("/") as [string, EndpointId];
    if (kind === "network") return put(view.networks, id, value !== undefined);
    const words = wordsOf(view, kind);
    if (words !== undefined) return put(words, `${id} ${origin}`, value !== undefined);
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
    if (origin === host.id && this.#speaks(origin)) this.#hold(id, origin, record);
  }

  /** Whether what is on its disk is what it says. */
  #speaks(host: HostId): boolean {
    return !this.#retired.has(host) && !this.#losers.has(host);
  }

  #hold(id: EndpointId, host: HostId, record: EndpointRecord): void {
    const { network, mac, ips } = record;
    const names = ips.map((ip) => `${network} ${ip}`);
    for (const ip of ips) {
      const name = `${network} ${ip}`;
      this.#checkRest(name, record.name ?? id, host);
      const other = this.#holders.get(name);
      const isTaken = other !== undefined && other !== id;
      if (isTaken && !this.isContested(network, blockOfIp(ip)))
        throw new Violation(`S5: ${name} is held by endpoint ${other} and by endpoint ${id}`);
      this.#holders.set(name, id);
    }
    this.#living.set(id, { id, network, mac, host, names, key: record.name ?? id });
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

/** A single address as a block. */
export function blockOfIp(ip: string): Block {
  return blockOf(`${ip}/${ip.includes(":") ? 128 : 32}` as Cidr);
}

function nameOf({ origin, epoch, seq }: Head): string {
  return `${origin} ${epoch} ${seq}`;
}

function versionText({ epoch, seq }: Version): string {
  return `(${epoch}, ${seq})`;
}
