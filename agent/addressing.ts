/**
 * Which address each endpoint here gets. The machines of ipam decide; here records become their
 * input, and grants and questions their output. A question is answered by a record (the grant) or
 * by a denial; an answer that got lost is asked for again under the same name.
 */
import { cidrContains, type Family, familyOf, type Ip } from "../base/address.ts";
import { encode } from "../base/codec.ts";
import type { Refusal } from "../base/errors.ts";
import type { EndpointId, HostId, Label, Name, NetworkId } from "../base/id.ts";
import type { Log } from "../base/log.ts";
import type { Random } from "../base/random.ts";
import type { Instant } from "../base/time.ts";
import {
  type AddressRequest,
  Allocator,
  type AllocatorOptions,
  type Donation,
} from "../ipam/allocator.ts";
import type { Ask } from "../ipam/asks.ts";
import { type DonationRequest, shareAtCreation } from "../ipam/donation.ts";
import type { Grant, Holding } from "../ipam/grant.ts";
import { type RangeState, sharesOf } from "../ipam/inventory.ts";
import type { Ledger } from "../ipam/ledger.ts";
import { outside } from "../ipam/refusals.ts";
import type { Surroundings } from "../ipam/surroundings.ts";
import type { JournalOp } from "../store/journal.ts";
import type { Write } from "../store/writer.ts";
import { Bequests } from "./bequests.ts";
import { limits } from "./config.ts";
import type { Emit } from "./effect.ts";
import type { Envelope } from "./envelope.ts";
import { Reservations } from "./reservations.ts";
import { Rests, restIn, restOf } from "./rests.ts";
import { bequestKey, type EndpointRecord, grantKey } from "./schema.ts";
import { subnetView } from "./subnet-view.ts";
import { surroundingsOf } from "./surroundings.ts";
import type { Endpoint, Network, TableChange, Tables } from "./tables.ts";
import type { SubnetView } from "./view.ts";

/** The allocator's options, and our own. */
export type AddressingOptions = AllocatorOptions & {
  /** Between looks at whether we run dry. */
  readonly prefetchMs: number;
  /** How long an address is held for an endpoint that is not yet asked for. */
  readonly reservationMs: number;
};

/** What a wish for addresses comes to. */
export type Addresses =
  | { readonly kind: "allocated"; readonly ips: readonly Ip[] }
  /** Others have been asked; `refusal` is what to say if they do not answer. */
  | { readonly kind: "waiting"; readonly refusal: Refusal }
  | { readonly kind: "refused"; readonly refusal: Refusal };

/** An endpoint's wish for addresses. */
export type AddressWish = {
  readonly endpoint: EndpointId;
  /** Under the same name soon after, an endpoint gets its addresses back. */
  readonly name: Name | Label | undefined;
  readonly network: NetworkId;
  readonly asked: readonly Ip[];
  readonly since: Instant;
  readonly now: Instant;
};

/** A wish for an address of one family that is to be held. */
export type HoldWish = {
  readonly network: NetworkId;
  readonly family: Family;
  /** Undefined: any. */
  readonly ip: Ip | undefined;
  readonly holder: string;
  readonly since: Instant;
  readonly now: Instant;
};

/** Addresses, as the agent's other parts see them. */
export class Addressing {
  readonly #self: HostId;
  readonly #tables: Tables;
  readonly #emit: Emit;
  readonly #log: Log;
  readonly #options: AddressingOptions;
  readonly #write: (writes: readonly Write[]) => void;
  readonly #surroundings: Surroundings;
  readonly #ledger: Ledger;
  readonly #bequests: Bequests;
  readonly #mayAllocate: () => Refusal | undefined;
  readonly #allocator: Allocator;
  readonly #reservations = new Reservations();
  readonly #rests = new Rests();
  #prefetchAt: Instant = 0;

