/** A few networks and endpoints, and what somebody in them can see. */
import { cidrOf, type Ip, numberToIp, parseCidr, parseIp } from "../../base/address.ts";
import { type EndpointId, type HostId, parseEndpointId, parseNetworkId } from "../../base/id.ts";
import { seededRandom } from "../../base/random.ts";
import type { Answers, Reply } from "../../names/record.ts";
import { type NamedNetwork, type Nearness, resolve, type Sight } from "../../names/resolve.ts";
import { type Named, Zone } from "../../names/zone.ts";
import { simulatedHost } from "../simulation/crypto.ts";

/** This host, one that answers, and one that does not. */
export const [here, there, lost] = [simulatedHost(1), simulatedHost(2), simulatedHost(3)];

export function ip(text: string): Ip {
  const parsed = parseIp(text);
  if (parsed === undefined) throw new Error(`no address ${text}`);
  return parsed;
}

export function endpointId(n: number): EndpointId {
  const id = parseEndpointId(n.toString(16).padStart(16, "0"));
  if (id === undefined) throw new Error(`no id ${n}`);
  return id;
}

export function network(n: number, name: string, ...subnets: string[]): NamedNetwork {
  const id = parseNetworkId(n.toString(16).padStart(16, "f"));
  const cidrs = subnets.map(parseCidr);
  if (id === undefined || cidrs.includes(undefined)) throw new Error("no network");
  return { id, name, subnets: cidrs as NamedNetwork["subnets"] };
}

/** An endpoint: `db@here 10.32.0.2 fd00::2`, aliases behind slashes. */
export function named(n: number, labels: string, host: HostId, ...ips: string[]): Named {
  return { id: endpointId(n), labels: labels.split("/"), host, ips: ips.map(ip) };
}

export const web = network(1, "web", "10.32.0.0/16", "fd00:32::/64");
export const files = network(2, "data", "10.33.0.0/20");
export const dev = network(3, "dev", "10.34.0.0/24");

/** What somebody in these networks sees; all networks have these endpoints. */
export function sight(
  zones: ReadonlyMap<NamedNetwork, readonly Named[]>,
  networks: readonly NamedNetwork[],
  changes: Partial<Sight> = {},
): Sight {
  const built = new Map(
    [...zones].map(([{ id }, endpoints]) => {
      const zone = new Zone();
      for (const endpoint of endpoints) zone.put(endpoint);
      return [id, zone];
    }),
  );
  return {
    networks,
    subnets: [...zones.keys()].flatMap(({ subnets }) => subnets),
    zoneOf: (id) => built.get(id) ?? new Zone(),
    nearness,
    random: seededRandom(1),
    ttlS: 2,
    answersAtMost: 256,
    ...changes,
  };
}

export function nearness(host: HostId): Nearness {
  return host === here ? "local" : host === there ? "remote" : "unreachable";
}

/** In short: `forward`, `NXDOMAIN`, `NODATA`, or what the records hold. */
export function ask(sees: Sight, name: string, type = "A"): string {
  return told(resolve({ name, type }, sees));
}

export function answersTo(sees: Sight, name: string, type = "A"): Answers {
  const reply = resolve({ name, type }, sees);
  if (reply.kind !== "answers") throw new Error(`${name}: ${reply.kind}`);
  return reply;
}

function told(reply: Reply): string {
  if (reply.kind !== "answers") return reply.kind;
  if (reply.isMissing) return "NXDOMAIN";
  if (reply.answers.length === 0) return "NODATA";
  return reply.answers
    .map(({ content }) => {
      if ("address" in content) return content.address;
      return "target" in content ? content.target : content.type;
    })
    .join(" ");
}

/** The n-th address of a /16. */
export function nth(n: number): Ip {
  const address = numberToIp(0x0a_20_00_00n + BigInt(n), 4);
  return cidrOf(address, 32).slice(0, -3) as Ip;
}
