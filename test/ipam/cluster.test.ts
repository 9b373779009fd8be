import assert from "node:assert/strict";
import fc from "fast-check";
import { ipToNumber, numberToIp } from "../../base/address.ts";
import { type Block, blockOf, halves, holds } from "../../ipam/block.ts";
import { AddressCluster, type Wish } from "./cluster.ts";

const spaces = [
  ["10.32.0.0/26"],
  ["10.32.0.0/25", "fd00:5::/121"],
  ["10.32.0.0/24"],
  ["10.32.0.0/26", "fd00:5::/64"],
] as const;

/** What happens next: which of the acts, on which hosts. */
const step = fc.record({ act: fc.nat(99), at: fc.nat(4), other: fc.nat(4), draw: fc.nat(255) });
type Step = {
  readonly act: number;
  readonly at: number;
  readonly other: number;
  readonly draw: number;
};

/** Wishes that wait, and keys of endpoints that went. */
type Wishes = { waiting: Wish[]; gone: string[]; count: number };

function perform(cluster: AddressCluster, wishes: Wishes, { act, at, other, draw }: Step): void {
  if (act < 25) wish(cluster, wishes, { act, at, other, draw });
  else if (act < 35) retry(cluster, wishes);
  else if (act < 45) wishes.gone.push(cluster.detach(at) ?? "nobody");
  else if (act < 58) cluster.complete(at);
  else if (act < 70) cluster.deliver(draw % 4 === 0);
  else if (act < 73) cluster.messages.splice(draw % 8, 1);
  else if (act < 85) cluster.replicate(at, other);
  else if (act < 88) cluster.prefetch(at);
  else if (act < 91) cluster.crash(at);
  else if (act < 95) cluster.cut(at, other, draw % 2 === 0);
  else cluster.pass(draw * 200);
}

function wish(cluster: AddressCluster, wishes: Wishes, { at, draw, other }: Step): void {
  wishes.count += 1;
  const families = cluster.network.subnets.map((subnet) => blockOf(subnet));
  const subnet = families[other % families.length];
  assert.ok(subnet);
  const isBack = draw % 5 === 0;
  const key = (isBack ? wishes.gone.pop() : undefined) ?? `endpoint-${wishes.count}`;
  const isExact = draw % 4 === 1;
  const address = subnet.first + (BigInt(draw) % subnet.size);
  wishes.waiting.push({
    at,
    key,
    ip: isExact ? numberToIp(address, subnet.family) : undefined,
    family: subnet.family,
    since: cluster.now,
  });
  retry(cluster, wishes);
}

function retry(cluster: AddressCluster, wishes: Wishes): void {
  wishes.waiting = wishes.waiting.filter((each) => cluster.attempt(each) === "waiting").slice(-8);
}

/** Whether somebody else has two free addresses side by side: less nobody has to give. */
function canAnybodyGive(cluster: AddressCluster, { at, family }: Wish): boolean {
  const used = [...cluster.addresses()].map(({ ip }) => ipToNumber(ip));
  const self = cluster.host(at).id;
  const subnets = cluster.network.subnets.map(blockOf);
  const edges = subnets.flatMap(({ first, size }) => [first, first + 1n, first + size - 1n]);
  const isFree = (block: Block): boolean => ![...used, ...edges].some((each) => holds(block, each));
  const hasPair = (block: Block): boolean =>
    block.size >= 2n && (isFree(block) || halves(block).some(hasPair));
  return cluster.truth
    .holdings(cluster.network.id)
    .some(({ owner, block }) => owner !== self && block.family === family && hasPair(block));
}

/** After all faults: whoever wants an address gets one, unless nobody has any to give. */
function checkProgress(cluster: AddressCluster): void {
  for (const { at } of cluster.hosts) {
    const [, second] = cluster.network.subnets;
    const family = second === undefined ? 4 : at % 2 === 0 ? 4 : 6;
    const wish: Wish = { at, key: `last-${at}`, ip: undefined, family, since: cluster.now };
    let outcome = cluster.attempt(wish);
    for (let turn = 0; outcome === "waiting" && turn < 40; turn += 1) {
      cluster.settle();
      outcome = cluster.attempt(wish);
      cluster.check();
    }
    if (outcome === "refused") assert.equal(canAnybodyGive(cluster, wish), false);
    else assert.equal(outcome, "allocated");
  }
}

describe("hosts that allocate and donate", () => {
  const marks = new Map<string, number>();

  it("never give an address twice, nor what they gave away, and go on when faults end", () => {
    const runs = fc.record({
      hosts: fc.integer({ min: 2, max: 5 }),
      space: fc.constantFrom(...spaces),
      seed: fc.nat(),
      isShared: fc.boolean(),
      steps: fc.array(step, { minLength: 20, maxLength: 200, size: "max" }),
    });
    fc.assert(
      fc.property(runs, ({ hosts, space, seed, isShared, steps }) => {
        const cluster = new AddressCluster({ hosts, subnets: space, seed, marks });
        if (isShared) cluster.share();
        const wishes: Wishes = { waiting: [], gone: [], count: 0 };
        for (const next of steps) {
          perform(cluster, wishes, next);
          cluster.check();
        }
        cluster.heal();
        checkProgress(cluster);
      }),
      { numRuns: Number(process.env["STARLING_RUNS"] ?? 300) },
    );
  }).timeout(120_000);

  it("have met every rare situation in those runs", () => {
    for (const mark of [
      "allocated",
      "allocated from a grant",
      "came back",
      "granted",
      "one address granted",
      "denied",
      "doubled",
      "asked again",
      "asked while writing",
      "prefetched",
      "cut off",
      "crashed",
      "grant lost in a crash",
    ])
      assert.ok((marks.get(mark) ?? 0) > 0, mark);
  });
});
