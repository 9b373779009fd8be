import assert from "node:assert/strict";
import fc from "fast-check";
import type { HostId } from "../../base/id.ts";
import { blockOf, cidrOfBlock, halves, without } from "../../ipam/block.ts";
import type { Grant, NetworkSpace } from "../../ipam/grant.ts";
import { Ledger } from "../../ipam/ledger.ts";
import { cidr, ip, networkId, simulatedHost } from "../agent/samples.ts";

const [a, b, c, d] = [simulatedHost(1), simulatedHost(2), simulatedHost(3), simulatedHost(4)];
const hosts = [a, b, c, d];
const net: NetworkSpace = {
  id: networkId(1),
  subnets: [cidr("10.32.0.0/20"), cidr("fd00:5::/64")],
  creator: a,
};

function grant(from: HostId, to: HostId, block: string, generation: number): Grant {
  return { network: net.id, block: cidr(block), generation, from, to, request: "r" };
}

function ledgerOf(grants: readonly Grant[]): Ledger {
  const ledger = new Ledger();
  for (const one of grants) ledger.addGrant(one);
  ledger.setNetwork(net);
  return ledger;
}

function owners(ledger: Ledger): string[] {
  return ledger
    .holdings(net.id)
    .map(({ block, owner, generation }) => `${cidrOfBlock(block)} ${owner} ${generation}`);
}

const six = `fd00:5::/64 ${a} 0`;

/** Throws unless holdings are the subnets, each address once. */
function checkPartition(ledger: Ledger): void {
  const held = ledger.holdings(net.id).map(({ block }) => block);
  for (const subnet of net.subnets.map(blockOf)) {
    let next = subnet.first;
    for (const block of held.filter(({ family }) => family === subnet.family)) {
      assert.equal(block.first, next);
      assert.equal(block.first % block.size, 0n);
      next += block.size;
    }
    assert.equal(next, subnet.first + subnet.size);
  }
}

type Move = { readonly to: number; readonly which: number; readonly depth: number };
const move: fc.Arbitrary<Move> = fc.record({
  to: fc.nat(3),
  which: fc.nat(99),
  depth: fc.nat(4),
});
const moves = fc.array(move, { maxLength: 25 });

/** Grants as honest hosts write them, in the order of writing. */
function honest(steps: readonly Move[]): Grant[] {
  const ledger = ledgerOf([]);
  const grants: Grant[] = [];
  for (const { to, which, depth } of steps) {
    const held = ledger.holdings(net.id);
    const holding = held[which % held.length];
    assert.ok(holding);
    let block = holding.block;
    for (let at = 0; at < depth && block.size > 16n; at += 1)
      block = halves(block)[(which >> at) % 2] ?? block;
    const from = holding.owner;
    const next = grant(from, hosts[to] ?? a, cidrOfBlock(block), holding.generation + 1);
    ledger.addGrant(next);
    grants.push(next);
  }
  return grants;
}

/** Grants of hosts that write whatever they like. */
const lies: fc.Arbitrary<Grant> = fc
  .record({
    from: fc.nat(3),
    to: fc.nat(3),
    at: fc.nat(15),
    power: fc.nat(4),
    generation: fc.nat(3),
    by: fc.nat(7),
  })
  .map(({ from, to, at, power, generation, by }) => {
    const size = 2n ** BigInt(8 + power);
    const first = blockOf(cidr("10.32.0.0/20")).first + ((BigInt(at) * 256n) / size) * size;
    const block = cidrOfBlock({ family: 4, first, size });
    const given = grant(hosts[from] ?? a, hosts[to] ?? a, block, generation);
    const settler = hosts[by];
    return settler === undefined ? given : { ...given, by: settler };
  });

