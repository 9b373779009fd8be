/** Which subnets a network may have on this host. */
import { type Cidr, cidrRange, cidrsOverlap } from "../base/address.ts";
import type { Refusal } from "../base/errors.ts";

/** A /26 leaves every member of a small cluster a smallest block of 16; a /112 likewise in IPv6. */
const longestPrefix = { 4: 26, 6: 112 } as const;
/** Shorter ones are half the Internet, or all of it. */
const shortestPrefix = { 4: 8, 6: 16 } as const;

/** Why the subnet will not do, or undefined where it will. */
export function checkSubnet(
  subnet: Cidr,
  taken: {
    readonly routes: readonly { readonly cidr: Cidr; readonly device: string }[];
    readonly networks: readonly { readonly cidr: Cidr; readonly name: string }[];
  },
): Refusal | undefined {
  const { family, prefix } = cidrRange(subnet);
  if (prefix > longestPrefix[family]) {
    return {
      code: "SUBNET_TOO_SMALL",
      message: `${subnet} is too small to share among hosts: take /${longestPrefix[family]} or larger`,
    };
  }
  if (prefix < shortestPrefix[family]) {
    const message = `${subnet} is too large: take /${shortestPrefix[family]} or smaller`;
    return { code: "SUBNET_MALFORMED", message };
  }
  const network = taken.networks.find(({ cidr }) => cidrsOverlap(cidr, subnet));
  if (network !== undefined) {
    const message = `${subnet} overlaps ${network.cidr} of network ${network.name}: choose another`;
    return { code: "SUBNET_OVERLAP", message };
  }
  const route = taken.routes.find(({ cidr }) => isSpecific(cidr) && cidrsOverlap(cidr, subnet));
  if (route === undefined) return undefined;
  const message = `${subnet} overlaps this host's route ${route.cidr} on ${route.device}: choose another`;
  return { code: "SUBNET_OVERLAP", message };
}

/** A default route overlaps everything and means nothing here. */
function isSpecific(cidr: Cidr): boolean {
  return cidrRange(cidr).prefix > 0;
}
