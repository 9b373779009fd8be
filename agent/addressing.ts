/**
 * Which address each endpoint here gets. The machines of ipam decide; here records become their
 * input, and grants and questions their output. A question is answered by a record (the grant) or
 * by a denial; an answer that got lost is asked for again under the same name.
 */
import { type Cidr, cidrContains, type Family, familyOf, type Ip } from "../base/address.ts";
import { encode } from "../base/codec.ts";
import type { Refusal } from "../base/errors.ts";
import type { EndpointId, HostId, NetworkId } from "../base/id.ts";
import type { Log } from "../base/log.ts";
import type { Random } from "../base/random.ts";
import type { Instant } from "../base/time.ts";
import { blockOf } from "../ipam/block.ts";
import { donate, shareAtCreation, wantsMore } from "../ipam/donation.ts";
import { type Grant, Ledger } from "../ipam/ledger.ts";
import { Pool } from "../ipam/pool.ts";
import type { Write } from "../store/writer.ts";
import { Asking } from "./asking.ts";
import type { Emit } from "./effect.ts";
import type { Envelope } from "./envelope.ts";
import { grantKey } from "./schema.ts";
import type { Endpoint, Network, TableChange, Tables } from "./tables.ts";

export type AddressingOptions = {
  readonly askMs: number;
  readonly restMs: number;
  /** Between looks at whether we run dry, and after everybody has denied us. */
  readonly prefetchMs: number;
  readonly deniedMs: number;
  /** How many addresses to ask for at once. */
  readonly askSize: number;
};

export type Addresses =
  | { readonly kind: "allocated"; readonly ips: readonly Ip[] }
  /** Others have been asked; `refusal` is what to say if they do not answer. */
  | { readonly kind: "waiting"; readonly refusal: Refusal }
  | { readonly kind: "refused"; readonly refusal: Refusal };

export class Addressing {
  readonly #self: HostId;
  readonly #tables: Tables;
  readonly #emit: Emit;
  readonly #log: Log;
  readonly #options: AddressingOptions;
  readonly #write: (writes: readonly Write[]) => void;
  readonly #alive: () => readonly HostId[];
  readonly #ledger = new Ledger();
  readonly #pool: Pool;
  readonly #asking: Asking;
  #prefetchAt: Instant = 0;

  constructor(options: {
    readonly self: HostId;
    readonly tables: Tables;
    readonly random: Random;
    readonly emit: Emit;
    readonly log: Log;
    readonly options: AddressingOptions;
    readonly write: (writes: readonly Write[]) => void;
    /** Hosts that can be asked. */
    readonly alive: () => readonly HostId[];
  }) {
    this.#self = options.self;
    this.#tables = options.tables;
    this.#emit = options.emit;
    this.#log = options.log;
    this.#options = options.options;
    this.#write = options.write;
    this.#alive = options.alive;
    this.#pool = new Pool({ self: options.self, ledger: this.#ledger, options: options.options });
    this.#asking = new Asking({ ...options, ledger: this.#ledger });
  }

  /**
   * One address of each subnet: those asked for where given, else any. Reserved until recorded or
   * released.
   */
  allocate(want: {
    readonly endpoint: EndpointId;
    readonly network: NetworkId;
    readonly asked: readonly Ip[];
    readonly now: Instant;
  }): Addresses {
    const subnets = this.#tables.networks.get(want.network)?.subnets ?? [];
    const fault = this.#askedFault(want.network, subnets, want.asked);
    if (fault !== undefined) return { kind: "refused", refusal: fault };
    const ips: Ip[] = [];
    for (const subnet of subnets) {
      const ip = want.asked.find((asked) => familyOf(asked) === familyOf(subnet));
      const one = this.#one({ ...want, subnet, ip });
      if (typeof one !== "string") {
        for (const given of ips) this.#pool.giveBack(want.network, given);
        return one;
      }
      ips.push(one);
    }
    return { kind: "allocated", ips };
  }

