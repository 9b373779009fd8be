/**
 * Endpoints on this host, from the wish to the wire and back:
 *
 *   [addresses] -> [inspect] -> [segment] -> [attach] -> [write] -> up -> [withdraw] -> gone
 *
 * The record is written only when the interface works, so nobody is told of an endpoint that is not
 * there; whatever fails before gives everything back. An endpoint whose interface vanished is made
 * again while its namespace lives, and withdrawn when that is gone. A link that somebody else moves
 * away is only looked at: its endpoint stays until it is removed.
 */
import type { Cidr, Ip, Mac } from "../base/address.ts";
import { cidrRange, familyOf, gatewayOf } from "../base/address.ts";
import type { Refusal } from "../base/errors.ts";
import type { EndpointId, Label, Name, NetworkId } from "../base/id.ts";
import type { Log } from "../base/log.ts";
import type { Instant } from "../base/time.ts";
import type { Actual, Attachment, InterfacePlace } from "../overlay/dataplane.ts";
import { bridgeName, vxlanName } from "../overlay/names.ts";
import type { JournalOp } from "../store/journal.ts";
import type { Addressing } from "./addressing.ts";
import type { Emit } from "./effect.ts";
import type { Making as PortWish } from "./landscape.ts";
import type { Places } from "./places.ts";
import { type EndpointRecord, endpointKey, endpointValue } from "./schema.ts";
import type { Network } from "./tables.ts";

/** An endpoint being made. */
export type Making = {
  readonly id: EndpointId;
  readonly network: Network;
  readonly name: Name | Label | undefined;
  readonly aliases: readonly Label[];
  /** Undefined: the one its name had lately with the same addresses, else `spareMac`. */
  readonly mac: Mac | undefined;
  readonly spareMac: Mac;
  readonly place: InterfacePlace;
  readonly owner: string | undefined;
  readonly asked: readonly Ip[];
  /** No addresses by then: refused. */
  readonly until: Instant;
  readonly done: (outcome: MakingOutcome) => void;
};

/** `made`: its record is being written, under this ticket. */
export type MakingOutcome =
  | { readonly kind: "made"; readonly ticket: number }
  | { readonly kind: "refused"; readonly refusal: Refusal };

type Job = Omit<Making, "mac"> & {
  readonly askedMac: Mac | undefined;
  mac: Mac;
  readonly since: Instant;
  stage: "addresses" | "inspect" | "segment" | "attach";
  ips: readonly Ip[];
};

/** Names whose MAC is remembered: as many as endpoints of a dense host. */
const namesKept = 4_096;

