/**
 * Addresses as the whole tree speaks of them. Text in canonical form is the identity (so it can be
 * a map key); arithmetic goes through bigint. Parsing is ipaddr.js's: one of the few packages a
 * core file may use.
 */
import ipaddr from "ipaddr.js";
import type { Brand } from "./id.ts";

/** One IPv4 or IPv6 address in canonical text form (RFC 5952 for IPv6). */
export type Ip = Brand<string, "Ip">;
/** A subnet in canonical text form, host bits zero: `10.32.0.0/16`. */
export type Cidr = Brand<string, "Cidr">;
/** An Ethernet address: six lower-case hex pairs with colons. */
export type Mac = Brand<string, "Mac">;
/** A VXLAN network identifier: 4096 to 16777215. Lower ones are left to hand-made tunnels. */
export type Vni = Brand<number, "Vni">;
/** The version of the Internet protocol. */
export type Family = 4 | 6;

/** Below it are the tunnels that people make by hand. */
export const lowestVni = 4096;
/** A VNI has 24 bits. */
export const highestVni = 0xff_ff_ff;

/**
 * The parsed address, or undefined. IPv4 must have four decimal parts; IPv4-mapped IPv6 is refused.
 */
export function parseIp(text: string): Ip | undefined {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return ipaddr.IPv4.parse(text).toString() as Ip;
  if (text.includes("%") || !ipaddr.IPv6.isValid(text)) return undefined;
  const parsed = ipaddr.IPv6.parse(text);
  return parsed.isIPv4MappedAddress() ? undefined : (parsed.toRFC5952String() as Ip);
}

/** The parsed subnet, or undefined where malformed or where host bits are set. */
export function parseCidr(text: string): Cidr | undefined {
  const [address, length, more] = text.split("/");
  if (address === undefined || length === undefined || more !== undefined) return undefined;
  if (!/^(0|[1-9][0-9]{0,2})$/.test(length)) return undefined;
  const ip = parseIp(address);
  if (ip === undefined) return undefined;
  const prefix = Number(length);
  if (prefix > bits(familyOf(ip))) return undefined;
  return cidrOf(ip, prefix).startsWith(`${ip}/`) ? cidrOf(ip, prefix) : undefined;
}

/** The parsed Ethernet address, or undefined; multicast and all-zero addresses are refused. */
export function parseMac(text: string): Mac | undefined {
  const lower = text.toLowerCase();
  if (!/^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$/.test(lower)) return undefined;
  return lower === "00:00:00:00:00:00" ? undefined : (lower as Mac);
}

/** The parsed VNI, or undefined outside 4096..16777215. */
export function parseVni(value: number): Vni | undefined {
  return Number.isInteger(value) && value >= lowestVni && value <= highestVni
    ? (value as Vni)
    : undefined;
}

/** A locally administered unicast address from five random or derived bytes. */
export function macFromBytes(bytes: Uint8Array): Mac {
  const rest = [...bytes.subarray(0, 5)].map((byte) => byte.toString(16).padStart(2, "0"));
  return ["02", ...rest].join(":") as Mac;
}

/** Told from the text alone: only IPv6 has colons. */
export function familyOf(address: Ip | Cidr): Family {
  return address.includes(":") ? 6 : 4;
}

/** The address as a number; with the family it says all. */
export function ipToNumber(ip: Ip): bigint {
  let value = 0n;
  for (const byte of ipaddr.parse(ip).toByteArray()) value = value * 256n + BigInt(byte);
  return value;
}

/** The address that a number stands for. Throws a RangeError outside the family's space. */
export function numberToIp(value: bigint, family: Family): Ip {
  if (value < 0n || value >= 1n << BigInt(bits(family)))
    throw new RangeError(`no address ${value}`);
  const size = bits(family) / 8;
  const bytes = Array.from({ length: size }, (_, at) =>
    Number((value >> BigInt(8 * (size - 1 - at))) & 255n),
  );
  const parsed = ipaddr.fromByteArray(bytes);
  return (parsed instanceof ipaddr.IPv6 ? parsed.toRFC5952String() : parsed.toString()) as Ip;
}

/** The subnet of `prefix` bits that holds the address. */
export function cidrOf(ip: Ip, prefix: number): Cidr {
  const family = familyOf(ip);
  const free = BigInt(bits(family) - prefix);
  return `${numberToIp((ipToNumber(ip) >> free) << free, family)}/${prefix}` as Cidr;
}

/** First address, length of prefix and count of addresses of a subnet. */
export type CidrRange = {
  readonly family: Family;
  readonly first: bigint;
  readonly last: bigint;
  readonly prefix: number;
  readonly size: bigint;
};

/**
 * Parsed before: a new network is compared with all others, which are as many texts to parse. Past
 * the maximum all are parsed anew.
 */
const ranges = new Map<Cidr, CidrRange>();
const rangesAtMost = 8_192;

/** The range of a subnet. */
export function cidrRange(cidr: Cidr): CidrRange {
  const known = ranges.get(cidr);
  if (known !== undefined) return known;
  const range = parseRange(cidr);
  if (ranges.size >= rangesAtMost) ranges.clear();
  ranges.set(cidr, range);
  return range;
}

function parseRange(cidr: Cidr): CidrRange {
  const [address, length] = cidr.split("/") as [Ip, string];
  const family = familyOf(address);
  const first = ipToNumber(address);
  const size = 1n << BigInt(bits(family) - Number(length));
  return { family, first, last: first + size - 1n, prefix: Number(length), size };
}

/** Whether the address lies in the subnet; one of another family never does. */
export function cidrContains(cidr: Cidr, ip: Ip): boolean {
  const range = cidrRange(cidr);
  if (range.family !== familyOf(ip)) return false;
  const value = ipToNumber(ip);
  return value >= range.first && value <= range.last;
}

/** Whether an address lies in both; subnets of different families never overlap. */
export function cidrsOverlap(a: Cidr, b: Cidr): boolean {
  const [x, y] = [cidrRange(a), cidrRange(b)];
  return x.family === y.family && x.first <= y.last && y.first <= x.last;
}

/** The gateway of a subnet: its first usable address, the same on every host (anycast). */
export function gatewayOf(cidr: Cidr): Ip {
  const range = cidrRange(cidr);
  return numberToIp(range.first + 1n, range.family);
}

function bits(family: Family): 32 | 128 {
  return family === 4 ? 32 : 128;
}
