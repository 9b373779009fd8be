import assert from "node:assert/strict";
import type { Ip } from "../../base/address.ts";
import type { HostId } from "../../base/id.ts";
import type { Allocation, Allocator } from "../../ipam/allocator.ts";
import type { Ask } from "../../ipam/asks.ts";
import type { Grant, NetworkSpace } from "../../ipam/grant.ts";
import { cidr, ip, networkId } from "../agent/samples.ts";
import { a, allocatorOf, b, c, networkOf, options } from "./world.ts";

const net = networkOf("10.32.0.0/24");

type Wish = {
  readonly key?: string;
  readonly ip?: string;
  readonly mayRest?: boolean;
  readonly since?: number;
};

function allocate(allocator: Allocator, wish: Wish = {}, now = 0, network = net): Allocation {
  const [subnet] = network.subnets;
  assert.ok(subnet);
  return allocator.allocate(
    {
      network: network.id,
      subnet,
      key: wish.key ?? "x",
      ip: wish.ip === undefined ? undefined : ip(wish.ip),
      mayRest: wish.mayRest ?? false,
      since: wish.since ?? 0,
    },
    now,
  );
}

function allocated(allocation: Allocation): Ip {
  assert.equal(allocation.kind, "allocated", JSON.stringify(allocation));
  return allocation.kind === "allocated" ? allocation.ip : ip("::");
}

function asked(allocation: Allocation): Ask {
  assert.ok(allocation.kind === "ask" && allocation.isNew, JSON.stringify(allocation));
  return allocation.ask;
}

function refused(allocation: Allocation): string {
  assert.equal(allocation.kind, "refused");
  return allocation.kind === "refused"
    ? `${allocation.refusal.code}: ${allocation.refusal.message}`
    : "";
}

function granted(from: Allocator, to: HostId, ask: Ask): Grant {
  const donation = from.donate({ ...ask, from: to });
  assert.equal(donation.kind, "granted", JSON.stringify(donation));
  return donation.kind === "granted" ? donation.grant : (undefined as never);
}

function share(block: string, to: HostId, network: NetworkSpace = net): Grant {
  return { network: network.id, block: cidr(block), generation: 1, from: a, to, request: "s" };
}