describe("ledger", () => {
  it("gives all to the creator, and follows each part to the end of its chain", () => {
    assert.deepEqual(owners(ledgerOf([])), [`10.32.0.0/20 ${a} 0`, six]);
    const chain = [grant(a, b, "10.32.8.0/21", 1), grant(b, c, "10.32.12.0/22", 2)];
    const ledger = ledgerOf(chain);
    assert.deepEqual(owners(ledger), [
      `10.32.0.0/21 ${a} 0`,
      `10.32.8.0/22 ${b} 1`,
      `10.32.12.0/22 ${c} 2`,
      six,
    ]);
    assert.equal(ledger.ownerOf(net.id, ip("10.32.13.1"))?.owner, c);
    assert.equal(ledger.ownerOf(net.id, ip("fd00:5::9"))?.owner, a);
    assert.equal(ledger.ownerOf(net.id, ip("10.33.0.1")), undefined);
    assert.equal(ledger.ownerOf(net.id, ip("fd00:6::9")), undefined);
  });

  it("takes a block back that was given back, a generation on", () => {
    const there = grant(a, b, "10.32.8.0/21", 1);
    const back = grant(b, a, "10.32.8.0/21", 2);
    assert.deepEqual(owners(ledgerOf([there, back])), [
      `10.32.0.0/21 ${a} 0`,
      `10.32.8.0/21 ${a} 2`,
      six,
    ]);
  });

  it("ignores who grants what it does not hold, at another generation, or outside its part", () => {
    for (const forged of [
      grant(b, c, "10.32.0.0/21", 1),
      grant(a, b, "10.32.0.0/21", 2),
      grant(a, b, "10.32.0.0/21", 0),
      grant(a, b, "10.40.0.0/21", 1),
      grant(a, b, "10.0.0.0/8", 1),
    ]) {
      const ledger = ledgerOf([forged]);
      assert.deepEqual(owners(ledger), [`10.32.0.0/20 ${a} 0`, six]);
      assert.deepEqual(ledger.ignored(net.id), [{ grant: forged, reason: "not-owner" }]);
    }
  });

  it("reports a host that grants twice, and lets the larger, then the lower block count", () => {
    const [large, small] = [grant(a, b, "10.32.0.0/21", 1), grant(a, c, "10.32.0.0/22", 1)];
    for (const order of [
      [large, small],
      [small, large],
    ]) {
      const ledger = ledgerOf(order);
      assert.equal(ledger.ownerOf(net.id, ip("10.32.0.5"))?.owner, b);
      assert.deepEqual(ledger.ignored(net.id), [{ grant: small, reason: "overlap" }]);
    }
  });

  it("keeps a grant that comes before those it builds on, and before its network", () => {
    const [first, second] = [grant(a, b, "10.32.8.0/21", 1), grant(b, c, "10.32.12.0/22", 2)];
    const ledger = new Ledger();
    ledger.addGrant(second);
    assert.deepEqual(ledger.holdings(net.id), []);
    ledger.setNetwork(net);
    assert.equal(ledger.ownerOf(net.id, ip("10.32.13.1"))?.owner, a);
    ledger.addGrant(first);
    assert.equal(ledger.ownerOf(net.id, ip("10.32.13.1"))?.owner, c);
    ledger.removeNetwork(net.id);
    assert.deepEqual(ledger.holdings(net.id), []);
  });

  it("lets a bequest outrank what its retired host granted unheard, in any order", () => {
    const heard = grant(a, b, "10.32.8.0/22", 1);
    const unheard = [grant(a, c, "10.32.0.0/22", 1), grant(a, c, "10.32.12.0/22", 1)];
    const bequests = ["10.32.0.0/21", "10.32.12.0/22"].map((block) => ({
      ...grant(a, d, block, 1),
      by: b,
    }));
    const written = [heard, ...unheard, ...bequests];
    for (const order of [written, written.toReversed()]) {
      const ledger = new Ledger();
      ledger.setNetwork(net);
      for (const one of order) {
        ledger.addGrant(one);
        checkPartition(ledger);
      }
      assert.deepEqual(owners(ledger), [
        `10.32.0.0/21 ${d} 1`,
        `10.32.8.0/22 ${b} 1`,
        `10.32.12.0/22 ${d} 1`,
        six,
      ]);
      assert.deepEqual(ledger.grantsBy(b, net.id).length, 2, "a bequest is its writer's");
    }
  });

  it("names what each host has written, and holds", () => {
    const ledger = ledgerOf([grant(a, b, "10.32.8.0/21", 1)]);
    assert.deepEqual(ledger.grantsBy(a, net.id), [grant(a, b, "10.32.8.0/21", 1)]);
    assert.deepEqual(ledger.grantsBy(b, net.id), []);
    assert.deepEqual(
      ledger.blocksOf(net.id, b).map(({ block }) => cidrOfBlock(block)),
      ["10.32.8.0/21"],
    );
    assert.equal(ledger.blocksOf(net.id, b), ledger.blocksOf(net.id, b));
  });

  it("has the same owners whatever the order in which grants come, and go", () => {
    const grants = fc.oneof(moves.map(honest), fc.array(lies, { maxLength: 25 }));
    fc.assert(
      fc.property(grants, fc.infiniteStream(fc.nat()), fc.nat(5), (known, draws, gone) => {
        const expected = owners(ledgerOf(known));
        const order = known
          .map((each) => ({ each, at: draws.next().value ?? 0 }))
          .toSorted((x, y) => x.at - y.at)
          .map(({ each }) => each);
        const ledger = new Ledger();
        ledger.setNetwork(net);
        // Looking in between has it worked out step by step.
        for (const each of order) {
          ledger.addGrant(each);
          if ((draws.next().value ?? 0) % 2 === 0) checkPartition(ledger);
        }
        assert.deepEqual(owners(ledger), expected);
        const extra = grant(a, c, `10.32.${gone}.0/24`, 1);
        if (known.some(({ block, from }) => block === extra.block && from === a)) return;
        ledger.addGrant(extra);
        checkPartition(ledger);
        ledger.removeGrant(extra);
        assert.deepEqual(owners(ledger), expected);
      }),
      { numRuns: 300 },
    );
  });

  it("only ever goes forward along a chain of honest hosts, and ignores nothing of theirs", () => {
    const places = Array.from({ length: 256 }, (_, at) => ip(`10.32.${at >> 4}.${(at & 15) * 16}`));
    const generations = (ledger: Ledger) =>
      places.map((place) => ledger.ownerOf(net.id, place)?.generation ?? -1);
    fc.assert(
      fc.property(moves, (steps) => {
        const ledger = ledgerOf([]);
        for (const each of honest(steps)) {
          const before = generations(ledger);
          ledger.addGrant(each);
          assert.ok(generations(ledger).every((after, at) => after >= (before[at] ?? 0)));
        }
        checkPartition(ledger);
        assert.deepEqual(ledger.ignored(net.id), []);
      }),
      { numRuns: 100 },
    );
  });

  it("never believes of a host, from a part of what was written, that it has what it gave away", () => {
    const lags = fc.array(fc.nat(25), { minLength: 4, maxLength: 4 });
    fc.assert(
      fc.property(moves, lags, (steps, prefixes) => {
        const grants = honest(steps);
        const truth = ledgerOf(grants);
        // A host knows its own grants, and of every other host's a beginning.
        const view = ledgerOf(
          hosts.flatMap((host, at) =>
            grants.filter(({ from }) => from === host).slice(0, host === a ? 99 : prefixes[at]),
          ),
        );
        const owned = truth.blocksOf(net.id, a).map(({ block }) => block);
        for (const { block } of view.blocksOf(net.id, a))
          assert.deepEqual(without(block, owned), [], "all of it is owned in truth");
      }),
      { numRuns: 300 },
    );
  });

  it("works 4,096 grants out in well under a second, in any order", () => {
    const large = { id: networkId(2), subnets: [cidr("10.64.0.0/16")], creator: a };
    const grants = Array.from({ length: 4_096 }, (_, at) => ({
      network: large.id,
      block: cidrOfBlock({
        family: 4,
        first: blockOf(cidr("10.64.0.0/16")).first + BigInt(at * 16),
        size: 16n,
      }),
      generation: 1,
      from: a,
      to: hosts[at % 4] ?? a,
      request: String(at),
    }));
    const startedAt = performance.now();
    const ledger = new Ledger();
    for (const each of grants) ledger.addGrant(each);
    ledger.setNetwork(large);
    assert.equal(ledger.holdings(large.id).length, 4_096);
    const other = new Ledger();
    other.setNetwork(large);
    for (const each of grants.toReversed()) {
      other.addGrant(each);
      other.blocksOf(large.id, b);
    }
    assert.deepEqual(other.holdings(large.id), ledger.holdings(large.id));
    assert.ok(performance.now() - startedAt < 5_000);
  });
});