/** The endpoints of this host. */
export class Attachments {
  readonly #emit: Emit;
  readonly #log: Log;
  readonly #addressing: Addressing;
  readonly #mtu: () => number;
  readonly #vniOf: (network: NetworkId) => Attachment["vni"] | undefined;
  readonly #write: (
    key: ReturnType<typeof endpointKey>,
    value: Uint8Array | undefined,
    ops: readonly JournalOp[],
  ) => number;
  readonly #jobs = new Map<EndpointId, Job>();
  readonly #places: Places;
  /** What names had when their endpoints went, by network and name. */
  readonly #before = new Map<string, { readonly mac: Mac; readonly ips: readonly Ip[] }>();
  /** Being looked into or made again, so that one lost interface is handled once. */
  readonly #repairing = new Set<EndpointId>();
  /** Made since the kernel was last asked: what it answers may not have them yet. */
  readonly #unseen = new Set<EndpointId>();

  constructor(options: {
    readonly emit: Emit;
    readonly log: Log;
    readonly addressing: Addressing;
    readonly places: Places;
    /** MTU of endpoints on this host. */
    readonly mtu: () => number;
    readonly vniOf: (network: NetworkId) => Attachment["vni"] | undefined;
    /** Writes or removes an endpoint's record and its place together; returns the ticket. */
    readonly write: (
      key: ReturnType<typeof endpointKey>,
      value: Uint8Array | undefined,
      ops: readonly JournalOp[],
    ) => number;
  }) {
    this.#emit = options.emit;
    this.#log = options.log;
    this.#addressing = options.addressing;
    this.#places = options.places;
    this.#mtu = options.mtu;
    this.#vniOf = options.vniOf;
    this.#write = options.write;
  }

  /** Whether an endpoint is on its way to its record. */
  get isMaking(): boolean {
    return this.#jobs.size > 0;
  }

  /** Endpoints whose port belongs on the bridge although no record says so yet. */
  making(): readonly PortWish[] {
    return [...this.#jobs.values()]
      .filter(({ stage }) => stage === "segment" || stage === "attach")
      .map(({ id, network, mac, stage }) => {
        return { id, network: network.id, mac, isAttaching: stage === "attach" };
      });
  }

  make(making: Making, now: Instant): void {
    const { mac: askedMac, spareMac } = making;
    const mac = askedMac ?? spareMac;
    const job: Job = { ...making, askedMac, mac, since: now, stage: "addresses", ips: [] };
    this.#jobs.set(making.id, job);
    this.#seekAddresses(job, now);
  }

  /** New addresses may have come, or none will: tries all who wait again. */
  retry(now: Instant): void {
    for (const job of [...this.#jobs.values()]) {
      if (job.stage === "addresses") this.#seekAddresses(job, now);
      if (job.stage === "segment" && now >= job.until) this.#fail(job, unbuilt(job.network));
    }
  }

  /** The kernel holds what is wanted: whose bridge was missing can be attached. */
  segmentsReady(conflicts: Actual["conflicts"]): void {
    const foreign = new Map(conflicts.map(({ device, reason }) => [device, reason]));
    for (const job of [...this.#jobs.values()]) {
      if (job.stage !== "segment") continue;
      const vni = this.#vniOf(job.network.id);
      const taken = vni && [bridgeName(vni), vxlanName(vni)].find((device) => foreign.has(device));
      if (taken !== undefined) {
        this.#fail(job, blocked(taken));
        continue;
      }
      job.stage = "attach";
      const attachment = this.#attachment(job, job.ips, job.place);
      if (attachment === undefined) this.#fail(job, gone(job.network));
      else this.#emit({ kind: "attach", attachment });
    }
  }

  /** Returns whether it was an interface that somebody had taken away. */
  attached(
    id: EndpointId,
    outcome: { readonly netnsInode: number | undefined } | { readonly refusal: Refusal },
  ): boolean {
    const job = this.#jobs.get(id);
    if (job === undefined) return this.#repaired(id, outcome);
    if ("refusal" in outcome) this.#fail(job, outcome.refusal);
    else this.#record(job, outcome.netnsInode);
    return false;
  }

  /** The record is in the table now, so its port is wanted because of it. */
  recorded(id: EndpointId): void {
    if (this.#jobs.delete(id)) this.#unseen.add(id);
  }

  /**
   * An endpoint of ours has gone. One that comes back under its name with its addresses must have
   * its MAC as well: others remember for a while which MAC an address had.
   */
  gone({ id, network, name, mac, ips }: EndpointRecord & { readonly id?: EndpointId }): void {
    if (id !== undefined) {
      this.#places.delete(id);
      this.#unseen.delete(id);
    }
    if (name === undefined) return;
    const key = `${network} ${name}`;
    this.#before.delete(key);
    this.#before.set(key, { mac, ips });
    for (const oldest of this.#before.keys()) {
      if (this.#before.size <= namesKept) break;
      this.#before.delete(oldest);
    }
  }

  /** The write of a made endpoint did not reach the disk: its port goes again. */
  unrecorded(id: EndpointId): void {
    const job = this.#jobs.get(id);
    this.#jobs.delete(id);
    this.#places.delete(id);
    if (job !== undefined) this.#addressing.release({ network: job.network.id, ips: job.ips });
  }

  /**
   * Takes the endpoint's record back; the port goes because nothing wants it any more. Returns the
   * ticket.
   */
  withdraw(id: EndpointId): number {
    this.#repairing.delete(id);
    const ops = [this.#places.removal(id), ...this.#addressing.restOps(id)];
    return this.#write(endpointKey(id), undefined, ops);
  }

  /** The kernel is being asked what it holds. */
  looking(): void {
    this.#unseen.clear();
  }

  /** After a dump: which of our endpoints have lost their interface? */
  compare(actual: Actual, endpoints: Iterable<EndpointId>): void {
    for (const endpoint of endpoints) {
      const place = this.#places.get(endpoint);
      const isThere = actual.ports.has(endpoint);
      if (!isThere && this.#unseen.has(endpoint)) continue;
      if (place?.kind === "link") this.#places.noteMissing(endpoint, !isThere);
      if (isThere || place?.kind === "link" || this.#repairing.has(endpoint)) continue;
      this.#repairing.add(endpoint);
      if (place === undefined) this.withdraw(endpoint);
      else this.#emit({ kind: "inspect", endpoint, netns: place.netns });
    }
  }

  /** What is at the place where an endpoint is to be made. False where none is being made. */
  found(id: EndpointId, inode: number | undefined): boolean {
    const job = this.#jobs.get(id);
    if (job === undefined) return false;
    if (inode === undefined) this.#fail(job, missing(job.place));
    else if (job.stage === "inspect") job.stage = "segment";
    return true;
  }

  /** What is at the place of an endpoint without interface. Makes it again, or withdraws it. */
  inspected(
    record: EndpointRecord & { readonly id: EndpointId },
    network: Network | undefined,
    inode: number | undefined,
  ): void {
    const place = this.#places.get(record.id);
    if (place?.kind !== "netns" || network === undefined) {
      this.#repairing.delete(record.id);
      return;
    }
    const attachment = this.#attachment({ ...record, network }, record.ips, place);
    if (inode === place.netnsInode && attachment !== undefined) {
      this.#emit({ kind: "attach", attachment });
      return;
    }
    this.#log.info("endpoint withdrawn: its namespace is gone", {
      endpoint: record.id,
      path: place.netns,
    });
    this.withdraw(record.id);
  }

  #repaired(
    id: EndpointId,
    outcome: { readonly netnsInode: number | undefined } | { readonly refusal: Refusal },
  ): boolean {
    this.#repairing.delete(id);
    if ("refusal" in outcome) {
      this.#log.warn("cannot make an interface again", {
        endpoint: id,
        reason: outcome.refusal.message,
      });
      return false;
    }
    this.#log.info("interface made again", { endpoint: id });
    return true;
  }

  #macBefore({ network, name, ips }: Job): Mac | undefined {
    const before = this.#before.get(`${network.id} ${name}`);
    const isSame = before?.ips.length === ips.length && ips.every((ip) => before.ips.includes(ip));
    return isSame ? before?.mac : undefined;
  }

  #seekAddresses(job: Job, now: Instant): void {
    const { id, name, network, asked } = job;
    const outcome = this.#addressing.allocate({
      endpoint: id,
      name,
      network: network.id,
      asked,
      since: job.since,
      now,
    });
    if (outcome.kind === "refused") this.#fail(job, outcome.refusal);
    else if (outcome.kind === "allocated") {
      job.ips = outcome.ips;
      job.mac = job.askedMac ?? this.#macBefore(job) ?? job.spareMac;
      // Nothing is built in the kernel for a namespace that is not there.
      const { place } = job;
      job.stage = place.kind === "netns" ? "inspect" : "segment";
      if (place.kind === "netns") this.#emit({ kind: "inspect", endpoint: id, netns: place.netns });
    } else if (now >= job.until) this.#fail(job, outcome.refusal);
  }

  #record(job: Job, netnsInode: number | undefined): void {
    const { id, network, name, aliases, mac, ips, place, owner } = job;
    const record = endpointValue({ network: network.id, name, aliases, mac, ips });
    const inode = netnsInode ?? 0;
    const whole = place.kind === "link" ? place : { ...place, netnsInode: inode };
    const op = this.#places.set(id, { ...whole, owner });
    const ticket = this.#write(endpointKey(id), record, [op]);
    job.done({ kind: "made", ticket });
  }

  #fail(job: Job, refusal: Refusal): void {
    this.#jobs.delete(job.id);
    this.#addressing.release({ network: job.network.id, ips: job.ips });
    job.done({ kind: "refused", refusal });
  }

  #attachment(
    endpoint: { readonly id: EndpointId; readonly network: Network; readonly mac: Mac },
    ips: readonly Ip[],
    place: InterfacePlace,
  ): Attachment | undefined {
    const { id, network, mac } = endpoint;
    const vni = this.#vniOf(network.id);
    if (vni === undefined) return undefined;
    const addresses = ips.map((ip) => `${ip}/${prefixFor(ip, network.subnets)}`);
    const gateways = network.subnets.map(gatewayOf);
    return { endpoint: id, vni, place, mac, addresses, gateways, mtu: this.#mtu() };
  }
}

/** Prefix length of the subnet an address is of. */
export function prefixFor(ip: Ip, subnets: readonly Cidr[]): number {
  const subnet = subnets.find((cidr) => familyOf(cidr) === familyOf(ip));
  return subnet === undefined ? 128 : cidrRange(subnet).prefix;
}

function gone(network: Network): Refusal {
  return { code: "UNKNOWN_NETWORK", message: `network ${network.name} was removed meanwhile` };
}

function blocked(device: string): Refusal {
  const message = `the interface ${device} exists and is not Starling's; rename or remove it`;
  return { code: "DATAPLANE_REFUSED", message };
}

function unbuilt(network: Network): Refusal {
  const message = `the kernel refuses the devices of network ${network.name}; "starling status" says why`;
  return { code: "DATAPLANE_REFUSED", message };
}

function missing(place: InterfacePlace): Refusal {
  const what = place.kind === "netns" ? place.netns : place.link;
  return { code: "NETNS_MISSING", message: `there is no network namespace ${what}` };
}
