import assert from "node:assert/strict";
import { ipToNumber } from "../../base/address.ts";
import { blockOf } from "../../ipam/block.ts";
import { type DonationRequest, donate, shareAtCreation, wantsMore } from "../../ipam/donation.ts";
import type { Grant, Holding } from "../../ipam/grant.ts";
import { Ledger } from "../../ipam/ledger.ts";
import { Pool } from "../../ipam/pool.ts";
import { cidr, ip, simulatedHost } from "../agent/samples.ts";
import { a, b, c, networkOf } from "./world.ts";

const net = networkOf("10.32.0.0/16");
const request: DonationRequest = {
  network: net.id,
  from: b,
  request: "q",
  family: 4,
  size: 20,
  ip: undefined,
};

/** What a donor has that uses these addresses of its blocks. */
function stock(
  blocks: readonly string[],
  used: readonly string[] = [],
  given: readonly Grant[] = [],
) {
  const pool = new Pool(cidr("10.32.0.0/16"));
  for (const text of used) pool.use(ipToNumber(ip(text)), text);
  const owned: Holding[] = blocks.map((text) => ({
    block: blockOf(cidr(text)),
    generation: 3,
    owner: a,
    grant: undefined,
  }));
  return { pool, owned, given };
}

function blocks(grants: readonly Grant[]): string[] {
  return grants.map(({ block, to }) => `${block} ${to === b ? "b" : to === c ? "c" : "?"}`);
}

describe("donation", () => {
  it("shares half at creation, evenly, and the creator keeps the rest", () => {
    const shares = shareAtCreation(net, [a, b, c, b]);
    assert.deepEqual(blocks(shares), ["10.32.128.0/18 b", "10.32.192.0/18 c"]);
    assert.deepEqual(shareAtCreation(net, [a]), []);
    const ledger = new Ledger();
    ledger.setNetwork(net);
    for (const share of shares) ledger.addGrant(share);
    assert.deepEqual(ledger.ignored(net.id), []);
    assert.equal(ledger.ownerOf(net.id, ip("10.32.127.255"))?.owner, a);
  });

  it("shares any subnet from /26 to /8, and a /64", () => {
    const first = (subnet: string) => blocks(shareAtCreation(networkOf(subnet), [b]))[0];
    assert.equal(first("10.32.0.0/26"), "10.32.0.32/27 b");
    assert.equal(first("10.0.0.0/8"), "10.128.0.0/9 b");
    assert.equal(first("fd00:5::/64"), "fd00:5:0:0:8000::/65 b");
    const both = shareAtCreation(networkOf("10.32.0.0/24", "fd00:5::/64"), [b]);
    assert.deepEqual(blocks(both), ["10.32.0.128/25 b", "fd00:5:0:0:8000::/65 b"]);
  });

  it("shares a small subnet with as many as it suffices for, sixteen addresses each", () => {
    const hosts = Array.from({ length: 9 }, (_, at) => simulatedHost(at + 2));
    assert.deepEqual(blocks(shareAtCreation(networkOf("10.32.0.0/26"), hosts)), [
      "10.32.0.32/28 b",
      "10.32.0.48/28 c",
    ]);
  });

  it("gives at most half of the largest free block, and what is asked where that is less", () => {
    const ours = stock(["10.32.0.0/16"]);
    assert.equal(donate(request, ours)?.block, "10.32.191.224/27");
    assert.equal(donate({ ...request, size: 100_000 }, ours)?.block, "10.32.160.0/19");
    assert.equal(donate({ ...request, size: 1 }, stock(["10.32.4.0/30"]))?.block, "10.32.4.3/32");
  });

  it("gives sixteen addresses at least, but to a host that has asked everybody in vain", () => {
    const ours = stock(["10.32.4.0/28"]);
    assert.equal(donate(request, ours), undefined);
    assert.equal(donate({ ...request, size: 16 }, ours), undefined);
    assert.equal(donate({ ...request, size: 4 }, ours)?.block, "10.32.4.12/30");
    assert.equal(donate({ ...request, size: 1 }, stock(["10.32.4.0/32"])), undefined);
  });

  it("counts a generation on, in its own name", () => {
    const grant = donate(request, stock(["10.32.4.0/24"]));
    assert.deepEqual(grant, {
      network: net.id,
      block: "10.32.4.224/27",
      generation: 4,
      from: a,
      to: b,
      request: "q",
    });
  });

  it("answers the same request with the same grant, and another with another", () => {
    const first = donate(request, stock(["10.32.4.0/24"]));
    assert.ok(first);
    const later = stock(["10.32.4.0/25"], [], [first]);
    assert.equal(donate(request, later), first);
    assert.notEqual(donate({ ...request, request: "r" }, later)?.block, first.block);
    assert.notEqual(donate({ ...request, from: c }, later)?.block, first.block);
  });

  it("never gives away what is in use", () => {
    const used = ["10.32.4.2", "10.32.4.130", "10.32.4.200"];
    assert.equal(
      donate({ ...request, size: 999 }, stock(["10.32.4.0/24"], used))?.block,
      "10.32.4.96/27",
    );
    const single = { ...request, ip: ip("10.32.4.130") };
    assert.equal(donate(single, stock(["10.32.4.0/24"], used)), undefined);
    assert.equal(donate(single, stock(["10.32.4.0/24"]))?.block, "10.32.4.130/32");
    assert.equal(donate(single, stock(["10.32.5.0/24"])), undefined);
  });

  it("never gives the network, gateway or broadcast address", () => {
    for (const text of ["10.32.0.0", "10.32.0.1", "10.32.255.255"])
      assert.equal(donate({ ...request, ip: ip(text) }, stock(["10.32.0.0/16"])), undefined);
  });

  it("is wanted before a host runs dry", () => {
    assert.equal(wantsMore(7n, 16n), true);
    assert.equal(wantsMore(8n, 16n), false);
    assert.equal(wantsMore(31n, 128n), true);
    assert.equal(wantsMore(32n, 128n), false);
    assert.equal(wantsMore(0n, 0n), true);
  });
});
