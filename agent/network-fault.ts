/** Why a network cannot be created as it is wanted. */
import { type Cidr, familyOf } from "../base/address.ts";
import type { Refusal } from "../base/errors.ts";
import type { Name } from "../base/id.ts";
import { checkSubnet } from "../overlay/subnet.ts";
import type { Tables } from "./tables.ts";

type Wanted = { readonly name: Name; readonly subnets: readonly Cidr[] };

/** What it must get along with. */
type Around = {
  readonly tables: Pick<Tables, "shownNetworks">;
  readonly routes: readonly { readonly cidr: Cidr; readonly device: string }[];
  /** Networks that are being written, by name. */
  readonly creating: ReadonlyMap<string, readonly Cidr[]>;
};

/** NAME_TAKEN, SUBNET_MALFORMED, SUBNET_OVERLAP, SUBNET_TOO_SMALL; undefined where all is well. */
export function networkFault(
  { name, subnets }: Wanted,
  { tables, routes, creating }: Around,
): Refusal | undefined {
  const shown = tables.shownNetworks();
  const taken = shown.find((network) => network.name === name);
  if (taken !== undefined || creating.has(name)) {
    const which =
      taken === undefined ? "being created" : `${taken.id}, ${taken.subnets.join(" and ")}`;
    return { code: "NAME_TAKEN", message: `there is a network ${name} already (${which})` };
  }
  if (new Set(subnets.map(familyOf)).size !== subnets.length || subnets.length === 0) {
    return {
      code: "SUBNET_MALFORMED",
      message: "a network takes one IPv4 subnet, one IPv6 subnet, or both",
    };
  }
  const others = [
    ...shown.flatMap((network) =>
      network.subnets.map((cidr) => ({ cidr, name: network.name as string })),
    ),
    ...[...creating].flatMap(([other, cidrs]) => cidrs.map((cidr) => ({ cidr, name: other }))),
  ];
  for (const subnet of subnets) {
    const fault = checkSubnet(subnet, { routes, networks: others });
    if (fault !== undefined) return fault;
  }
  return undefined;
}
