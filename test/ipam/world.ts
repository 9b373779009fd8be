/** A network, hosts and what surrounds an allocator, for the tests of addresses. */
import type { HostId } from "../../base/id.ts";
import { seededRandom } from "../../base/random.ts";
import { Allocator, type AllocatorOptions } from "../../ipam/allocator.ts";
import type { NetworkSpace } from "../../ipam/grant.ts";
import { Ledger } from "../../ipam/ledger.ts";
import type { Surroundings } from "../../ipam/surroundings.ts";
import { cidr, networkId, simulatedHost } from "../agent/samples.ts";

export const options: AllocatorOptions = {
  restMs: 60_000,
  askMs: 1_000,
  deniedMs: 5_000,
  askSize: 16,
  recentMs: 60_000,
};

export const [a, b, c, d] = [1, 2, 3, 4].map(simulatedHost) as [HostId, HostId, HostId, HostId];
const names = new Map([
  [a, "a"],
  [b, "b"],
  [c, "c"],
  [d, "d"],
]);

/** A network that `a` created. */
export function networkOf(...subnets: readonly string[]): NetworkSpace {
  return { id: networkId(1), subnets: subnets.map(cidr), creator: a };
}

/** Everybody is reachable, nobody retired, and no record says that an address is in use. */
export const quiet: Surroundings = {
  isReachable: () => true,
  isFrozen: () => false,
  isHeldBack: () => false,
  inUse: () => new Map(),
  holder: () => undefined,
  hostName: (host) => names.get(host) ?? host,
  networkName: () => "web",
};

/** A host's allocator with a ledger of its own. */
export function allocatorOf(
  self: HostId,
  network: NetworkSpace,
  surroundings: Partial<Surroundings> = {},
): { readonly ledger: Ledger; readonly allocator: Allocator } {
  const ledger = new Ledger();
  ledger.setNetwork(network);
  const allocator = new Allocator({
    self,
    ledger,
    surroundings: { ...quiet, ...surroundings },
    random: seededRandom(1),
    options,
  });
  return { ledger, allocator };
}
