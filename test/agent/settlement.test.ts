import assert from "node:assert/strict";
import { Forgetting } from "../../agent/forgetting.ts";
import { hostKey, releaseKey, retirementKey, seenKey } from "../../agent/schema.ts";
import { canBeForgotten, type Facts, progressOf, termsOf } from "../../agent/settlement.ts";
import { Tables } from "../../agent/tables.ts";
import type { HostId } from "../../base/id.ts";
import type { Grant } from "../../ipam/grant.ts";
import { Ledger } from "../../ipam/ledger.ts";
import type { Version } from "../../store/head.ts";
import type { JournalOp } from "../../store/journal.ts";
import type { Write } from "../../store/writer.ts";
import { simulatedCrypto } from "../simulation/crypto.ts";
import { cidr, difference, hostValue, networkId, silentLog, simulatedHost } from "./samples.ts";

const [a, b, c, d, e] = [1, 2, 3, 4, 5].map(simulatedHost).sort() as [
  HostId,
  HostId,
  HostId,
  HostId,
  HostId,
];
const all = [a, b, c, d, e];

/** A host's number; anything else as it is. */
function shortOf(word: string): string {
  const at = all.indexOf(word as HostId);
  return at < 0 ? word : String(at);
}

/** The records of five hosts, and what we hold of each. */
class World {
  readonly tables = new Tables();
  readonly held = new Map<HostId, Version>(all.map((host) => [host, { epoch: 1, seq: 9 }]));
  /** Of those that were revoked. */
  readonly lasts = new Map<HostId, Version>();
  readonly facts: Facts = {
    tables: this.tables,
    versionOf: (host) => this.held.get(host) ?? { epoch: 0, seq: 0 },
    lastOf: (host) => this.lasts.get(host),
    nameOf: (words) => words.map((word) => shortOf(word)).join(),
  };

  constructor() {
    for (const host of all)
      this.tables.update(host, [difference(hostKey, hostValue(host, `host-${all.indexOf(host)}`))]);
  }

  retire(host: HostId, by: HostId): void {
    this.tables.update(by, [difference(retirementKey(host), { epoch: 1, seq: 9 })]);
  }

  see(host: HostId, by: HostId, words: readonly HostId[], seq = 9): void {
    const witnesses = termsOf(host, this.facts);
    for (const word of words)
      this.tables.update(word, [difference(seenKey(host, by), { epoch: 1, seq, witnesses })]);
  }

  progress(host: HostId): string {
    const progress = progressOf(host, this.facts);
    if (progress.kind !== "frozen") return progress.kind;
    const waiting = progress.waitingFor.map((each) => all.indexOf(each));
    return `${all.indexOf(progress.settler)} waits for ${waiting.join() || "nobody"}`;
  }
}

describe("the settlement of a forgotten host", () => {
  it("waits for the word of everybody who knows what a revocation cut off", () => {
    const world = new World();
    world.retire(a, b);
    world.see(a, b, [b, c, d, e]);
    assert.equal(world.progress(a), "1 waits for nobody");
    world.lasts.set(a, { epoch: 1, seq: 5 });
    world.held.set(a, { epoch: 1, seq: 5 });
    assert.equal(world.progress(a), "1 waits for 1,2,3,4");
    world.see(a, b, [b, c, d], 5);
    world.see(a, b, [e], 8);
    assert.equal(world.progress(a), "1 waits for 4", "it may live on what came later");
    world.see(a, b, [e], 4);
    assert.equal(world.progress(a), "1 waits for nobody");
  });

  it("waits for every other host's word, the settler's own included", () => {
    const world = new World();
    world.retire(a, b);
    assert.equal(world.progress(a), "1 waits for 1,2,3,4");
    world.see(a, b, [b, c, d]);
    assert.equal(world.progress(a), "1 waits for 4");
    world.see(a, b, [e]);
    assert.equal(world.progress(a), "1 waits for nobody");
    world.tables.update(b, [difference(releaseKey(a), { epoch: 1, seq: 9 })]);
    assert.equal(world.progress(a), "released");
  });

  it("waits until it holds all that a witness held", () => {
    const world = new World();
    world.retire(a, b);
    world.see(a, b, [b, c, d, e]);
    world.see(a, b, [e], 12);
    assert.equal(world.progress(a), "1 waits for 4");
    world.held.set(a, { epoch: 1, seq: 12 });
    assert.equal(world.progress(a), "1 waits for nobody");
  });

  it("waits until all agree on whose word is needed", () => {
    const world = new World();
    world.retire(a, b);
    world.see(a, b, [b, c, d, e]);
    const late = simulatedHost(6);
    world.tables.update(late, [difference(hostKey, hostValue(late, "late"))]);
    assert.match(world.progress(a), /^1 waits for .*1.*2.*3.*4/);
  });

  it("needs no word of a host that left, or was forgotten too", () => {
    const world = new World();
    world.retire(a, b);
    world.tables.update(d, [difference(hostKey, { ...hostValue(d, "host-3"), standing: "left" })]);
    world.retire(e, b);
    world.see(a, b, [b, c]);
    assert.equal(world.progress(a), "1 waits for nobody");
  });

  it("is the lowest's who forgot it, and a retired one's only while it may have settled", () => {
    const world = new World();
    world.retire(a, c);
    world.retire(a, b);
    assert.match(world.progress(a), /^1 waits/);
    world.retire(b, d);
    assert.equal(world.progress(a), "orphaned", "b may have settled, unheard");
    world.see(b, d, [c, d, e]);
    assert.match(world.progress(a), /^2 waits/, "nobody has heard more of b than we");
  });

  it("lets nobody forget twice what somebody settles", () => {
    const world = new World();
    assert.ok(canBeForgotten(a, world.facts));
    world.retire(a, b);
    assert.ok(!canBeForgotten(a, world.facts));
    world.retire(b, c);
    assert.ok(canBeForgotten(a, world.facts), "whoever did is gone");
  });
});

