import assert from "node:assert/strict";
import fc from "fast-check";
import { blockOf, cidrOfBlock, contains, halves, largestFree, without } from "../../ipam/block.ts";
import { donate, shareAtCreation, wantsMore } from "../../ipam/donation.ts";
import { type Grant, Ledger } from "../../ipam/ledger.ts";
import { cidr, ip, networkId, simulatedHost } from "../agent/samples.ts";

const [a, b, c] = [simulatedHost(1), simulatedHost(2), simulatedHost(3)];
const net = { id: networkId(1), subnets: [cidr("10.32.0.0/16")], creator: a };

function grant(from: typeof a, to: typeof a, block: string, generation: number): Grant {
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

/** Honest grants, one after the other: each by whoever then holds the block it is cut from. */
function grantsOf(steps: readonly (readonly [number, number, number])[]): Grant[] {
  const grants: Grant[] = [];
  for (const [to, which, depth] of steps) {
    const held = ledgerOf(grants).holdings(net.id);
    const holding = held[which % held.length];
    assert.ok(holding);
    let block = holding.block;
    for (let at = 0; at < depth && block.size > 16n; at += 1) {
      block = halves(block)[which % 2] ?? block;
    }
    const host = [a, b, c][to] ?? a;
    grants.push(grant(holding.owner, host, cidrOfBlock(block), holding.generation + 1));
  }
  return grants;
}

describe("block", () => {
  it("comes back from its text form", () => {
    for (const text of ["10.32.0.0/16", "10.32.5.6/32", "fd00:5::/64"]) {
      assert.equal(cidrOfBlock(blockOf(cidr(text))), text);
    }
  });

  it("without some parts is exactly the rest", () => {
    const whole = blockOf(cidr("10.0.0.0/26"));
    const parts = fc.uniqueArray(fc.nat(63), { maxLength: 10 });
    fc.assert(
      fc.property(parts, (addresses) => {
        const taken = addresses.map((at) => ({
          ...whole,
          first: whole.first + BigInt(at),
          size: 1n,
        }));
        const rest = without(whole, taken);
        const size = rest.reduce((sum, block) => sum + block.size, 0n);
        assert.equal(size, whole.size - BigInt(addresses.length));
        for (const block of rest) {
          assert.equal(block.first % block.size, 0n, "aligned");
          assert.ok(taken.every((part) => !contains(block, part)));
        }
      }),
    );
  });

  it("has no larger free part than the one that is found", () => {
    const whole = blockOf(cidr("10.0.0.0/26"));
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(63), { maxLength: 20 }), (addresses) => {
        const used = addresses.map((at) => whole.first + BigInt(at));
        const found = largestFree(whole, used);
        const taken = used.map((first) => ({ ...whole, first, size: 1n }));
        const largest = without(whole, taken).reduce(
          (most, { size }) => (size > most ? size : most),
          0n,
        );
        assert.equal(found?.size ?? 0n, largest);
        assert.ok(
          used.every(
            (at) => found === undefined || at < found.first || at >= found.first + found.size,
          ),
        );
      }),
    );
  });
});

