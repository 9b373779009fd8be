import assert from "node:assert/strict";
import { seededRandom } from "../../base/random.ts";
import { Dialer, type DialTarget } from "../../membership/dialer.ts";
import { simulatedHost } from "../simulation/crypto.ts";

const options = {
  retryMs: 250,
  unreachablePerAliveMs: 500,
  unreachableMinMs: 1000,
  unreachableMaxMs: 30_000,
  seedMinMs: 1000,
  seedMaxMs: 15_000,
  dialMs: 10_000,
};

function target(n: number, reach: DialTarget["reach"], isLinked = false): DialTarget {
  return { host: simulatedHost(n), address: `10.0.0.${n}:7790`, reach, isLinked };
}

/** Every dial of a run with ticks of 100 ms, each failing at once. */
function dials(dialer: Dialer, targets: readonly DialTarget[], seeds: string[], forMs: number) {
  const all: { at: number; address: string }[] = [];
  for (let now = 0; now <= forMs; now += 100) {
    for (const address of dialer.tick(targets, seeds, now)) {
      all.push({ at: now, address });
      dialer.settled(address, now);
    }
  }
  return all;
}

describe("dialer", () => {
  it("dials a lost host at once and then every retry", () => {
    const all = dials(new Dialer(options, seededRandom(1)), [target(2, "suspect")], [], 1000);
    assert.deepEqual(
      all.map(({ at }) => at),
      [0, 300, 600, 900],
    );
  });

  it("does not dial a linked host, nor one it is dialling", () => {
    const dialer = new Dialer(options, seededRandom(1));
    assert.deepEqual(dialer.tick([target(2, "alive", true)], ["seed:1"], 0), []);
    const lost = [target(3, "suspect")];
    assert.equal(dialer.tick(lost, [], 0).length, 1);
    assert.equal(dialer.tick(lost, [], 5000).length, 0);
    assert.equal(dialer.tick(lost, [], 10_000).length, 1);
  });

  it("never gives up on an unreachable host, at about two attempts a second over the cluster", () => {
    const hosts = 20;
    const alive = Array.from({ length: hosts - 1 }, (_, at) => target(at + 2, "alive", true));
    const dialer = new Dialer(options, seededRandom(2));
    const all = dials(dialer, [...alive, target(99, "unreachable")], [], 1_000_000);
    const perSecond = (all.length / 1000) * hosts;
    assert.ok(perSecond > 1 && perSecond < 3, `${perSecond} attempts a second`);
    assert.ok((all.at(-1)?.at ?? 0) > 900_000);
  });

  it("asks the seeds only while it has no link at all, less and less often", () => {
    const dialer = new Dialer(options, seededRandom(3));
    const gaps = dials(dialer, [], ["seed:1"], 120_000).map(({ at }) => at);
    assert.equal(gaps[0], 0);
    const last = (gaps.at(-1) ?? 0) - (gaps.at(-2) ?? 0);
    assert.ok(last >= 7000 && last <= 23_000, `${last} ms`);
    dialer.linked();
    assert.deepEqual(dialer.tick([target(2, "alive", true)], ["seed:1"], 200_000), []);
    assert.deepEqual(dialer.tick([], ["seed:1"], 200_100), ["seed:1"]);
  });
});