describe("allocator", () => {
  it("lets an address rest that was in use before its network was known", () => {
    const { allocator, ledger } = allocatorOf(a, net);
    const first = "10.32.0.2";
    ledger.removeNetwork(net.id);
    allocator.use(net.id, ip(first), "x");
    ledger.setNetwork(net);
    allocator.release(net.id, ip(first), 0);
    assert.notEqual(allocated(allocate(allocator, { key: "y" })), first);
  });

  it("gives addresses from its own blocks at once, and the one that is asked for", () => {
    const { allocator } = allocatorOf(a, net);
    assert.equal(allocated(allocate(allocator)), "10.32.0.2");
    assert.equal(allocated(allocate(allocator, { key: "y", ip: "10.32.0.99" })), "10.32.0.99");
  });

  it("gives an endpoint that comes back its address, and nobody else for a minute", () => {
    const { allocator } = allocatorOf(a, net);
    const before = allocated(allocate(allocator, { key: "db" }));
    allocator.release(net.id, before, 0);
    assert.notEqual(allocated(allocate(allocator, { key: "web" }, 1)), before);
    const taken = refused(allocate(allocator, { key: "web", ip: before }, 1));
    assert.match(taken, /^ADDRESS_TAKEN: .* removed less than a minute ago/);
    assert.equal(allocated(allocate(allocator, { key: "db" }, 2)), before);
    allocator.release(net.id, before, 2);
    allocator.tick(2 + options.restMs);
    assert.equal(allocated(allocate(allocator, { key: "web", ip: before }, 70_000)), before);
  });

  it("gives a resting address to a runtime that names it, and no other address at rest", () => {
    const { allocator } = allocatorOf(a, net);
    const before = allocated(allocate(allocator, { key: "db" }));
    allocator.release(net.id, before, 0);
    assert.notEqual(allocated(allocate(allocator, { key: "x", mayRest: true }, 1)), before);
    const again = { key: "y", ip: before, mayRest: true };
    assert.equal(allocated(allocate(allocator, again, 2)), before);
    assert.match(refused(allocate(allocator, { ...again, key: "z" }, 3)), /^ADDRESS_TAKEN: /);
  });

  it("refuses an address that is taken, and says by whom", () => {
    const holder = (_: unknown, address: Ip) =>
      address === "10.32.0.200" ? "endpoint db on host b" : undefined;
    const { allocator, ledger } = allocatorOf(a, net, { holder });
    ledger.addGrant(share("10.32.0.128/25", b));
    allocated(allocate(allocator, { ip: "10.32.0.9" }));
    assert.match(refused(allocate(allocator, { ip: "10.32.0.9" })), /^ADDRESS_TAKEN: /);
    assert.equal(
      refused(allocate(allocator, { ip: "10.32.0.200" })),
      "ADDRESS_TAKEN: 10.32.0.200 is taken by endpoint db on host b",
    );
    for (const never of ["10.32.0.0", "10.32.0.1", "10.32.0.255", "10.33.0.1", "fd00::1"])
      assert.match(refused(allocate(allocator, { ip: never })), /^ADDRESS_OUTSIDE: /);
  });

  it("asks for what it lacks, and has it once the grant is known", () => {
    const [donor, asker] = [allocatorOf(a, net), allocatorOf(b, net)];
    const ask = asked(allocate(asker.allocator, {}, 5));
    assert.deepEqual([ask.to, ask.size, ask.ip], [a, 16, undefined]);
    assert.equal(allocate(asker.allocator, {}, 6).kind, "ask", "it waits");
    const grant = granted(donor.allocator, b, ask);
    for (const { ledger } of [donor, asker]) ledger.addGrant(grant);
    asker.allocator.granted(grant.request);
    const address = allocated(allocate(asker.allocator, {}, 7));
    assert.equal(asker.ledger.ownerOf(net.id, address)?.owner, b);
  });

  it("asks the owner for an address in its range, and names it where that fails", () => {
    let isReachable = true;
    const { allocator } = allocatorOf(b, net, { isReachable: () => isReachable });
    const ask = asked(allocate(allocator, { ip: "10.32.0.9" }));
    assert.deepEqual([ask.to, ask.ip], [a, "10.32.0.9"]);
    allocator.denied(a, ask.request, "10.32.0.9 is taken by an endpoint there", 1);
    assert.match(
      refused(allocate(allocator, { ip: "10.32.0.9" }, 1)),
      /^ADDRESS_TAKEN: .*range of host a, which does not give it away: .* taken by an endpoint/,
    );
    isReachable = false;
    const unreachable = refused(allocate(allocator, { ip: "10.32.0.9", since: 2 }, 2));
    assert.match(unreachable, /host a, which is not reachable/);
  });

  it("says who has the free space when nobody gives any", () => {
    const inUse = () => new Map([[a, 126]]);
    const { allocator, ledger } = allocatorOf(c, net, { inUse, isReachable: (host) => host !== b });
    ledger.addGrant(share("10.32.0.128/25", b));
    const first = asked(allocate(allocator));
    assert.deepEqual([first.to, first.size], [a, 16]);
    allocator.denied(a, first.request, "nothing to spare", 1);
    const second = asked(allocate(allocator, {}, 1));
    assert.deepEqual([second.to, second.size], [a, 4]);
    allocator.denied(a, second.request, "nothing to spare", 2);
    assert.equal(
      refused(allocate(allocator, {}, 2)),
      "ADDRESSES_EXHAUSTED: no free address in network web here; of others, b has 128 (unreachable), a has 2",
    );
  });

  it("asks for twice what it handed out lately, where that is more", () => {
    const { allocator, ledger } = allocatorOf(b, net);
    ledger.addGrant(share("10.32.0.128/27", b));
    for (let at = 0; at < 32; at += 1) allocated(allocate(allocator, { key: `${at}` }));
    assert.equal(asked(allocate(allocator, { key: "more" })).size, 64);
  });

  it("pledges what it grants: it hands out nothing of it, and says the same to the same question", () => {
    const { allocator, ledger } = allocatorOf(a, net);
    const ask = { network: net.id, request: "q", size: 64, family: 4, ip: undefined } as const;
    const first = allocator.donate({ ...ask, from: b });
    assert.deepEqual(first, allocator.donate({ ...ask, from: b }));
    assert.ok(first.kind === "granted" && first.isNew);
    const seen = new Set<string>();
    assert.equal(first.grant.block, "10.32.0.160/27");
    for (let at = 0; at < 253 - 32; at += 1)
      seen.add(allocated(allocate(allocator, { key: `${at}` })));
    assert.equal(allocate(allocator).kind, "refused");
    ledger.addGrant(first.grant);
    const later = allocator.donate({ ...ask, from: b });
    assert.deepEqual(later, { kind: "granted", grant: first.grant, isNew: false });
    assert.ok([...seen].every((each) => ledger.ownerOf(net.id, ip(each))?.owner === a));
  });

  it("takes a grant back that was not written", () => {
    const { allocator } = allocatorOf(a, net);
    const ask = { network: net.id, request: "q", size: 1, family: 4 } as const;
    const donation = allocator.donate({ ...ask, ip: ip("10.32.0.9"), from: b });
    assert.ok(donation.kind === "granted");
    assert.match(
      refused(allocate(allocator, { ip: "10.32.0.9" })),
      /taken by host b, which has just been granted it/,
    );
    allocator.withdraw(donation.grant);
    assert.equal(allocated(allocate(allocator, { ip: "10.32.0.9" })), "10.32.0.9");
  });

  it("gives nothing of what it uses, does not hold, or does not know", () => {
    const { allocator, ledger } = allocatorOf(a, net);
    ledger.addGrant(share("10.32.0.128/25", b));
    allocated(allocate(allocator, { ip: "10.32.0.9" }));
    const reason = (text: string, network = net.id) => {
      const ask = { network, request: text, size: 1, family: 4 } as const;
      const donation = allocator.donate({ ...ask, ip: ip(text), from: c });
      return donation.kind === "denied" ? donation.reason : "granted";
    };
    assert.match(reason("10.32.0.9"), /10\.32\.0\.9 is taken by an endpoint there/);
    assert.match(reason("10.32.0.200"), /is not in its range/);
    assert.match(reason("10.32.0.10", networkId(9)), /not known/);
    assert.equal(reason("10.32.0.10"), "granted");
  });

  it("touches nothing of a retired host's, be that another or itself", () => {
    const isFrozen = (host: HostId) => host === a;
    const own = allocatorOf(a, net, { isFrozen });
    assert.match(refused(allocate(own.allocator)), /^NOT_PERMITTED: /);
    const ask = { network: net.id, request: "q", size: 16, family: 4, ip: undefined } as const;
    assert.deepEqual(own.allocator.donate({ ...ask, from: b }), {
      kind: "denied",
      reason: "a was retired",
    });
    const other = allocatorOf(b, net, { isFrozen });
    assert.match(refused(allocate(other.allocator)), /a has 256 \(retired\)/);
    assert.match(refused(allocate(other.allocator, { ip: "10.32.0.9" })), /which was retired/);
    const toRetired = allocatorOf(b, net, { isFrozen });
    toRetired.ledger.addGrant(share("10.32.0.128/25", b));
    assert.equal(toRetired.allocator.donate({ ...ask, from: a }).kind, "denied");
  });

  it("looks ahead: asks before it runs dry, but nobody who would then run dry", () => {
    const { allocator, ledger } = allocatorOf(b, net);
    const subnet = cidr("10.32.0.0/24");
    ledger.addGrant(share("10.32.0.128/27", b));
    assert.equal(allocator.prefetch(net.id, subnet, 0), undefined);
    for (let at = 0; at < 25; at += 1) allocated(allocate(allocator, { key: `${at}` }));
    const ask = allocator.prefetch(net.id, subnet, 1);
    assert.deepEqual([ask?.to, ask?.size], [a, 50]);
    assert.equal(allocator.prefetch(net.id, subnet, 2), undefined, "once");
    allocator.denied(a, ask?.request ?? "", "nothing to spare", 3);
    assert.equal(allocator.prefetch(net.id, subnet, 4), undefined, "not at once again");
    assert.notEqual(allocator.prefetch(net.id, subnet, 3 + options.deniedMs + 1), undefined);

    const short = allocatorOf(b, net, { inUse: () => new Map([[a, 200]]) });
    short.ledger.addGrant(share("10.32.0.128/28", b));
    for (let at = 0; at < 10; at += 1) allocated(allocate(short.allocator, { key: `${at}` }));
    assert.equal(short.allocator.prefetch(net.id, subnet, 1), undefined);
  });

  it("knows its endpoints' addresses whether or not it knows their network yet", () => {
    const { allocator, ledger } = allocatorOf(a, net);
    ledger.removeNetwork(net.id);
    allocator.forget(net.id);
    allocator.use(net.id, ip("10.32.0.2"), "db");
    assert.match(refused(allocate(allocator)), /^UNKNOWN_NETWORK: /);
    ledger.setNetwork(net);
    assert.equal(allocated(allocate(allocator)), "10.32.0.3");
    ledger.removeNetwork(net.id);
    allocator.forget(net.id);
    ledger.setNetwork(net);
    assert.equal(allocated(allocate(allocator)), "10.32.0.4");
  });

  it("counts what is free here, and elsewhere by what records leave over", () => {
    const { allocator, ledger } = allocatorOf(a, net, { inUse: () => new Map([[b, 3]]) });
    ledger.addGrant(share("10.32.0.128/25", b));
    allocated(allocate(allocator));
    assert.deepEqual(allocator.freeCounts(net.id, 4), [
      { network: net.id, family: 4, host: a, free: 125 },
      { network: net.id, family: 4, host: b, free: 125 },
    ]);
  });

  it("serves two families side by side", () => {
    const both = networkOf("10.32.0.0/24", "fd00:5::/64");
    const { allocator } = allocatorOf(a, both);
    const wish = { network: both.id, key: "x", ip: undefined, mayRest: false, since: 0 };
    const [four, six] = both.subnets.map((subnet) => allocator.allocate({ ...wish, subnet }, 0));
    assert.deepEqual(four, { kind: "allocated", ip: "10.32.0.2" });
    assert.deepEqual(six, { kind: "allocated", ip: "fd00:5::2" });
    const [, free] = [4, 6].map(
      (family) => allocator.freeCounts(both.id, family as 4 | 6)[0]?.free,
    );
    assert.equal(free, Number.MAX_SAFE_INTEGER);
  });

  it("hands out the 65,533 addresses of a /16 in a few seconds", () => {
    const large = networkOf("10.64.0.0/16");
    const { allocator } = allocatorOf(a, large);
    const startedAt = process.cpuUsage();
    for (let at = 0; at < 65_533; at += 1)
      allocated(allocate(allocator, { key: `${at}` }, at, large));
    assert.match(refused(allocate(allocator, {}, 0, large)), /^ADDRESSES_EXHAUSTED/);
    assert.ok(process.cpuUsage(startedAt).user < 10_000_000);
  });
});
