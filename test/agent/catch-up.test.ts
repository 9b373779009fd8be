import assert from "node:assert/strict";
import { CatchUp, type CatchUpOptions } from "../../agent/catch-up.ts";
import { limits, timing } from "../../agent/config.ts";
import type { Effect } from "../../agent/effect.ts";
import { encode } from "../../base/codec.ts";
import { Replica } from "../../store/replica.ts";
import { serve } from "../../store/sync.ts";
import { simulatedCrypto, simulatedHost } from "../simulation/crypto.ts";
import { cluster, key, makeHost } from "../store/world.ts";
import { silentLog } from "./samples.ts";

type Pull = Extract<Effect, { kind: "pull" }>["pull"];

const peer = simulatedHost(900);

/** A replica of the product's size. */
function replicaOf(n: number): Replica {
  const self = simulatedHost(n);
  return new Replica({
    self,
    cluster,
    crypto: simulatedCrypto(self),
    limits,
    veto: () => undefined,
  });
}

/** A peer that holds so many origins with so many records each. */
function full(origins: number, records: number): Replica {
  const replica = replicaOf(900);
  for (let n = 1; n <= origins; n += 1) {
    const writes: Record<string, unknown> = {};
    for (let at = 0; at < records; at += 1) writes[`x/${at}`] = `record ${at} of origin ${n}`;
    const host = makeHost(n, () => undefined, n, 0, limits);
    assert.equal(replica.receive(host.write(writes)).kind, "applied");
  }
  return replica;
}

/** A host that catches up, and what it has asked for and not yet got. */
class Joiner {
  readonly replica = replicaOf(901);
  readonly pulls: Pull[] = [];
  readonly catchUp: CatchUp;
  readonly taken: string[] = [];
  /** Rows handed to the disk, which has not taken them yet. */
  unkept = 0;
  hasPeersWord = false;
  isLinked = true;

  constructor(options: CatchUpOptions = timing.catchUp) {
    this.catchUp = new CatchUp({
      self: simulatedHost(901),
      replica: this.replica,
      options,
      bulkOrigins: 16,
      emit: (effect) => {
        if (effect.kind === "pull") this.pulls.push(effect.pull);
      },
      log: silentLog,
      hooks: {
        took: (_from, delta, _isBulk, now) => {
          assert.equal(this.replica.receive(delta).kind, "applied");
          this.taken.push(delta.head.origin);
          this.unkept += delta.changes.length + 1;
          this.catchUp.unkept(delta.changes.length + 1, now);
        },
        compared: () => {
          this.hasPeersWord = true;
        },
        isLinked: () => this.isLinked,
      },
    });
  }

  /** The disk has taken everything so far. */
  keep(): void {
    const rows = this.unkept;
    this.unkept = 0;
    this.catchUp.unkept(-rows, 0);
  }

  /** Answers the oldest pull from what the peer holds; with `cut` no more than so many frames. */
  answer(from: Replica, cut = Number.POSITIVE_INFINITY): number {
    const pull = this.pulls.shift();
    if (pull === undefined) return 0;
    let frames = 0;
    for (const frame of serve(from, pull.request, limits)) {
      if (frames === cut) {
        this.catchUp.ended(pull.id, "it was cut short", 0);
        return frames;
      }
      assert.ok(frame.length < 2 * limits.pageBytes, "a page is bounded");
      this.catchUp.pulled(pull.id, frame, 0);
      frames += 1;
    }
    this.catchUp.ended(pull.id, undefined, 0);
    return frames;
  }
}

