/**
 * A network of this host's Docker, and which network of the cluster it stands for. Docker names
 * neither in its calls: a network is asked for by option (`-o starling.network=web`), else by the
 * subnet's options, else by the name under which Docker's events tell of it.
 *
 *   created by Docker --> [nameless] --name known--> [wanted] --exists, or made--> [bound]
 *                             ^                                      |  nobody of ours in it, and
 *                             |______________________________________|  the name is another's
 */
import * as v from "valibot";
import { type Cidr, cidrsOverlap, parseCidr } from "../base/address.ts";
import { decode, encode } from "../base/codec.ts";
import { type Name, type NetworkId, parseName, parseNetworkId } from "../base/id.ts";
import { branded } from "../base/schema.ts";
import type { Body } from "./docker-bodies.ts";
import { isProvisional } from "./docker-pool.ts";

/** The option that names the network, of networks and of pools. */
export const networkOption = "starling.network";

/** What Docker asked for, and what became of it. */
export type DockerNetwork = {
  /** Docker's id of it. */
  readonly id: string;
  /** By option. */
  readonly asked: Name | undefined;
  /** By Docker, as its events say. */
  readonly called: string | undefined;
  /** What addresses are asked from: subnets of the network, or stand-ins for them. */
  readonly pools: readonly Cidr[];
  readonly isInternal: boolean;
  /** The network it stands for. */
  readonly network: NetworkId | undefined;
};

/** A network of the cluster, as far as it matters here. */
export type Candidate = {
  readonly id: NetworkId;
  readonly name: string;
  readonly subnets: readonly Cidr[];
  /** Set where another network has its name. */
  readonly conflict: string | undefined;
};

/** Which network of the cluster is meant. */
export type Meant =
  | { readonly kind: "known"; readonly network: Candidate }
  | { readonly kind: "absent"; readonly name: Name; readonly subnets: readonly Cidr[] }
  /** Docker has not said yet what it calls the network. */
  | { readonly kind: "nameless" }
  | { readonly kind: "refused"; readonly reason: string };

/** Its subnets, where it was given any. */
export function subnetsOf({ pools }: Pick<DockerNetwork, "pools">): Cidr[] {
  return pools.filter((pool) => !isProvisional(pool));
}

/** What `docker network create` asked for, or why it cannot be had. */
export function readWish(
  body: Body<"CreateNetwork">,
): { readonly network: DockerNetwork } | { readonly reason: string } {
  const given = body.Options["com.docker.network.generic"] ?? {};
  const options = v.safeParse(v.record(v.string(), v.unknown()), given);
  if (!options.success) return { reason: "the network's options are malformed" };
  const unknown = Object.keys(options.output).find((option) => option !== networkOption);
  if (unknown !== undefined) {
    const shown = JSON.stringify(unknown.slice(0, 64));
    return { reason: `unknown option ${shown}; Starling's only one is -o ${networkOption}=NAME` };
  }
  const name = options.output[networkOption];
  const asked = typeof name === "string" ? parseName(name) : undefined;
  if (name !== undefined && asked === undefined) return { reason: malformedName(name) };
  const reason = poolFault(body);
  if (reason !== undefined) return { reason };
  const pools = [...body.IPv4Data, ...body.IPv6Data].flatMap(({ Pool }) => Pool ?? []);
  return {
    network: {
      id: body.NetworkID,
      asked,
      called: undefined,
      pools: pools.filter((pool) => pool !== nullPool),
      isInternal: body.Options["com.docker.network.internal"] === true,
      network: undefined,
    },
  };
}

/** Why a name will not do. */
export function malformedName(name: unknown): string {
  const shown = JSON.stringify(String(name).slice(0, 64));
  return `${networkOption}=${shown} is no name of a network: take 1 to 63 of a-z, 0-9 and hyphens`;
}

/**
 * Which network it stands for. `isUsed`: whether this host's Docker has endpoints in one. What was
 * once found stays, but for a network that lost its name to an older one before anybody was in it:
 * so two hosts that create one network at the same instant end in one.
 */
export function meantBy(
  wanted: DockerNetwork,
  networks: readonly Candidate[],
  isUsed: (network: NetworkId) => boolean,
): Meant {
  const bound = networks.find(({ id }) => id === wanted.network);
  if (bound !== undefined && (bound.conflict === undefined || isUsed(bound.id)))
    return { kind: "known", network: bound };
  const name = nameOf(wanted);
  if (name === undefined) return { kind: "nameless" };
  const subnets = subnetsOf(wanted);
  const found = networks.find((each) => each.name === name && each.conflict === undefined);
  if (found === undefined && wanted.network !== undefined && bound === undefined)
    return { kind: "refused", reason: removed(name) };
  if (found === undefined) return absent(name, subnets, networks);
  const reason = mismatch(found, subnets);
  return reason === undefined ? { kind: "known", network: found } : { kind: "refused", reason };
}