  /** Nothing came of the endpoint. */
  release({ network, ips }: { readonly network: NetworkId; readonly ips: readonly Ip[] }): void {
    for (const ip of ips) this.#pool.giveBack(network, ip);
  }

  /** What a new network's creator hands out at once. */
  shares(network: Network, alive: readonly HostId[]): Write[] {
    return shareAtCreation(network, alive).map(writeOf);
  }

  freeHere(network: NetworkId): number {
    const [first] = this.#tables.networks.get(network)?.subnets ?? [];
    return first === undefined ? 0 : this.#pool.free(network, familyOf(first));
  }

  notice(change: TableChange, now: Instant): void {
    switch (change.kind) {
      case "network":
        if (change.after !== undefined) this.#ledger.setNetwork(change.after);
        else if (change.before !== undefined) this.#networkGone(change.before.id);
        break;
      case "grant":
        if (change.isAdded) this.#ledger.addGrant(change.grant);
        else this.#ledger.removeGrant(change.grant);
        break;
      case "endpoint":
        this.#noticeOwn(change.before, change.after, now);
        break;
      case "host":
      case "removal":
        break;
    }
  }

  /** Another host asks for addresses. */
  asked(from: HostId, ask: Extract<Envelope, { kind: "ask" }>): void {
    const { network, request, size, family, ip } = ask;
    const grant = this.#tables.isShown(network)
      ? donate(
          { network, from, request, size, family, ip },
          {
            holdings: this.#pool.holdings(network),
            given: this.#ledger.grantsBy(this.#self, network),
            busy: [...this.#pool.busy(network), ...this.#pool.unusable(network)],
          },
        )
      : undefined;
    if (grant === undefined) {
      const reason = ip === undefined ? "nothing to spare" : `${ip} is in use or not ours`;
      this.#emit({ kind: "send", to: from, message: { kind: "deny", network, request, reason } });
      return;
    }
    if (this.#ledger.grantsBy(this.#self, network).some(({ request: known }) => known === request))
      return;
    this.#log.info("addresses granted", { host: from, network, address: grant.block });
    this.#pool.give(network, blockOf(grant.block));
    this.#write([writeOf(grant)]);
  }

  denied(from: HostId, deny: Extract<Envelope, { kind: "deny" }>): void {
    this.#asking.denied(from, deny.request);
  }

  tick(now: Instant): void {
    this.#pool.tick(now);
    this.#asking.tick(now);
    if (now < this.#prefetchAt) return;
    this.#prefetchAt = now + this.#options.prefetchMs;
    for (const id of new Set(
      [...this.#tables.endpointsOn(this.#self).values()].map((own) => own.network),
    )) {
      for (const subnet of this.#tables.networks.get(id)?.subnets ?? [])
        this.#prefetch(id, subnet, now);
    }
  }

  #one(want: {
    readonly endpoint: EndpointId;
    readonly network: NetworkId;
    readonly subnet: Cidr;
    readonly ip: Ip | undefined;
    readonly now: Instant;
  }): Ip | Exclude<Addresses, { kind: "allocated" }> {
    const { network, subnet, ip, now } = want;
    const outcome = this.#pool.allocate(network, want, now);
    switch (outcome.kind) {
      case "allocated":
        return outcome.ip;
      case "outside":
        return { kind: "refused", refusal: outside(ip ?? subnet, [subnet]) };
      case "taken":
        return {
          kind: "refused",
          refusal: taken(
            String(ip),
            outcome.holder ?? "an endpoint removed less than a minute ago",
          ),
        };
      case "foreign":
      case "empty":
        return this.#askOthers(network, familyOf(subnet), ip, now);
    }
  }

  #askOthers(
    network: NetworkId,
    family: Family,
    ip: Ip | undefined,
    now: Instant,
  ): Exclude<Addresses, { kind: "allocated" }> {
    const refusal = this.#exhausted(network, ip);
    const isOpen = this.#asking.ask({ network, family, ip, size: this.#options.askSize }, now);
    return { kind: isOpen ? "waiting" : "refused", refusal };
  }

  /** Why no address can be had, naming who holds what is free. */
  #exhausted(network: NetworkId, ip: Ip | undefined): Refusal {
    const name = this.#tables.networks.get(network)?.name ?? network;
    const hostName = (host: HostId) => this.#tables.hosts.get(host)?.name ?? host.slice(-8);
    const alive = new Set(this.#alive());
    if (ip !== undefined) {
      const owner = this.#ledger.ownerOf(network, ip)?.owner;
      const whose = owner === undefined ? "nobody known" : hostName(owner);
      const reach =
        owner === undefined || alive.has(owner)
          ? "which does not give it away"
          : "which is not reachable";
      return {
        code: "ADDRESS_TAKEN",
        message: `${ip} lies in the range of ${whose}, ${reach}; choose another, or attach it there`,
      };
    }
    const others = this.#asking
      .space(network)
      .map(
        ({ host, free }) =>
          `${hostName(host)} has ${free}${alive.has(host) ? "" : " (unreachable)"}`,
      );
    const whose = others.length === 0 ? "all are in use" : `of others, ${others.join(", ")}`;
    return {
      code: "ADDRESSES_EXHAUSTED",
      message: `no free address in network ${name} here; ${whose}`,
    };
  }

  #askedFault(
    network: NetworkId,
    subnets: readonly Cidr[],
    asked: readonly Ip[],
  ): Refusal | undefined {
    for (const ip of asked) {
      if (!subnets.some((subnet) => cidrContains(subnet, ip))) return outside(ip, subnets);
      const holder = this.#tables.holderOf(network, ip);
      if (holder !== undefined) return taken(ip, this.#describe(holder));
    }
    return undefined;
  }

  #describe({ id, name, host }: Endpoint): string {
    return `endpoint ${name ?? id} on host ${this.#tables.hosts.get(host)?.name ?? host}`;
  }

  #prefetch(network: NetworkId, subnet: Cidr, now: Instant): void {
    const family = familyOf(subnet);
    let owned = 0;
    for (const { block } of this.#pool.holdings(network)) {
      if (block.family === family) owned += Number(block.size);
    }
    if (!wantsMore(this.#pool.free(network, family), owned)) return;
    this.#asking.ask({ network, family, ip: undefined, size: this.#options.askSize }, now);
  }

  #noticeOwn(before: Endpoint | undefined, after: Endpoint | undefined, now: Instant): void {
    if ((after ?? before)?.host !== this.#self) return;
    for (const ip of before?.ips ?? []) {
      if (before !== undefined && !after?.ips.includes(ip))
        this.#pool.release(before.network, ip, now);
    }
    for (const ip of after?.ips ?? [])
      if (after !== undefined) this.#pool.use(after.network, ip, after.id);
  }

  #networkGone(id: NetworkId): void {
    const mine = this.#ledger.grantsBy(this.#self, id);
    this.#ledger.removeNetwork(id);
    this.#pool.forget(id);
    if (mine.length > 0)
      this.#write(mine.map((grant) => ({ key: grantKey(grant), value: undefined })));
  }
}

function writeOf({ network, block, generation, to, request }: Grant): Write {
  const record = { network, block, generation, to, request };
  return { key: grantKey(record), value: encode(record) };
}

function outside(what: string, subnets: readonly Cidr[]): Refusal {
  const where = subnets.join(" and ");
  return {
    code: "ADDRESS_OUTSIDE",
    message: `${what} is no endpoint's address in ${where}: it lies outside, or is the network, gateway or broadcast address`,
  };
}

function taken(ip: string, holder: string): Refusal {
  return { code: "ADDRESS_TAKEN", message: `${ip} is taken by ${holder}` };
}
