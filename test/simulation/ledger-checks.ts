/**
 * What must be true of address space at every instant (gossip.md 4.3), read from what agents say:
 *
 *   each view: every address of a subnet is in exactly one range
 *   all views together: what two hosts hold ready to hand out never overlaps, in any partition
 *   over time: what passes from host to host has gone through more hands than before
 *   each host: an endpoint's addresses are in ranges of its own host; a retired one has none ready
 */
import assert from "node:assert/strict";
import type { SubnetView } from "../../agent/view.ts";
import { type Block, blockOf, cidrOfBlock, compareBlocks, overlaps } from "../../ipam/block.ts";
import type { Cluster } from "./cluster.ts";
import type { SimulatedHost } from "./host.ts";
import { blockOfIp } from "./witness.ts";

/** A range that its owner would hand addresses out of. */
type Claim = {
  readonly host: SimulatedHost;
  readonly network: string;
  readonly block: Block;
  readonly generation: number;
};

/** Remembers who held what, so that later claims can be compared with it. */
export class LedgerChecks {
  /** By network: the newest claim on each part. */
  #claims: Claim[] = [];

  /** Throws where a rule is broken. Hosts that are down, stopped or busy are not asked. */
  check(cluster: Cluster): void {
    const fresh: Claim[] = [];
    for (const host of cluster.hosts) {
      const views = viewsOf(cluster, host);
      for (const view of views) checkPartition(host, view);
      const own = views.flatMap((view) => claimsOf(host, view));
      if (cluster.retired.has(host)) checkRetired(cluster, host, own);
      else fresh.push(...own);
      // Who lives on what a revocation cut off owns it no more, and keeps it.
      if (cluster.revoked.size === 0) checkEndpoints(cluster, host, views);
    }
    for (const [at, claim] of fresh.entries())
      for (const other of fresh.slice(0, at)) checkApart(cluster, claim, other);
    const isWhole = cluster.revoked.size === 0;
    for (const claim of isWhole ? fresh : []) this.#checkOrder(cluster, claim);
    const isOld = (old: Claim) => fresh.some((claim) => isSamePlace(old, claim));
    this.#claims = [...this.#claims.filter((old) => !isOld(old)), ...fresh];
  }

  #checkOrder(cluster: Cluster, claim: Claim): void {
    for (const old of this.#claims) {
      if (old.host === claim.host || !isSamePlace(old, claim)) continue;
      // Who lost its disk may for a while hold what it never had: it hands nothing out.
      if (cluster.lostDisks.has(old.host) || isContested(cluster, claim)) continue;
      if (claim.generation <= old.generation)
        assert.fail(`generation: ${text(claim)} came after ${text(old)}`);
    }
  }
}

function isSamePlace(a: Claim, b: Claim): boolean {
  return a.network === b.network && overlaps(a.block, b.block);
}

/** Whoever gave it may have lost that it did. */
function isContested({ witness }: Cluster, { network, block }: Claim): boolean {
  return witness.isContested(network, block);
}

function checkApart(cluster: Cluster, a: Claim, b: Claim): void {
  if (a.host !== b.host && isSamePlace(a, b) && !isContested(cluster, a))
    assert.fail(`owners: ${text(a)} and ${text(b)} overlap`);
}

/** Sum of owned blocks = subnet, and none twice. */
function checkPartition(host: SimulatedHost, { subnet, shares }: SubnetView): void {
  const whole = blockOf(subnet);
  const blocks = shares.flatMap(({ ranges }) => ranges.map(({ block }) => blockOf(block)));
  let next = whole.first;
  for (const block of blocks.toSorted(compareBlocks)) {
    const found = cidrOfBlock(block);
    if (block.first !== next)
      assert.fail(`chains: host-${host.n} sees a gap or two before ${found}`);
    next += block.size;
  }
  if (next !== whole.first + whole.size) assert.fail(`chains: host-${host.n} sees ${subnet} cut`);
}

/** Once it knows, which is when it says so itself. */
function checkRetired(cluster: Cluster, host: SimulatedHost, own: readonly Claim[]): void {
  const [claim] = own;
  if (claim === undefined) return;
  cluster.mark("forgotten host has not heard of it");
  const members = cluster.answered(host, { kind: "members" });
  const self =
    members?.kind === "members" ? members.members.find(({ isSelf }) => isSelf) : undefined;
  if (self?.state === "retired") assert.fail(`retired: ${text(claim)} is ready`);
}

function checkEndpoints(cluster: Cluster, host: SimulatedHost, views: readonly SubnetView[]): void {
  if (views.length === 0) return;
  const ranges = views.flatMap(({ network, shares }) =>
    shares
      .filter((share) => share.host.id === host.id)
      .flatMap((share) => share.ranges.map(({ block }) => ({ network, block: blockOf(block) }))),
  );
  for (const endpoint of cluster.endpoints.values()) {
    if (endpoint.host !== host || cluster.lostDisks.has(host)) continue;
    if (!views.some(({ network }) => network.id === endpoint.networkId)) continue;
    for (const address of endpoint.addresses) {
      const place = placeOf(address);
      const isOwn = ranges.some(
        ({ network, block }) => network.id === endpoint.networkId && overlaps(block, place),
      );
      const isContested = cluster.witness.isContested(endpoint.networkId, place);
      assert.ok(
        isOwn || isContested,
        `ownership: ${address} of endpoint ${endpoint.id} is not host-${host.n}'s`,
      );
    }
  }
}

/** An address alone, whatever prefix length it is shown with. */
function placeOf(address: string): Block {
  const [ip = ""] = address.split("/");
  return blockOfIp(ip);
}

function claimsOf(host: SimulatedHost, { network, shares }: SubnetView): Claim[] {
  const own = shares.find((share) => share.host.id === host.id)?.ranges ?? [];
  return own
    .filter(({ state }) => state === "ours")
    .map(({ block, generation }) => ({
      host,
      network: network.id,
      block: blockOf(block),
      generation,
    }));
}

function viewsOf(cluster: Cluster, host: SimulatedHost): readonly SubnetView[] {
  const answer = cluster.answered(host, { kind: "ipam", network: undefined });
  return answer?.kind === "ipam" ? answer.ipam : [];
}

function text({ host, block, generation }: Claim): string {
  return `${cidrOfBlock(block)} of host-${host.n} (generation ${generation})`;
}