describe("a grant of a forgotten host", () => {
  const network = { id: networkId(1), subnets: [cidr("10.32.0.0/24")], creator: a };

  function grant(block: string): Grant {
    const from = a;
    return { network: network.id, block: cidr(block), generation: 1, from, to: b, request: "r" };
  }

  /** Host b, with one grant of a that it knew before. */
  function hostB() {
    const world = new World();
    const ledger = new Ledger();
    ledger.setNetwork(network);
    ledger.addGrant(grant("10.32.0.0/26"));
    const written: { writes: readonly Write[]; localOps: readonly JournalOp[] }[] = [];
    const make = () =>
      new Forgetting({
        ...{ self: b, tables: world.tables, ledger, crypto: simulatedCrypto(b), log: silentLog },
        lastOf: () => undefined,
        versionOf: world.facts.versionOf,
        isBusy: () => false,
        lookMs: 0,
        settleMs: 0,
        isCompared: () => true,
        write: (writes, localOps) => written.push({ writes, localOps }),
        alive: () => [],
      });
    const durable = () => {
      for (const { writes } of written.splice(0))
        for (const { key, value } of writes)
          world.tables.update(b, [{ key, before: undefined, after: value }]);
    };
    return { world, ledger, written, make, durable };
  }

  it("that came after we said that it is out is not used before all is settled", () => {
    const { world, ledger, make, durable } = hostB();
    const forgetting = make();
    world.retire(a, c);
    const [known, late] = [grant("10.32.0.0/26"), grant("10.32.0.64/26")];
    assert.ok(!forgetting.isHeldBack(late), "nobody knows yet whether we have said so");
    forgetting.tick(1);
    durable();
    ledger.addGrant(late);
    assert.deepEqual(
      [known, late].map((each) => forgetting.isHeldBack(each)),
      [false, true],
    );
    world.tables.update(c, [difference(releaseKey(a), { epoch: 1, seq: 9 })]);
    assert.ok(!forgetting.isHeldBack(late), "the ledger says whose it is now");
  });

  it("is told from a later one also after a restart, and after a second host forgot its giver", () => {
    const { world, ledger, written, make, durable } = hostB();
    const before = make();
    world.retire(a, d);
    before.tick(1);
    const rows = written.flatMap(({ localOps }) => localOps);
    durable();
    const after = make();
    for (const { key, value } of rows) assert.ok(value && after.restore(key, value));
    const late = grant("10.32.0.64/26");
    ledger.addGrant(late);
    world.retire(a, c);
    after.tick(1);
    durable();
    assert.ok(after.isHeldBack(late));
    assert.ok(!after.isHeldBack(grant("10.32.0.0/26")));
  });

  it("is not used at all where our list was lost with the disk", () => {
    const { world, make, durable } = hostB();
    const before = make();
    world.retire(a, c);
    before.tick(1);
    durable();
    assert.ok(make().isHeldBack(grant("10.32.0.0/26")));
  });
});