/** Why these subnets are not this network's. */
export function mismatch(network: Candidate, subnets: readonly Cidr[]): string | undefined {
  const other = subnets.find((subnet) => !network.subnets.includes(subnet));
  if (other === undefined) return undefined;
  const has = network.subnets.join(" and ");
  const flags = network.subnets.map((subnet) => `--subnet ${subnet}`).join(" ");
  return `network ${network.name} has subnet ${has}, not ${other}: give ${flags}`;
}

/** What the network is called in the cluster. */
export function nameOf({ asked, called }: Pick<DockerNetwork, "asked" | "called">) {
  return asked ?? (called === undefined ? undefined : networkName(called));
}

/** A name of Docker's as one of ours: compose puts underscores into what it makes. */
export function networkName(called: string): Name | undefined {
  const label = called.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-");
  return parseName(label.replaceAll(/^-+/g, "").slice(0, 63).replaceAll(/-+$/g, ""));
}

const rowSchema = v.object({
  asked: v.optional(branded(parseName)),
  called: v.optional(v.pipe(v.string(), v.maxLength(4_096))),
  pools: v.pipe(v.array(branded<Cidr>(parseCidr)), v.maxLength(32)),
  internal: v.boolean(),
  network: v.optional(branded(parseNetworkId)),
});

/** What all local rows of the plugin begin with. */
export const rowsPrefix = "docker/";
const rowPrefix = `${rowsPrefix}network/`;
/** Where it is kept which Docker the networks are of. */
export const engineKey = `${rowsPrefix}engine`;
const rowBytes = 16 * 1024;

/** Under which key of the local rows a network is kept. */
export function rowKey(id: string): string {
  return `${rowPrefix}${id}`;
}

/** How it is kept. */
export function rowOf({ asked, called, pools, isInternal, network }: DockerNetwork): Uint8Array {
  return encode({ asked, called, pools, internal: isInternal, network });
}

/** What a row says; undefined where it is another's or damaged. */
export function readRow(key: string, value: Uint8Array): DockerNetwork | undefined {
  const id = key.slice(rowPrefix.length);
  if (!key.startsWith(rowPrefix) || !/^[0-9a-f]{64}$/.test(id)) return undefined;
  const parsed = v.safeParse(rowSchema, decode(value, rowBytes));
  if (!parsed.success) return undefined;
  const { asked, called, pools, internal, network } = parsed.output;
  return { id, asked, called, pools, isInternal: internal, network };
}

/** Docker's driver `null` gives no addresses: then we do, at the endpoint. */
const nullPool = "0.0.0.0/0";
/** What our address driver calls its space. */
export const addressSpace = "starling";

function poolFault({ IPv4Data, IPv6Data }: Body<"CreateNetwork">): string | undefined {
  const parts = [...IPv4Data, ...IPv6Data];
  const foreign = parts.find(
    (each) => each.AddressSpace !== addressSpace && each.Pool !== nullPool,
  );
  if (foreign !== undefined) {
    return "addresses must come from Starling, or two hosts would give the same one twice: add --ipam-driver starling";
  }
  if (IPv4Data.length > 1 || IPv6Data.length > 1)
    return "a network has one IPv4 subnet, one IPv6 subnet, or both";
  if (parts.some(({ AuxAddresses }) => Object.keys(AuxAddresses).length > 0))
    return "--aux-address is not supported: give the address to an endpoint of its own";
  return undefined;
}

function removed(name: Name): string {
  return `network ${name}, which it stood for, was removed from the cluster: remove it from Docker too, and create it again`;
}

function absent(name: Name, subnets: readonly Cidr[], networks: readonly Candidate[]): Meant {
  if (subnets.length === 0) {
    const how = `starling network create ${name} --subnet 10.32.0.0/16`;
    const reason = `there is no network ${name}; make it with "${how}", or give --subnet`;
    return { kind: "refused", reason };
  }
  const clash = networks.find((each) =>
    each.subnets.some((taken) => subnets.some((subnet) => cidrsOverlap(taken, subnet))),
  );
  if (clash === undefined) return { kind: "absent", name, subnets };
  const reason = `${subnets.join(" and ")} overlaps ${clash.subnets.join(" and ")} of network ${clash.name}: choose another, or give -o ${networkOption}=${clash.name}`;
  return { kind: "refused", reason };
}
