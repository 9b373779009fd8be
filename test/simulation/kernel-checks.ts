/**
 * S7 while things go on: no kernel sends frames for an endpoint anywhere but to its host, nor lacks
 * a way to it, for longer than a running agent needs to notice.
 */
import type { Answer } from "../../agent/command.ts";
import type { Effect } from "../../agent/effect.ts";
import type { HostId } from "../../base/id.ts";
import type { SimulatedHost } from "./host.ts";
import type { Network } from "./network.ts";
import { isForgotten, isShown, type Seen, type View } from "./view.ts";
import { Violation, type Witness } from "./witness.ts";

/** A view two seconds old may still show; and the sweep that finds what others did takes three. */
const staleMs = 5_500;
const missingMs = 9_000;

type Observed = { readonly witness: Witness; readonly network: Network };

/** The kernel of every host that has been running for a while. */
export function checkKernelsNow(
  { hosts, witness, network }: Observed & { readonly hosts: readonly SimulatedHost[] },
  now: number,
): void {
  const vteps = new Map(hosts.map(({ id, address }) => [id, address.split(":")[0] ?? ""]));
  for (const host of hosts) {
    const isTouched = now - host.disturbedAt < staleMs;
    if (witness.isRevoked(host.id) || host.runningMs < staleMs || host.slowMs > 0 || isTouched)
      continue;
    const view = witness.view(host.id);
    const endpoints = [...view.endpoints.values()];
    // Until a peer has told it what there is, a host takes nothing away that it does not know.
    const isTold = hosts.some(({ id }) => {
      return !witness.isLiar(id) && network.linkedMs(host.id, id) >= staleMs;
    });
    if (isTold) checkNothingStale(host, { endpoints, vteps, now, witness });
    const isLeftAlone = now - host.disturbedAt >= missingMs;
    if (isLeftAlone && host.runningMs >= missingMs)
      checkNothingMissing(host, view, { endpoints, vteps, now, witness });
  }
}

/**
 * S18: nothing is taken out of a kernel because it is not in the map, when it is the map that lacks
 * it. Only a removal by the endpoint's own host removes.
 */
export function checkRemovals(
  host: SimulatedHost,
  effect: Effect,
  { witness, network }: Observed,
): void {
  if (effect.kind !== "apply") return;
  const peers = network.peersOf(host.id);
  // Who lies about what there is may have been the one that was asked.
  if (peers.some((peer) => witness.isLiar(peer))) return;
  for (const op of effect.ops) {
    if (op.kind !== "remote-remove") continue;
    const living = [...witness.living()].find(({ mac }) => mac === op.mac);
    if (living === undefined || living.host === host.id) continue;
    if (witness.isRevoked(living.host)) continue;
    const view = witness.view(host.id);
    // What it has known and knows no more its origin has taken back, be it in another life.
    const isKnown = [...view.endpoints.values()].some(({ mac }) => mac === op.mac);
    const isNeeded = [...view.endpoints.values()].some((each) => {
      const isHere = each.host === host.id && each.goneAt === undefined;
      return isHere && each.network === living.network;
    });
    const isThere = isShown(view, living.network);
    const isKnownNear = peers.some(
      (peer) =>
        network.areJoined(host.id, peer) &&
        [...witness.view(peer).endpoints.values()].some(
          ({ mac, goneAt }) => mac === op.mac && goneAt === undefined,
        ),
    );
    if (!isKnownNear) continue;
    if (!isKnown && isNeeded && isThere && !witness.isLiar(living.host))
      throw new Violation(`S18: host-${host.n} removes the way to endpoint ${living.id}`);
  }
}

/** Whoever is said to have programmed an endpoint has. */
export function checkProgrammed(
  { hosts, witness }: { readonly hosts: readonly SimulatedHost[]; readonly witness: Witness },
  answer: Extract<Answer, { kind: "endpoint" }>,
  askedAt: number,
): void {
  const { endpoint, wait } = answer;
  for (const { id } of wait?.programmed ?? []) {
    const host = hosts.find((each) => each.id === id);
    if (host === undefined || id === endpoint.host.id) continue;
    // What somebody has just taken away, its agent believes in until it sweeps.
    if (host.disturbedAt >= askedAt - staleMs) continue;
    const view = witness.view(id);
    // It was there, and went when its host or this one learned that the cluster has forgotten it.
    if ([id, endpoint.host.id].some((each) => isForgotten(view, each))) continue;
    const { endpoints } = view;
    const isStill = endpoints.get(endpoint.id)?.goneAt === undefined;
    const isNeeded = [...endpoints.values()].some((each) => {
      const isHere = each.host === id && each.goneAt === undefined;
      return isHere && each.network === endpoint.network.id && each.since < askedAt;
    });
    const isThere = host.kernel.vnis().some((vni) => host.kernel.remotes(vni).has(endpoint.mac));
    // It was there, and went with its host.
    if (witness.isRevoked(endpoint.host.id)) continue;
    if (host.runningMs > 0 && isStill && isNeeded && !isThere && !witness.isLiar(id))
      throw new Violation(`S7: host-${host.n} said to have endpoint ${endpoint.id} in its kernel`);
  }
}

type World = {
  readonly endpoints: readonly Seen[];
  readonly vteps: ReadonlyMap<HostId, string>;
  readonly now: number;
  readonly witness: Witness;
};

function checkNothingStale(host: SimulatedHost, { endpoints, vteps, now }: World): void {
  const ways = new Set<string>();
  for (const { host: at, mac, goneAt } of endpoints) {
    if (goneAt === undefined || now - goneAt < staleMs) ways.add(`${mac} ${vteps.get(at)}`);
  }
  for (const vni of host.kernel.vnis()) {
    for (const { mac, vtep } of host.kernel.remotes(vni).values()) {
      if (!ways.has(`${mac} ${vtep}`))
        throw new Violation(`S7: host-${host.n} sends ${mac} to ${vtep}, where nobody has it`);
    }
  }
}

function checkNothingMissing(
  host: SimulatedHost,
  view: View,
  { endpoints, vteps, now, witness }: World,
): void {
  const settled = endpoints.filter(({ network, host: at, since, goneAt }) => {
    const isSettled = goneAt === undefined && now - since > missingMs;
    const isOut = witness.isRetired(at) || witness.isRevoked(at);
    return isSettled && isShown(view, network) && !isOut;
  });
  const here = new Set(settled.filter((each) => each.host === host.id).map((each) => each.network));
  const held = new Set(
    host.kernel
      .vnis()
      .flatMap((vni) =>
        [...host.kernel.remotes(vni).values()].map(({ mac, vtep }) => `${mac} ${vtep}`),
      ),
  );
  for (const { id, network, mac, host: at } of settled) {
    const isRemote = at !== host.id && here.has(network);
    if (isRemote && host.kernel.vnis().length > 0 && !held.has(`${mac} ${vteps.get(at)}`))
      throw new Violation(`S7: host-${host.n} has no way to endpoint ${id} on another host`);
  }
}
