/**
 * What a name means to whom. Only what the asker's networks contain exists for it.
 *
 *   ours alone?   no --> known in its networks?   no --> forward
 *     | yes              | yes
 *     v                  v
 *   the name or NXDOMAIN; its records of the type, or NODATA: both with the SOA (RFC 2308, 2)
 */
import {
  type Cidr,
  cidrContains,
  cidrRange,
  familyOf,
  gatewayOf,
  type Ip,
} from "../base/address.ts";
import type { HostId, NetworkId } from "../base/id.ts";
import { type Random, shuffled } from "../base/random.ts";
import { domain, isInDomain, type Reading, readingsOf, serverName } from "./reading.ts";
import type { Answers, Question, RecordContent, Reply, ResourceRecord } from "./record.ts";
import { parseReverse, type ReverseName, reverseZone } from "./reverse.ts";
import type { Named, Zone } from "./zone.ts";

/** A network, as far as names go. */
export type NamedNetwork = {
  readonly id: NetworkId;
  readonly name: string;
  readonly subnets: readonly Cidr[];
};

/** How likely an endpoint on a host is to answer: the likelier first. */
export type Nearness = "local" | "remote" | "unreachable";

/** What one asker can see. */
export type Sight = {
  /** Its networks, the one it asks through first. */
  readonly networks: readonly NamedNetwork[];
  /** Subnets of all networks: what is asked of them is nobody else's business. */
  readonly subnets: readonly Cidr[];
  readonly zoneOf: (network: NetworkId) => Zone;
  readonly nearness: (host: HostId) => Nearness;
  readonly random: Random;
  readonly ttlS: number;
  /** Records of one answer: what a message of 64 kB holds several times over. */
  readonly answersAtMost: number;
};

/** Answers a question as this asker may have it answered. */
export function resolve({ name, type }: Question, sight: Sight): Reply {
  const plain = name.toLowerCase();
  const reverse = parseReverse(plain);
  if (reverse !== undefined) return resolveAddress({ name, type }, reverse, sight);
  if (!isInDomain(plain)) return resolveShort({ name, type }, plain, sight);
  const zone = { name: domain, sight };
  if (plain === domain) return existing({ name, type }, apex, zone);
  if (plain === serverName) {
    const gateways = sight.networks.slice(0, 1).flatMap(({ subnets }) => subnets.map(gatewayOf));
    return existing({ name, type }, gateways.map(addressContent), zone);
  }
  const found = find(plain, sight);
  if (found !== undefined) return existing({ name, type }, contentOf(found, sight), zone);
  const isNetwork = sight.networks.some((network) => plain === `${network.name}.${domain}`);
  return isNetwork ? existing({ name, type }, [], zone) : missing(zone);
}

/** A name without our domain is ours only where it is known: there is a world outside. */
function resolveShort(question: Question, plain: string, sight: Sight): Reply {
  const found = find(plain, sight);
  if (found === undefined) return { kind: "forward" };
  const zone = { name: plain.slice(plain.lastIndexOf(".") + 1), sight };
  return existing(question, contentOf(found, sight), zone);
}

function resolveAddress(question: Question, { range, ip }: ReverseName, sight: Sight): Reply {
  const first = range.slice(0, range.indexOf("/")) as Ip;
  const isInside = (subnet: Cidr) =>
    cidrContains(subnet, first) && cidrRange(subnet).prefix <= cidrRange(range).prefix;
  const subnet = sight.subnets.find(isInside);
  if (subnet === undefined) return { kind: "forward" };
  const zone = { name: reverseZone(first, subnet), sight };
  if (question.name.toLowerCase() === zone.name) return existing(question, apex, zone);
  if (ip === undefined) return existing(question, [], zone);
  const targets = sight.networks.flatMap(({ id, name, subnets }) =>
    subnets.includes(subnet)
      ? sight
          .zoneOf(id)
          .holdersOf(ip)
          .map(({ labels }) => `${labels[0]}.${name}.${domain}`)
      : [],
  );
  const contents = targets.map((target) => ({ type: "PTR", target }) as const);
  return contents.length === 0 ? missing(zone) : existing(question, contents, zone);
}

type Found = { readonly endpoints: readonly Named[]; readonly isNearest: boolean };

/** Whom the name stands for, by the first reading and in the first network that has it. */
function find(plain: string, { networks, zoneOf }: Sight): Found | undefined {
  for (const { label, network, isNearest } of readingsOf(plain)) {
    for (const { id } of networks.filter(({ name }) => isMeant(network, name))) {
      const endpoints = zoneOf(id).labelled(label);
      if (endpoints.length > 0) return { endpoints, isNearest };
    }
  }
  return undefined;
}

function isMeant(network: Reading["network"], name: string): boolean {
  return network === undefined || network === name;
}

/** Addresses in the order in which they are worth trying. */
function contentOf({ endpoints, isNearest }: Found, sight: Sight): RecordContent[] {
  const mixed = shuffled(sight.random, endpoints);
  const at = (nearness: Nearness) => mixed.filter(({ host }) => sight.nearness(host) === nearness);
  const local = at("local");
  if (isNearest && local.length > 0) return local.flatMap(({ ips }) => ips.map(addressContent));
  const reached = mixed.filter(({ host }) => sight.nearness(host) !== "unreachable");
  const inOrder = [...reached, ...at("unreachable")];
  return inOrder.flatMap(({ ips }) => ips.map(addressContent));
}

function addressContent(address: Ip): RecordContent {
  return { type: familyOf(address) === 4 ? "A" : "AAAA", address };
}

type ZoneCut = { readonly name: string; readonly sight: Sight };

const soa: RecordContent = {
  type: "SOA",
  server: serverName,
  contact: `hostmaster.${domain}`,
};
/** What is at the top of each zone of ours. */
const apex: readonly RecordContent[] = [soa, { type: "NS", target: serverName }];

/** The records of the type that was asked for, under the name as it was written. */
function existing(
  { name, type }: Question,
  contents: readonly RecordContent[],
  zone: ZoneCut,
): Answers {
  const { ttlS, answersAtMost } = zone.sight;
  // What `ANY` means is not all that there is (RFC 8482, 4.2).
  const any: readonly RecordContent[] = [{ type: "HINFO", cpu: "RFC8482", os: "" }];
  const fitting = type === "ANY" ? any : contents.filter((content) => content.type === type);
  const answers = fitting.slice(0, answersAtMost).map((content) => ({ name, ttlS, content }));
  const authority = answers.length === 0 ? [authorityOf(zone)] : [];
  return { kind: "answers", isMissing: false, answers, authority };
}

function missing(zone: ZoneCut): Answers {
  return { kind: "answers", isMissing: true, answers: [], authority: [authorityOf(zone)] };
}

function authorityOf({ name, sight }: ZoneCut): ResourceRecord {
  return { name, ttlS: sight.ttlS, content: soa };
}
