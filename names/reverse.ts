/**
 * Names of addresses: `5.0.32.10.in-addr.arpa` (RFC 1035, 3.5) and 32 nibbles under `ip6.arpa`
 * (RFC 3596, 2.5).
 */
import {
  type Cidr,
  cidrOf,
  cidrRange,
  type Family,
  familyOf,
  type Ip,
  ipToNumber,
  numberToIp,
} from "../base/address.ts";

/** What a name under in-addr.arpa or ip6.arpa stands for: one address, or all that begin so. */
export type ReverseName = { readonly range: Cidr; readonly ip: Ip | undefined };

type Tree = {
  readonly family: Family;
  readonly suffix: string;
  readonly bitsPerLabel: number;
  readonly labels: number;
  readonly radix: number;
  readonly pattern: RegExp;
};

const trees: readonly Tree[] = [
  {
    family: 4,
    suffix: "in-addr.arpa",
    bitsPerLabel: 8,
    labels: 4,
    radix: 10,
    pattern: /^(0|[1-9][0-9]{0,2})$/,
  },
  {
    family: 6,
    suffix: "ip6.arpa",
    bitsPerLabel: 4,
    labels: 32,
    radix: 16,
    pattern: /^[0-9a-f]$/,
  },
];

/** What the lower-case name stands for; undefined where it is no such name. */
export function parseReverse(name: string): ReverseName | undefined {
  const tree = trees.find(({ suffix }) => name.endsWith(`.${suffix}`));
  if (tree === undefined) return undefined;
  const { family, bitsPerLabel, pattern, radix } = tree;
  const labels = name.slice(0, -tree.suffix.length - 1).split(".");
  if (labels.length > tree.labels || !labels.every((label) => pattern.test(label)))
    return undefined;
  const parts = labels.map((label) => Number.parseInt(label, radix)).toReversed();
  if (parts.some((part) => part >= 2 ** bitsPerLabel)) return undefined;
  const begin = parts.reduce((all, part) => (all << BigInt(bitsPerLabel)) + BigInt(part), 0n);
  const missing = BigInt((tree.labels - labels.length) * bitsPerLabel);
  const ip = numberToIp(begin << missing, family);
  const isWhole = labels.length === tree.labels;
  return { range: cidrOf(ip, labels.length * bitsPerLabel), ip: isWhole ? ip : undefined };
}

/** The name under which an address is asked for. */
export function reverseName(ip: Ip): string {
  const { bitsPerLabel, labels, radix, suffix } = treeOf(familyOf(ip));
  const value = ipToNumber(ip);
  const mask = (1n << BigInt(bitsPerLabel)) - 1n;
  const parts = Array.from({ length: labels }, (_, at) =>
    ((value >> BigInt(at * bitsPerLabel)) & mask).toString(radix),
  );
  return `${parts.join(".")}.${suffix}`;
}

/**
 * The zone that an address of the subnet is in: where labels are whole. A /20 is sixteen zones of
 * the third label.
 */
export function reverseZone(ip: Ip, subnet: Cidr): string {
  const { bitsPerLabel, labels, suffix } = treeOf(familyOf(ip));
  const whole = Math.ceil(cidrRange(subnet).prefix / bitsPerLabel);
  const name = reverseName(ip)
    .slice(0, -suffix.length - 1)
    .split(".");
  return [...name.slice(labels - whole), suffix].join(".");
}

function treeOf(family: Family): Tree {
  const tree = trees.find((each) => each.family === family);
  if (tree === undefined) throw new Error(`bug: no tree of family ${family}`);
  return tree;
}
