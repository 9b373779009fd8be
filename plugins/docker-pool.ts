/**
 * What Docker's addresses come from. Docker asks for a pool before it says anything of the network,
 * and by its options only, so there are two kinds:
 *
 *   --subnet or --ipam-opt starling.network=web    the network's subnet itself
 *   neither                                        a stand-in, 240.x.y.0/24: Docker needs one to
 *                                                  show, while addresses come from the network
 *
 * Docker refuses a pool that overlaps a route of the host, and asks again with the refused one
 * still held: it then gets a stand-in too, since the route may be ours, of the network's bridge.
 */
import {
  type Cidr,
  cidrContains,
  cidrRange,
  cidrsOverlap,
  familyOf,
  gatewayOf,
  type Ip,
  parseCidr,
} from "../base/address.ts";
import type { Random } from "../base/random.ts";
import type { Body } from "./docker-bodies.ts";
import type { Candidate } from "./docker-network.ts";

/** Reserved for ever (RFC 1112), so nobody has routes there. */
const standIns = "240.0.0.0/8" as Cidr;
const standInsOfV6 = "100:0:0:1::/64" as Cidr;

/** Whether a pool stands in for a subnet that Docker does not know. */
export function isProvisional(pool: Cidr): boolean {
  return [standIns, standInsOfV6].some((all) => cidrsOverlap(all, pool));
}

/** A pool, or why there is none. */
export type PoolAnswer =
  | { readonly kind: "pool"; readonly pool: Cidr; readonly gateway: string }
  | { readonly kind: "refused"; readonly reason: string };

/** The pools that were handed out and belong to no network yet. */
export class Pools {
  readonly #random: Random;
  /** The network that was named, if one was. */
  readonly #held = new Map<Cidr, string | undefined>();
  readonly #max: number;

  constructor(random: Random, max: number) {
    this.#random = random;
    this.#max = max;
  }

  /** The network that was named when the pool was asked for. */
  named(pool: Cidr): string | undefined {
    return this.#held.get(pool);
  }

  /** It has a network now, or nobody wants it any more. */
  settle(pool: Cidr): void {
    this.#held.delete(pool);
  }

  /** `name`: what the pool's options name. */
  request(
    { Pool, SubPool, V6 }: Body<"RequestPool">,
    name: string | undefined,
    networks: readonly Candidate[],
  ): PoolAnswer {
    if (SubPool !== "")
      return refused("--ip-range is not needed: hosts share the subnet's addresses");
    const known = networks.find((each) => each.name === name && each.conflict === undefined);
    const family = V6 ? 6 : 4;
    if (Pool !== undefined) {
      const fault = subnetFault(Pool, name, known, networks);
      return fault === undefined ? this.#hold(Pool, name) : refused(fault);
    }
    const own = known?.subnets.find((subnet) => familyOf(subnet) === family);
    if (name !== undefined && known === undefined)
      return refused(`there is no network ${name}: give --subnet to make it`);
    if (own !== undefined && !this.#held.has(own)) return this.#hold(own, name);
    return this.#hold(this.#standIn(V6), name);
  }

  #hold(pool: Cidr, name: string | undefined): PoolAnswer {
    this.#held.delete(pool);
    this.#held.set(pool, name);
    for (const oldest of this.#held.keys()) {
      if (this.#held.size <= this.#max) break;
      this.#held.delete(oldest);
    }
    return { kind: "pool", pool, gateway: gatewayWithPrefix(pool) };
  }

  /** At 65,536 of them, two do not meet; where they do, Docker refuses the later one. */
  #standIn(isV6: boolean): Cidr {
    const [a = 0, b = 0] = this.#random.bytes(2);
    const text = isV6 ? `100:0:0:1:${a.toString(16)}:${b.toString(16)}::/96` : `240.${a}.${b}.0/24`;
    return parseCidr(text) as Cidr;
  }
}

/** `10.32.0.1/16`: the same on every host. */
export function gatewayWithPrefix(pool: Cidr): string {
  return `${gatewayOf(pool)}/${cidrRange(pool).prefix}`;
}

/** Why a pool has not this gateway. */
export function gatewayFault(pool: Cidr, asked: Ip | undefined): string | undefined {
  const gateway = gatewayOf(pool);
  if (asked === undefined || asked === gateway) return undefined;
  const where = cidrContains(pool, asked) ? "" : `, and ${asked} is outside`;
  return `the gateway of ${pool} is ${gateway} on every host${where}: leave --gateway ${asked} out`;
}

function subnetFault(
  pool: Cidr,
  name: string | undefined,
  known: Candidate | undefined,
  networks: readonly Candidate[],
): string | undefined {
  if (known !== undefined && !known.subnets.includes(pool))
    return `network ${known.name} has subnet ${known.subnets.join(" and ")}, not ${pool}`;
  const clash = networks.find(({ subnets }) =>
    subnets.some((subnet) => subnet !== pool && cidrsOverlap(subnet, pool)),
  );
  if (clash === undefined) return undefined;
  const has = `${clash.subnets.join(" and ")} of network ${clash.name}`;
  return `${pool} overlaps ${has}: give --subnet ${clash.subnets[0]} to attach to it, or another for ${name ?? "a new one"}`;
}

function refused(reason: string): PoolAnswer {
  return { kind: "refused", reason };
}
