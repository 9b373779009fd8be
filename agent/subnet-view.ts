/** A subnet's addresses, for people. */
import type { Cidr } from "../base/address.ts";
import type { HostId } from "../base/id.ts";
import type { Share } from "../ipam/inventory.ts";
import type { Network } from "./tables.ts";
import type { ShareView, SubnetView } from "./view.ts";

/** The shares of a subnet as they are shown. */
export function subnetView(
  { id, name }: Network,
  subnet: Cidr,
  {
    shares,
    nameOf,
  }: { readonly shares: readonly Share[]; readonly nameOf: (host: HostId) => string },
): SubnetView {
  const views = shares.map((share): ShareView => {
    const { host, ranges, size, used, resting, free } = share;
    return {
      host: { id: host, name: nameOf(host) },
      ranges,
      size: Number(size),
      used: Number(used),
      resting: Number(resting),
      free: Number(free),
    };
  });
  const freeIn = (state: string) =>
    views
      .filter(({ ranges }) => ranges.some((range) => range.state === state))
      .reduce((sum, { free }) => sum + free, 0);
  return {
    network: { id, name },
    subnet,
    shares: views,
    frozen: freeIn("frozen"),
    unreachable: freeIn("unreachable"),
    free: views.reduce((sum, { free }) => sum + free, 0),
  };
}
