import assert from "node:assert/strict";
import { Liveness, type LivenessEffect } from "../../membership/liveness.ts";
import { simulatedHost } from "../simulation/crypto.ts";

const options = {
  ...{ pingPeriodMs: 1000, pingTimeoutMs: 500, retries: 3, retryMs: 250, pauseMs: 350 },
  ...{ firstMs: 3_000, patienceMaxMs: 30_000, tickMs: 100, slackFactor: 2, slackMaxMs: 1_500 },
};
const [low = simulatedHost(1), b = simulatedHost(2), high = simulatedHost(3)] = [
  ...[simulatedHost(1), simulatedHost(2), simulatedHost(3)].toSorted(),
];

/** Ticks every 100 ms from `from` to `to`; `answers`: a ping comes back, at once. */
function run(liveness: Liveness, from: number, to: number, answers = true): LivenessEffect[] {
  const seen: LivenessEffect[] = [];
  for (let now = from; now <= to; now += 100) {
    for (const effect of liveness.tick(now)) {
      seen.push(effect);
      if (effect.kind === "ping" && answers)
        seen.push(...liveness.pong(effect.to, effect.nonce, now));
    }
  }
  return seen;
}

function changes(effects: readonly LivenessEffect[]): string[] {
  return effects.flatMap((effect) => (effect.kind === "changed" ? [effect.hearing] : []));
}

function nonceOf(effects: readonly LivenessEffect[]): number {
  const ping = effects.findLast(({ kind }) => kind === "ping");
  return ping?.kind === "ping" ? ping.nonce : assert.fail("no ping");
}

/** A host that watches b and is linked with it. */
function linkedPeer(self = low): Liveness {
  const liveness = new Liveness(self, options);
  liveness.watch(new Set([b]), 0);
  liveness.tick(0);
  liveness.pong(b, nonceOf(liveness.linkUp(b, 0)), 3);
  return liveness;
}

describe("liveness", () => {
  it("pings a linked host of a higher id once a period while it answers", () => {
    const liveness = linkedPeer();
    const effects = run(liveness, 100, 10_000);
    assert.equal(effects.filter(({ kind }) => kind === "ping").length, 9);
    assert.deepEqual(changes(effects), []);
    assert.equal(liveness.view(b)?.rttMs, 0);
  });

  it("leaves pinging to a host of a lower id while that does, and takes its word for the time", () => {
    const liveness = linkedPeer(high);
    const effects: LivenessEffect[] = [];
    for (let now = 100; now <= 10_000; now += 100) {
      effects.push(...liveness.tick(now));
      if (now % 1000 === 0) effects.push(...liveness.pinged(b, 7, now));
    }
    assert.deepEqual(effects, []);
    assert.equal(liveness.view(b)?.rttMs, 7);
  });

  it("doubts a silent host and says so, then loses it and closes its link, within three seconds", () => {
    for (const self of [low, high]) {
      const liveness = linkedPeer(self);
      const effects = run(liveness, 100, 3000, false);
      assert.deepEqual(changes(effects), ["doubted", "lost"]);
      assert.equal(effects.filter(({ kind }) => kind === "doubt").length, 1);
      assert.equal(effects.at(-1)?.kind, "close");
    }
  });

  it("loses a host within a second of losing its link, and takes it back at once", () => {
    const liveness = linkedPeer();
    assert.deepEqual(changes(liveness.linkDown(b, 50)), ["doubted"]);
    assert.deepEqual(changes(run(liveness, 100, 900)), ["lost"]);
    assert.deepEqual(changes(liveness.linkUp(b, 5000)), ["heard"]);
  });

  it("ends its doubt when the answer comes late", () => {
    const liveness = linkedPeer();
    const nonce = nonceOf(run(liveness, 100, 1700, false));
    assert.equal(liveness.view(b)?.hearing, "doubted");
    assert.deepEqual(changes(liveness.pong(b, nonce, 1750)), ["heard"]);
  });

  it("accuses nobody after a pause of its own", () => {
    const liveness = linkedPeer();
    run(liveness, 100, 1000, false);
    assert.deepEqual(changes(liveness.tick(31_000)), []);
    assert.equal(liveness.view(b)?.hearing, "heard");
  });

  it("gives a host it has never heard longer to show itself than one that falls silent", () => {
    const liveness = new Liveness(low, options);
    liveness.watch(new Set([high]), 0);
    assert.equal(liveness.view(high)?.hearing, "doubted");
    assert.deepEqual(changes(run(liveness, 0, options.firstMs - 100)), []);
    assert.deepEqual(changes(run(liveness, options.firstMs, options.firstMs)), ["lost"]);
  });

  it("gives those it watches more time while it is itself late, or their answers are", () => {
    const lateBy = (ticksMs: number, rttMs: number) => {
      const liveness = new Liveness(low, options);
      liveness.watch(new Set([b]), 0);
      liveness.tick(0);
      liveness.pong(b, nonceOf(liveness.linkUp(b, 0)), rttMs);
      for (let now = ticksMs; now < 20_000; now += ticksMs)
        if (changes(liveness.tick(now)).includes("doubted")) return now - rttMs;
      return assert.fail("never doubted");
    };
    const onTime = lateBy(100, 0);
    assert.ok(lateBy(300, 0) >= onTime + 400, "two ticks late");
    assert.ok(lateBy(100, 300) >= onTime + 400, "two round trips, but for a tick each");
    assert.equal(lateBy(100, 100), onTime, "near enough");
    assert.ok(lateBy(340, 2_000) <= onTime + options.slackMaxMs + 680, "bounded");
  });

  it("forgets who is neither watched nor linked", () => {
    const liveness = linkedPeer();
    liveness.watch(new Set([high]), 100);
    assert.equal(liveness.view(b)?.isLinked, true);
    liveness.linkDown(b, 200);
    assert.equal(liveness.view(b), undefined);
    assert.ok(liveness.view(high));
  });

  it("gives a lost host that says it is there another chance, each twice as long", () => {
    const liveness = new Liveness(low, options);
    liveness.watch(new Set([b]), 0);
    const lostAt = (from: number) => {
      const steps = Array.from({ length: 200 }, (_, step) => from + 50 * step);
      return steps.find((now) => changes(liveness.tick(now)).includes("lost")) ?? 0;
    };
    let now = lostAt(0);
    const waits = [1, 2, 3].map(() => {
      assert.deepEqual(changes(liveness.excuse(b, now)), ["doubted"]);
      const from = now;
      now = lostAt(from);
      return now - from;
    });
    assert.deepEqual(waits, [1250, 2500, 5000]);
  });

  it("looks at once when somebody else doubts, unless it already does", () => {
    const liveness = linkedPeer();
    assert.equal(liveness.probe(b, 100).length, 1);
    assert.deepEqual(liveness.probe(b, 110), []);
    assert.deepEqual(liveness.probe(high, 110), []);
  });

  it("does not measure a round trip by the answer to an older ping", () => {
    const liveness = linkedPeer();
    const pings = run(liveness, 100, 1700, false).filter(({ kind }) => kind === "ping");
    liveness.pong(b, nonceOf(pings.slice(0, 1)), 1750);
    assert.equal(liveness.view(b)?.rttMs, 3);
  });
});
