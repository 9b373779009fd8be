import assert from "node:assert/strict";
import { ipToNumber, numberToIp } from "../../base/address.ts";
import { blockOf, cidrOfBlock } from "../../ipam/block.ts";
import type { Grant, Holding } from "../../ipam/grant.ts";
import { Pool, usableIn } from "../../ipam/pool.ts";
import { cidr, ip, networkId } from "../agent/samples.ts";
import { a, b } from "./world.ts";

function holdings(...blocks: readonly string[]): Holding[] {
  return blocks.map((text) => ({
    block: blockOf(cidr(text)),
    generation: 0,
    owner: a,
    grant: undefined,
  }));
}

function at(text: string): bigint {
  return ipToNumber(ip(text));
}

function take(pool: Pool, owned: readonly Holding[], key: string): string | undefined {
  const address = pool.next(owned, key);
  if (address === undefined) return undefined;
  pool.use(address, key);
  return numberToIp(address, pool.family);
}

function grantOf(block: string): Grant {
  return {
    network: networkId(1),
    block: cidr(block),
    generation: 1,
    from: a,
    to: b,
    request: "r",
  };
}

describe("pool", () => {
  const subnet = cidr("10.32.0.0/26");
  const whole = holdings("10.32.0.0/26");

  it("hands out each address once, and never the network, gateway or broadcast address", () => {
    const pool = new Pool(subnet);
    const seen = Array.from({ length: 61 }, (_, n) => take(pool, whole, String(n)));
    assert.equal(new Set(seen).size, 61);
    assert.equal(seen.includes(undefined), false);
    for (const never of ["10.32.0.0", "10.32.0.1", "10.32.0.63"]) {
      assert.equal(seen.includes(never), false);
      assert.deepEqual(pool.stateOf(at(never)), { kind: "unusable" });
    }
    assert.equal(take(pool, whole, "last"), undefined);
    assert.equal(usableIn(subnet), 61n);
    assert.equal(usableIn(cidr("fd00:5::/64")), 2n ** 64n - 2n);
  });

  it("hands out nothing from outside the blocks that are ours", () => {
    const pool = new Pool(subnet);
    const owned = holdings("10.32.0.16/30", "10.32.0.48/31");
    const seen = Array.from({ length: 7 }, (_, n) => take(pool, owned, String(n)));
    assert.deepEqual(seen.slice(0, 6), [
      "10.32.0.16",
      "10.32.0.17",
      "10.32.0.18",
      "10.32.0.19",
      "10.32.0.48",
      "10.32.0.49",
    ]);
    assert.equal(seen[6], undefined);
  });

  it("lets a released address rest, and goes on to the next", () => {
    const pool = new Pool(subnet);
    const owned = holdings("10.32.0.16/30");
    assert.equal(take(pool, owned, "x"), "10.32.0.16");
    pool.release(at("10.32.0.16"), 60_000);
    assert.deepEqual(pool.stateOf(at("10.32.0.16")), { kind: "resting", key: "x" });
    for (const n of [17, 18, 19]) assert.equal(take(pool, owned, "y"), `10.32.0.${n}`);
    pool.tick(59_999);
    assert.equal(take(pool, owned, "y"), undefined);
    pool.tick(60_000);
    assert.equal(take(pool, owned, "y"), "10.32.0.16");
  });

  it("gives an address back to who had it, also while it rests", () => {
    const pool = new Pool(subnet);
    assert.equal(take(pool, whole, "db"), "10.32.0.2");
    assert.equal(take(pool, whole, "web"), "10.32.0.3");
    pool.release(at("10.32.0.2"), 60_000);
    assert.equal(take(pool, whole, "db"), "10.32.0.2");
    assert.deepEqual(pool.stateOf(at("10.32.0.2")), { kind: "used", key: "db" });
    pool.tick(60_000);
    assert.deepEqual(pool.stateOf(at("10.32.0.2")), { kind: "used", key: "db" });
    assert.equal(take(pool, whole, "other"), "10.32.0.4");
  });

  it("does not give it back from a block that is no longer ours", () => {
    const pool = new Pool(subnet);
    assert.equal(take(pool, whole, "db"), "10.32.0.2");
    pool.release(at("10.32.0.2"), 60_000);
    assert.equal(take(pool, holdings("10.32.0.32/27"), "db"), "10.32.0.32");
  });

  it("gives a reservation that nothing came of to the next at once", () => {
    const pool = new Pool(subnet);
    const owned = holdings("10.32.0.16/32");
    assert.equal(take(pool, owned, "x"), "10.32.0.16");
    pool.giveBack(at("10.32.0.16"));
    assert.equal(take(pool, owned, "y"), "10.32.0.16");
  });

  it("hands out nothing of a pledged block, until the pledge is over", () => {
    const pool = new Pool(subnet);
    const grant = grantOf("10.32.0.0/27");
    pool.pledge(grant);
    assert.deepEqual(pool.stateOf(at("10.32.0.5")), { kind: "pledged", grant });
    assert.equal(take(pool, whole, "x"), "10.32.0.32");
    pool.endPledges(() => false);
    assert.deepEqual(pool.pledges(), [grant]);
    pool.endPledges((each) => each === grant);
    assert.deepEqual(pool.stateOf(at("10.32.0.5")), { kind: "free" });
    assert.deepEqual(pool.pledges(), []);
  });

  it("counts what it could hand out", () => {
    const pool = new Pool(subnet);
    assert.equal(pool.free(whole), 61n);
    assert.equal(pool.free(holdings("10.32.0.0/28", "10.32.0.32/28")), 30n);
    take(pool, whole, "x");
    pool.pledge(grantOf("10.32.0.32/27"));
    assert.equal(pool.free(whole), 29n);
  });

  it("finds the largest part that nobody uses anything of, the last of equals", () => {
    const pool = new Pool(subnet);
    const largest = (owned: readonly Holding[]) => {
      const part = pool.largestFree(owned);
      return part && cidrOfBlock(part.block);
    };
    assert.equal(largest(whole), "10.32.0.32/28");
    pool.use(at("10.32.0.40"), "x");
    assert.equal(largest(whole), "10.32.0.16/28");
    assert.equal(largest(holdings("10.32.0.32/28")), "10.32.0.32/29");
    assert.equal(largest(holdings("10.32.0.40/32")), undefined);
    assert.equal(largest(holdings("10.32.0.16/29", "10.32.0.48/29")), "10.32.0.48/29");
  });

  it("serves a /64 as it serves a /24", () => {
    const pool = new Pool(cidr("fd00:5::/64"));
    const owned = holdings("fd00:5::/64");
    assert.equal(take(pool, owned, "x"), "fd00:5::2");
    assert.equal(take(pool, owned, "y"), "fd00:5::3");
    assert.equal(pool.largestFree(owned)?.block.size, 2n ** 63n);
  });

  it("fills a /16 in time that grows with the addresses, also once it is full of holes", () => {
    const pool = new Pool(cidr("10.32.0.0/16"));
    const owned = holdings("10.32.0.0/16");
    for (let n = 0; n < 65_533; n += 1) assert.notEqual(take(pool, owned, String(n)), undefined);
    assert.equal(take(pool, owned, "last"), undefined);
    const first = at("10.32.0.2");
    for (let n = 0n; n < 65_533n; n += 2n) pool.release(first + n, 1);
    pool.tick(1);
    assert.equal(pool.largestFree(owned)?.block.size, 1n);
    for (let n = 0; n < 32_767; n += 1) assert.notEqual(take(pool, owned, "again"), undefined);
    assert.equal(take(pool, owned, "last"), undefined);
  }).timeout(20_000);
});