describe("catching up", () => {
  it("does not wait for a host without a link, and asks the next for the same", () => {
    const from = full(1, 2);
    const joiner = new Joiner();
    joiner.catchUp.compare(peer, 0);
    joiner.answer(from);
    joiner.isLinked = false;
    joiner.answer(from, 0);
    joiner.isLinked = true;
    joiner.catchUp.compare(simulatedHost(902), 1);
    joiner.answer(from);
    joiner.answer(from);
    assert.equal(joiner.taken.length, 1);
  });

  it("gets the newest of an origin from who has it, though another's older is on its way", () => {
    const host = makeHost(1, () => undefined, 1, 0, limits);
    const [older, newer] = [replicaOf(902), replicaOf(903)];
    const first = host.write({ "x/1": "old" });
    const second = host.write({ "x/2": "new" });
    for (const replica of [older, newer]) assert.equal(replica.receive(first).kind, "applied");
    assert.equal(newer.receive(second).kind, "applied");
    const joiner = new Joiner();
    joiner.catchUp.compare(simulatedHost(902), 0);
    joiner.catchUp.compare(simulatedHost(903), 0);
    joiner.answer(older);
    joiner.answer(newer);
    joiner.answer(older);
    assert.ok(!joiner.catchUp.hasHeardAll(0), "one has told what it has, and one has not");
    joiner.answer(newer);
    assert.ok(joiner.replica.origin(simulatedHost(1))?.get(key("x/2")) !== undefined);
    assert.ok(joiner.catchUp.hasHeardAll(0));
  });

  it("waits for those who were asked, and not for ever for one that says nothing", () => {
    const joiner = new Joiner();
    joiner.catchUp.compare(peer, 0);
    joiner.catchUp.compare(simulatedHost(902), 0);
    joiner.answer(full(1, 2));
    const silent = joiner.pulls.shift();
    assert.ok(silent !== undefined);
    joiner.answer(full(1, 2));
    assert.ok(joiner.catchUp.hasCompared && !joiner.catchUp.hasHeardAll(0));
    assert.ok(joiner.catchUp.hasHeardAll(timing.catchUp.patienceMs));
  });

  it("brings 100,000 records, a few origins at a time, and none while the disk is behind", () => {
    const from = full(20, 5_000);
    const joiner = new Joiner({ ...timing.catchUp, fetchOrigins: 2 });
    joiner.catchUp.compare(peer, 0);
    joiner.answer(from);
    let most = 0;
    while (joiner.catchUp.isBusy) {
      assert.ok(joiner.pulls.length <= 2, "two fetches at once");
      if (joiner.pulls.length === 0) joiner.keep();
      joiner.answer(from);
      most = Math.max(most, joiner.unkept);
    }
    assert.equal(joiner.replica.size, 100_000);
    assert.deepEqual(joiner.replica.digest.root(), from.digest.root());
    const { rowsUnkept } = timing.catchUp;
    assert.ok(most <= rowsUnkept + 4 * 5_001, `${most} rows waited for the disk`);
    assert.ok(joiner.catchUp.hasCompared);
  }).timeout(60_000);

  it("goes on after each cut with what has not come yet, and brings nothing twice", () => {
    const from = full(12, 3_000);
    const whole = new Joiner();
    whole.catchUp.compare(peer, 0);
    whole.answer(from);
    const frames = whole.answer(from);
    assert.ok(frames >= 12);
    for (let cut = 0; cut < frames; cut += 7) {
      const joiner = new Joiner();
      joiner.catchUp.compare(peer, 0);
      joiner.answer(from);
      joiner.answer(from, cut);
      const before = joiner.taken.length;
      assert.ok(before < 12 && joiner.pulls.length === 0 && !joiner.catchUp.hasCompared);
      joiner.keep();
      joiner.catchUp.tick(timing.catchUp.pullRetryMs);
      joiner.answer(from);
      assert.deepEqual(joiner.replica.digest.root(), from.digest.root());
      assert.equal(joiner.taken.length, new Set(joiner.taken).size);
      assert.ok(joiner.catchUp.hasCompared);
    }
  }).timeout(60_000);

  it("drops what it waits for from a peer that has gone, and asks the next one", () => {
    const from = full(4, 10);
    const joiner = new Joiner();
    joiner.catchUp.compare(peer, 0);
    joiner.answer(from);
    assert.equal(joiner.pulls.length, 1);
    joiner.catchUp.linkDown(peer, 0);
    joiner.pulls.length = 0;
    assert.equal(joiner.catchUp.isBusy, false);
    joiner.catchUp.compare(simulatedHost(902), 0);
    while (joiner.pulls.length > 0) joiner.answer(from);
    assert.equal(joiner.taken.length, 4);
  });

  it("gives up a pull that stands still, and asks again", () => {
    const from = full(4, 10);
    const joiner = new Joiner();
    joiner.catchUp.compare(peer, 0);
    joiner.answer(from);
    joiner.pulls.length = 0;
    const { pullIdleMs, pullRetryMs } = timing.catchUp;
    joiner.catchUp.tick(pullIdleMs + 1);
    joiner.catchUp.tick(pullIdleMs + 1 + pullRetryMs);
    assert.equal(joiner.pulls.length, 1);
    joiner.answer(from);
    assert.equal(joiner.taken.length, 4);
  });

  it("keeps and passes on kinds that only a newer agent knows", () => {
    const newer = makeHost(1, () => undefined, 1, 0, limits);
    const between = replicaOf(900);
    between.receive(newer.write({ "hologram/1": { beam: 7 }, "hologram/2": encode([1, [2]]) }));
    between.receive(newer.write({ "hologram/2": undefined }));
    const joiner = new Joiner();
    joiner.catchUp.compare(peer, 0);
    while (joiner.pulls.length > 0) joiner.answer(between);
    assert.deepEqual(joiner.replica.digest.root(), between.digest.root());
    const state = joiner.replica.origin(newer.self);
    assert.deepEqual(state?.get(key("hologram/1")), encode({ beam: 7 }));
    assert.equal(state?.size, 1);
  });
});
