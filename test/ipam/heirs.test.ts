import assert from "node:assert/strict";
import fc from "fast-check";
import type { Ip } from "../../base/address.ts";
import { blockOf, cidrOfBlock } from "../../ipam/block.ts";
import type { Holding } from "../../ipam/grant.ts";
import { handOn } from "../../ipam/heirs.ts";
import { Ledger } from "../../ipam/ledger.ts";
import { cidr } from "../agent/samples.ts";
import { a, b, c, d, networkOf } from "./world.ts";

const network = networkOf("10.32.0.0/20", "fd00:5::/64");

function estateOf(...blocks: readonly string[]) {
  const holdings: Holding[] = blocks.map((text) => ({
    block: blockOf(cidr(text)),
    generation: 2,
    owner: a,
    grant: undefined,
  }));
  return { network: network.id, holdings, by: b, request: "r", inUse: [] };
}

describe("what a host leaves", () => {
  it("goes to whoever uses an address of it, and the rest to the heirs", () => {
    const inUse = [
      { ip: "10.32.0.9" as Ip, host: d },
      { ip: "10.99.0.1" as Ip, host: d },
    ];
    const grants = handOn({ ...estateOf("10.32.0.0/28"), heirs: [c], inUse });
    const [first, ...rest] = grants;
    assert.deepEqual([first?.block, first?.to, first?.generation], ["10.32.0.9/32", d, 3]);
    assert.deepEqual(new Set(rest.map(({ to }) => to)), new Set([c]));
    const size = rest.reduce((sum, { block }) => sum + blockOf(block).size, 0n);
    assert.equal(size, 15n, "all of it, and nothing twice");
  });

  it("is halved into even shares, each a generation on and in its owner's name", () => {
    const grants = handOn({ ...estateOf("10.32.0.0/24"), heirs: [c, b] });
    assert.deepEqual(
      grants.map(({ block, to }) => `${block} ${to}`),
      [`10.32.0.0/25 ${[b, c].sort()[0]}`, `10.32.0.128/25 ${[b, c].sort()[1]}`],
    );
    assert.ok(
      grants.every(({ from, by, generation }) => from === a && by === b && generation === 3),
    );
  });

  it("goes nowhere without an heir, and is not cut below the smallest block", () => {
    assert.deepEqual(handOn({ ...estateOf("10.32.0.0/24"), heirs: [] }), []);
    const small = handOn({ ...estateOf("10.32.0.0/28", "10.32.0.16/30"), heirs: [b, c, d] });
    assert.deepEqual(
      small.map(({ block }) => block),
      ["10.32.0.0/28", "10.32.0.16/30"],
    );
  });

  it("is all handed on, in both families, and nobody gets twice what another gets", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9 }), fc.nat(7), (count, given) => {
        const ledger = new Ledger();
        ledger.setNetwork(network);
        const heirs = [b, c, d, ...Array.from({ length: 6 }, (_, at) => `${b}${at}`)];
        const some = heirs.slice(0, count) as (typeof b)[];
        if (given > 0)
          ledger.addGrant({
            network: network.id,
            block: cidrOfBlock({ ...blockOf(cidr("10.32.0.0/20")), size: 1n << BigInt(given) }),
            generation: 1,
            from: a,
            to: b,
            request: "before",
          });
        const holdings = ledger.blocksOf(network.id, a);
        const estate = {
          network: network.id,
          holdings,
          by: undefined,
          heirs: some,
          request: "r",
          inUse: [],
        };
        for (const grant of handOn(estate)) ledger.addGrant(grant);
        assert.deepEqual(ledger.blocksOf(network.id, a), []);
        assert.deepEqual(ledger.ignored(network.id), []);
        const shares = some.map((heir) =>
          ledger
            .blocksOf(network.id, heir)
            .filter(({ block, grant }) => block.family === 6 && grant?.request === "r")
            .reduce((sum, { block }) => sum + block.size, 0n),
        );
        const least = shares.reduce((low, share) => (share < low ? share : low));
        assert.ok(shares.every((share) => share <= 2n * least));
      }),
    );
  });
});