  constructor(options: {
    readonly self: HostId;
    readonly tables: Tables;
    readonly random: Random;
    readonly emit: Emit;
    readonly log: Log;
    readonly options: AddressingOptions;
    readonly write: (writes: readonly Write[]) => void;
    readonly ledger: Ledger;
    /** Whether a host can be asked. */
    readonly isReachable: (host: HostId) => boolean;
    /** Whether a grant came after its giver's retirement. */
    readonly isHeldBack: (grant: Grant) => boolean;
    /** Why this host hands out nothing for now, if it does not. */
    readonly mayAllocate: () => Refusal | undefined;
  }) {
    this.#self = options.self;
    this.#tables = options.tables;
    this.#emit = options.emit;
    this.#log = options.log;
    this.#options = options.options;
    this.#write = options.write;
    this.#ledger = options.ledger;
    this.#bequests = new Bequests(options.ledger, options.tables.retirements);
    this.#mayAllocate = options.mayAllocate;
    this.#surroundings = surroundingsOf(options);
    this.#allocator = new Allocator({
      self: options.self,
      ledger: this.#ledger,
      surroundings: this.#surroundings,
      random: options.random,
      options: options.options,
    });
  }

  /**
   * One address of each subnet: those asked for where given, else any. Reserved until recorded or
   * released.
   */
  allocate(want: AddressWish): Addresses {
    const subnets = this.#tables.networks.get(want.network)?.subnets ?? [];
    const lost = want.asked.find((ip) => !subnets.some((subnet) => cidrContains(subnet, ip)));
    if (lost !== undefined) return { kind: "refused", refusal: outside(lost, subnets) };
    const obstacle = this.#obstacle();
    if (obstacle !== undefined) return obstacle;
    const { network, since, now } = want;
    const key = want.name ?? want.endpoint;
    const ips: Ip[] = [];
    for (const subnet of subnets) {
      const ip = want.asked.find((asked) => familyOf(asked) === familyOf(subnet));
      const one =
        ip !== undefined && this.#reservations.end(network, ip)
          ? this.#takeOver(network, ip, key)
          : this.#one({ network, subnet, key, ip, mayRest: false, since }, now);
      if (typeof one !== "string") {
        this.release({ network: want.network, ips });
        return one;
      }
      ips.push(one);
    }
    return { kind: "allocated", ips };
  }

  /** Holds an address for a while; one that is held for the same holder, for longer. */
  hold(want: HoldWish): Addresses {
    const { network, family, ip, holder, since, now } = want;
    const { subnets = [], name } = this.#tables.networks.get(network) ?? {};
    const subnet = subnets.find((each) => familyOf(each) === family);
    if (subnet === undefined) return refused("BAD_REQUEST", `${name} has no IPv${family} subnet`);
    const isMore = ip !== undefined && this.#reservations.holderOf(network, ip) === holder;
    const obstacle = isMore ? undefined : this.#obstacle();
    if (obstacle !== undefined) return obstacle;
    if (!isMore && this.#reservations.size >= limits.reservations)
      return refused("LIMIT_REACHED", `${limits.reservations} addresses are held already`);
    const request = { network, subnet, key: holder, ip, mayRest: true, since };
    const one = isMore ? ip : this.#one(request, now);
    if (typeof one !== "string") return one;
    const until = now + this.#options.reservationMs;
    this.#reservations.hold({ network, ip: one, holder, until });
    return { kind: "allocated", ips: [one] };
  }

  /** An address is held no more, if it was. */
  endHold(network: NetworkId, ip: Ip): void {
    if (this.#reservations.end(network, ip)) this.release({ network, ips: [ip] });
  }

  /** For whom an address is held. */
  holderOf(network: NetworkId, ip: Ip): string | undefined {
    return this.#reservations.holderOf(network, ip);
  }

  /** Nothing came of the endpoint. */
  release({ network, ips }: { readonly network: NetworkId; readonly ips: readonly Ip[] }): void {
    for (const ip of ips) this.#allocator.giveBack(network, ip);
  }

  /** What a new network's creator hands out at once. */
  shares(network: Network, alive: readonly HostId[]): Write[] {
    const staying = alive.filter((host) => {
      const stays = this.#tables.hosts.get(host)?.standing === undefined;
      return stays && !this.#surroundings.isFrozen(host);
    });
    return shareAtCreation(network, staying).map(writeOf);
  }

  freeHere(network: NetworkId): number {
    const [first] = this.#tables.networks.get(network)?.subnets ?? [];
    if (first === undefined) return 0;
    const counts = this.#allocator.freeCounts(network, familyOf(first));
    return counts.find(({ host }) => host === this.#self)?.free ?? 0;
  }

  /** What the journal must know of an endpoint that goes, so that its addresses rest. */
  restOps(id: EndpointId): JournalOp[] {
    const endpoint = this.#tables.endpoints.get(id);
    return endpoint === undefined ? [] : [restOf(id, endpoint)];
  }

  /**
   * What the journal held: the endpoint that had gone, whose addresses rest anew, for nobody knows
   * how long the agent was away. Undefined where the row is none of ours, or makes no sense.
   */
  restore(key: string, value: Uint8Array, now: Instant): EndpointRecord | undefined {
    const rest = restIn(key, value);
    if (rest === undefined) return undefined;
    const { network, name, ips } = rest.record;
    for (const ip of ips) this.#allocator.rest(network, ip, name ?? rest.id, now);
    this.#rests.begin(rest.id, now + this.#options.restMs);
    return rest.record;
  }

  /** Each subnet's addresses by host. */
  view(networks: readonly Network[]): SubnetView[] {
    const tables = this.#tables;
    return networks.flatMap((network) => {
      const endpoints = [...tables.endpointsOf(network.id).values()];
      const used = endpoints.flatMap(({ ips }) => ips);
      const resting = this.#allocator.resting(network.id);
      const stateOf = (holding: Holding) => this.#stateOf(holding);
      const holdings = this.#ledger.holdings(network.id);
      return network.subnets.map((subnet) =>
        subnetView(network, subnet, {
          shares: sharesOf({ subnet, holdings, used, resting, stateOf }),
          nameOf: this.#surroundings.hostName,
        }),
      );
    });
  }

  #stateOf({ owner, grant }: Holding): RangeState {
    const { isFrozen, isHeldBack, isReachable } = this.#surroundings;
    if (isFrozen(owner)) return "frozen";
    if (owner !== this.#self) return isReachable(owner) ? "reachable" : "unreachable";
    if (this.#mayAllocate() !== undefined) return "frozen";
    return grant !== undefined && isHeldBack(grant) ? "frozen" : "ours";
  }

  notice(change: TableChange, now: Instant): void {
    switch (change.kind) {
      case "network":
        if (change.after !== undefined) this.#ledger.setNetwork(change.after);
        else if (change.before !== undefined) this.#networkGone(change.before.id);
        break;
      case "grant":
        this.#noticeGrant(change.grant, change.isAdded);
        break;
      case "endpoint":
        this.#noticeOwn(change.before, change.after, now);
        break;
      case "out":
        this.#bequests.judge(change.host);
        break;
      case "host":
      case "removal":
      case "appointment":
        break;
    }
  }

  /** Another host asks for addresses. */
  asked(from: HostId, ask: Extract<Envelope, { kind: "ask" }>): void {
    const { network, request, size, family, ip } = ask;
    const donation = this.#donate({ network, from, request, size, family, ip });
    if (donation.kind === "denied") {
      const { reason } = donation;
      this.#emit({ kind: "send", to: from, message: { kind: "deny", network, request, reason } });
    } else if (donation.isNew) {
      const { grant } = donation;
      this.#log.info("addresses granted", { host: from, network, address: grant.block });
      this.#write([writeOf(grant)]);
    }
  }

  #donate(request: DonationRequest): Donation {
    const obstacle = this.#mayAllocate();
    if (obstacle !== undefined) return { kind: "denied", reason: obstacle.message };
    if (!this.#tables.isShown(request.network))
      return { kind: "denied", reason: "the network is not known here" };
    return this.#allocator.donate(request);
  }

  denied(from: HostId, { request, reason }: Extract<Envelope, { kind: "deny" }>, now: Instant) {
    this.#allocator.denied(from, request, reason, now);
  }

  tick(now: Instant): void {
    for (const { network, ip } of this.#reservations.expire(now))
      this.release({ network, ips: [ip] });
    this.#allocator.tick(now);
    const over = this.#rests.end(now);
    if (over.length > 0) this.#emit({ kind: "keep", ops: over });
    if (now < this.#prefetchAt || this.#mayAllocate() !== undefined) return;
    this.#prefetchAt = now + this.#options.prefetchMs;
    const own = this.#tables.endpointsOn(this.#self).values();
    for (const network of new Set(own.map((endpoint) => endpoint.network))) {
      for (const subnet of this.#tables.networks.get(network)?.subnets ?? [])
        this.#send(this.#allocator.prefetch(network, subnet, now));
    }
  }

  #obstacle(): Exclude<Addresses, { kind: "allocated" }> | undefined {
    const refusal = this.#mayAllocate();
    if (refusal === undefined) return undefined;
    const isForGood = refusal.code === "NOT_PERMITTED";
    return { kind: isForGood ? "refused" : "waiting", refusal };
  }

  /** The endpoint for which it was held is here. */
  #takeOver(network: NetworkId, ip: Ip, key: string): Ip {
    this.#allocator.use(network, ip, key);
    return ip;
  }

  #one(want: AddressRequest, now: Instant): Ip | Exclude<Addresses, { kind: "allocated" }> {
    const outcome = this.#allocator.allocate(want, now);
    switch (outcome.kind) {
      case "allocated":
        return outcome.ip;
      case "ask":
        this.#send(outcome.isNew ? outcome.ask : undefined);
        return { kind: "waiting", refusal: outcome.refusal };
      case "refused":
        return outcome;
    }
  }

  #send(ask: Ask | undefined): void {
    if (ask === undefined) return;
    const { to, network, request, size, family, ip } = ask;
    this.#emit({ kind: "send", to, message: { kind: "ask", network, request, size, family, ip } });
  }

  #noticeGrant(grant: Grant, isAdded: boolean): void {
    const { by } = grant;
    if (by !== undefined) return this.#bequests.notice({ ...grant, by }, isAdded);
    if (!isAdded) return this.#ledger.removeGrant(grant);
    this.#ledger.addGrant(grant);
    if (grant.to === this.#self) this.#allocator.granted(grant.request);
  }

  #noticeOwn(before: Endpoint | undefined, after: Endpoint | undefined, now: Instant): void {
    if ((after ?? before)?.host !== this.#self) return;
    if (before !== undefined && after === undefined)
      this.#rests.begin(before.id, now + this.#options.restMs);
    for (const ip of before?.ips ?? []) {
      if (before !== undefined && !after?.ips.includes(ip))
        this.#allocator.release(before.network, ip, now);
    }
    for (const ip of after?.ips ?? [])
      if (after !== undefined) this.#allocator.use(after.network, ip, after.name ?? after.id);
  }

  #networkGone(id: NetworkId): void {
    const mine = this.#ledger.grantsBy(this.#self, id);
    this.#reservations.forget(id);
    this.#ledger.removeNetwork(id);
    this.#allocator.forget(id);
    if (mine.length > 0)
      this.#write(mine.map((grant) => ({ key: keyOf(grant), value: undefined })));
  }
}

function refused(code: Refusal["code"], message: string): Addresses {
  return { kind: "refused", refusal: { code, message } };
}

function keyOf(grant: Grant): Write["key"] {
  return grant.by === undefined ? grantKey(grant) : bequestKey(grant);
}

function writeOf({ network, block, generation, to, request }: Grant): Write {
  const record = { network, block, generation, to, request };
  return { key: grantKey(record), value: encode(record) };
}