describe("ledger", () => {
  it("gives all to the creator, and follows each part to the end of its chain", () => {
    assert.deepEqual(owners(ledgerOf([])), [`10.32.0.0/16 ${a} 0`]);
    const chain = [grant(a, b, "10.32.128.0/17", 1), grant(b, c, "10.32.192.0/18", 2)];
    assert.deepEqual(owners(ledgerOf(chain)), [
      `10.32.0.0/17 ${a} 0`,
      `10.32.128.0/18 ${b} 1`,
      `10.32.192.0/18 ${c} 2`,
    ]);
    assert.equal(ledgerOf(chain).ownerOf(net.id, ip("10.32.200.1"))?.owner, c);
  });

  it("takes a block back that was given back, a generation on", () => {
    const there = grant(a, b, "10.32.128.0/17", 1);
    const back = grant(b, a, "10.32.128.0/17", 2);
    assert.deepEqual(owners(ledgerOf([there, back])), [
      `10.32.0.0/17 ${a} 0`,
      `10.32.128.0/17 ${a} 2`,
    ]);
  });

  it("ignores who grants what it does not hold, or at another generation, or outside its part", () => {
    for (const forged of [
      grant(b, c, "10.32.0.0/17", 1),
      grant(a, b, "10.32.0.0/17", 2),
      grant(a, b, "10.40.0.0/17", 1),
    ]) {
      assert.deepEqual(owners(ledgerOf([forged])), [`10.32.0.0/16 ${a} 0`]);
    }
  });

  it("settles a liar's overlapping grants the same way on every host", () => {
    const two = [grant(a, b, "10.32.0.0/17", 1), grant(a, c, "10.32.0.0/18", 1)];
    assert.deepEqual(owners(ledgerOf(two)), owners(ledgerOf(two.toReversed())));
    assert.equal(ledgerOf(two).ownerOf(net.id, ip("10.32.0.5"))?.owner, b);
  });

  it("is the same whatever the order of grants, and always covers the subnet exactly once", () => {
    const moves = fc.array(fc.tuple(fc.nat(2), fc.nat(99), fc.nat(3)), { maxLength: 12 });
    fc.assert(
      fc.property(moves, fc.nat(), (steps, turn) => {
        const grants = grantsOf(steps);
        const ledger = ledgerOf(grants);
        const at = grants.length === 0 ? 0 : turn % grants.length;
        assert.deepEqual(
          owners(ledger),
          owners(ledgerOf([...grants.slice(at), ...grants.slice(0, at)])),
        );
        let next = blockOf(cidr("10.32.0.0/16")).first;
        for (const { block } of ledger.holdings(net.id)) {
          assert.equal(block.first, next);
          next += block.size;
        }
        assert.equal(next, blockOf(cidr("10.33.0.0/16")).first);
      }),
    );
  });
});

describe("donation", () => {
  it("shares half at creation, evenly, and the creator keeps the rest", () => {
    const ledger = ledgerOf(shareAtCreation(net, [b, c]));
    assert.deepEqual(owners(ledger), [
      `10.32.0.0/17 ${a} 0`,
      `10.32.128.0/18 ${b} 1`,
      `10.32.192.0/18 ${c} 1`,
    ]);
    assert.deepEqual(shareAtCreation(net, []), []);
  });

  it("shares a small subnet with as many as it suffices for", () => {
    const small = { ...net, subnets: [cidr("10.32.0.0/26")] };
    const grants = shareAtCreation(small, [b, c, simulatedHost(4)]);
    assert.deepEqual(
      grants.map(({ block }) => block),
      ["10.32.0.32/28", "10.32.0.48/28"],
    );
  });

  const request = {
    network: net.id,
    from: b,
    request: "q",
    family: 4,
    size: 20,
    ip: undefined,
  } as const;

  it("gives at most half of the largest free block, and what is asked where that is less", () => {
    const holdings = ledgerOf([]).blocksOf(net.id, a);
    const given = donate(request, { holdings, given: [], busy: [] });
    assert.equal(given?.block, "10.32.255.224/27");
    const all = donate({ ...request, size: 100_000 }, { holdings, given: [], busy: [] });
    assert.equal(all?.block, "10.32.128.0/17");
  });

  it("answers the same request with the same grant", () => {
    const holdings = ledgerOf([]).blocksOf(net.id, a);
    const first = donate(request, { holdings, given: [], busy: [] });
    assert.ok(first);
    assert.equal(donate(request, { holdings, given: [first], busy: [] }), first);
  });

  it("never gives an address in use away, nor a block that is too small to halve", () => {
    const holdings = ledgerOf([]).blocksOf(net.id, a);
    const wanted = { ...request, ip: ip("10.32.0.9") };
    assert.equal(donate(wanted, { holdings, given: [], busy: [ip("10.32.0.9")] }), undefined);
    assert.equal(donate(wanted, { holdings, given: [], busy: [] })?.block, "10.32.0.9/32");
    const small = [{ block: blockOf(cidr("10.32.0.0/28")), generation: 0, owner: a }];
    assert.equal(donate(request, { holdings: small, given: [], busy: [] }), undefined);
  });

  it("is asked for before a host runs dry", () => {
    assert.equal(wantsMore(7, 16), true);
    assert.equal(wantsMore(30, 128), true);
    assert.equal(wantsMore(33, 128), false);
  });
});
