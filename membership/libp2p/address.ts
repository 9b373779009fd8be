/** The addresses that operators and records write, and the multiaddrs that libp2p wants. */
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { type Multiaddr, multiaddr } from "@multiformats/multiaddr";
import { parseIp } from "../../base/address.ts";
import { MeshError } from "../../base/errors.ts";
import { type HostId, parseHostId } from "../../base/id.ts";

/** Where an agent listens. With `host`, only that one is meant. */
export type Place = {
  /** An IP address or a name. */
  readonly name: string;
  readonly port: number;
  readonly host: HostId | undefined;
};

/** More addresses of one name are not tried: each may cost the whole time of a dial. */
const addressesTried = 4;

/** The parsed `host`, `host:port`, `[v6]:port` or multiaddr, or undefined where malformed. */
export function parsePlace(text: string, defaultPort: number): Place | undefined {
  if (text.length > 512) return undefined;
  if (text.startsWith("/")) return parseMultiaddr(text);
  const bracketed = /^\[([0-9A-Fa-f:.]+)\](?::([0-9]{1,5}))?$/.exec(text);
  if (bracketed !== null) return placeOf(parseIp(bracketed[1] ?? ""), bracketed[2] ?? defaultPort);
  const bare = parseIp(text);
  if (bare !== undefined) return placeOf(bare, defaultPort);
  const named = /^([^:[\]/]+)(?::([0-9]{1,5}))?$/.exec(text);
  return named === null ? undefined : placeOf(parseName(named[1] ?? ""), named[2] ?? defaultPort);
}

/** `host:port` of one end of a connection, as records write it. */
export function addressText(address: Multiaddr): string {
  const [first, second] = address.getComponents();
  const name = first?.value ?? "";
  const ip = parseIp(name) ?? name;
  return ip.includes(":") ? `[${ip}]:${second?.value ?? ""}` : `${ip}:${second?.value ?? ""}`;
}

/**
 * What to dial for a place, names resolved by the system. Throws a MeshError: AGENT_UNREACHABLE.
 */
export async function resolvePlace(place: Place): Promise<Multiaddr[]> {
  return (await addressesOf(place.name)).slice(0, addressesTried).map((ip) => {
    const to = place.host === undefined ? "" : `/p2p/${place.host}`;
    return multiaddr(`/ip${isIP(ip)}/${ip}/tcp/${place.port}${to}`);
  });
}

async function addressesOf(name: string): Promise<string[]> {
  if (isIP(name) !== 0) return [name];
  try {
    const found = await lookup(name, { all: true });
    return found.map(({ address }) => address);
  } catch (cause) {
    throw new MeshError("AGENT_UNREACHABLE", `the name ${name} cannot be resolved`, { cause });
  }
}

function parseMultiaddr(text: string): Place | undefined {
  const parsed = /^\/(ip4|ip6|dns|dns4|dns6)\/([^/]+)\/tcp\/([0-9]{1,5})(?:\/p2p\/([^/]+))?$/.exec(
    text,
  );
  if (parsed === null) return undefined;
  const [, protocol, name = "", port = "", peer] = parsed;
  const host = peer === undefined ? undefined : parseHostId(peer);
  if (peer !== undefined && host === undefined) return undefined;
  const ip = parseIp(name);
  if (!protocol?.startsWith("ip")) return placeOf(parseName(name), port, host);
  return ip?.includes(":") === (protocol === "ip6") ? placeOf(ip, port, host) : undefined;
}

function placeOf(name: string | undefined, port: string | number, host?: HostId) {
  const number = Number(port);
  if (name === undefined || number < 1 || number > 65_535) return undefined;
  return { name, port: number, host };
}

/** A host name. What looks like a number but was no IP address is a typing error, not a name. */
function parseName(text: string): string | undefined {
  const ip = parseIp(text);
  if (ip !== undefined) return ip;
  const isName = /^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*\.?$/i;
  return text.length <= 253 && isName.test(text) && !/(^|\.)[0-9]+\.?$/.test(text)
    ? text
    : undefined;
}
