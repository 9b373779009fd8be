import assert from "node:assert/strict";
import { blockOf } from "../../ipam/block.ts";
import { Ledger } from "../../ipam/ledger.ts";
import { Pool } from "../../ipam/pool.ts";
import { cidr, endpointId, ip, networkId, simulatedHost } from "../agent/samples.ts";

const [self, other] = [simulatedHost(1), simulatedHost(2)];
const id = networkId(1);

function poolOf(subnet: string, given: string[] = []) {
  const ledger = new Ledger();
  ledger.setNetwork({ id, subnets: [cidr(subnet)], creator: self });
  for (const block of given) {
    ledger.addGrant({
      network: id,
      block: cidr(block),
      generation: 1,
      from: self,
      to: other,
      request: block,
    });
  }
  const pool = new Pool({ self, ledger, options: { restMs: 60_000 } });
  const take = (endpoint: number, wanted?: string, now = 0) =>
    pool.allocate(
      id,
      {
        subnet: cidr(subnet),
        endpoint: endpointId(endpoint),
        ip: wanted === undefined ? undefined : ip(wanted),
      },
      now,
    );
  return { pool, take };
}

describe("pool", () => {
  it("hands out each address once, and never the network, gateway or broadcast address", () => {
    const { take } = poolOf("10.32.0.0/26");
    const seen = new Set<string>();
    for (let at = 0; at < 61; at += 1) {
      const got = take(at);
      assert.equal(got.kind, "allocated");
      if (got.kind === "allocated") seen.add(got.ip);
    }
    assert.equal(seen.size, 61);
    for (const never of ["10.32.0.0", "10.32.0.1", "10.32.0.63"])
      assert.equal(seen.has(never), false);
    assert.deepEqual(take(99), { kind: "empty" });
  });

  it("lets a released address rest, and hands another one out meanwhile", () => {
    const { pool, take } = poolOf("10.32.0.0/26");
    assert.deepEqual(take(1), { kind: "allocated", ip: "10.32.0.2" });
    pool.release(id, ip("10.32.0.2"), 0);
    assert.deepEqual(take(2), { kind: "allocated", ip: "10.32.0.3" });
    assert.deepEqual(take(3, "10.32.0.2", 59_999), { kind: "taken", holder: undefined });
    assert.deepEqual(take(3, "10.32.0.2", 60_000), { kind: "allocated", ip: "10.32.0.2" });
  });

  it("hands out nothing of a block that is others', or about to be", () => {
    const { pool, take } = poolOf("10.32.0.0/26", ["10.32.0.32/27"]);
    assert.deepEqual(take(1, "10.32.0.40"), { kind: "foreign", owner: other });
    pool.give(id, blockOf(cidr("10.32.0.0/28")));
    assert.deepEqual(take(1, "10.32.0.5"), { kind: "empty" });
    assert.deepEqual(take(1), { kind: "allocated", ip: "10.32.0.16" });
  });

  it("says who has the address that is asked for", () => {
    const { take } = poolOf("10.32.0.0/26");
    take(7, "10.32.0.9");
    assert.deepEqual(take(8, "10.32.0.9"), { kind: "taken", holder: endpointId(7) });
    assert.deepEqual(take(8, "10.33.0.9"), { kind: "outside" });
    assert.deepEqual(take(8, "10.32.0.1"), { kind: "outside" });
  });

  it("counts what is free, and gives a reservation back without a rest", () => {
    const { pool, take } = poolOf("10.32.0.0/26", ["10.32.0.32/27"]);
    assert.equal(pool.free(id, 4), 30);
    take(1);
    assert.equal(pool.free(id, 4), 29);
    pool.giveBack(id, ip("10.32.0.2"));
    assert.equal(pool.free(id, 4), 30);
  });

  it("fills a /16 in time that grows with the addresses, not with their square", () => {
    const { take } = poolOf("10.32.0.0/16");
    for (let at = 0; at < 65_533; at += 1) assert.equal(take(at).kind, "allocated");
    assert.equal(take(0).kind, "empty");
  });
});
