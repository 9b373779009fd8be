import assert from "node:assert/strict";
import { seededRandom } from "../../base/random.ts";
import { Dialer, type DialTarget } from "../../membership/dialer.ts";
import { simulatedHost } from "../simulation/crypto.ts";

const options = {
  retryMs: 250,
  lostMinMs: 1000,
  lostMaxMs: 30_000,
  unreachablePerAliveMs: 500,
  unreachableMinMs: 1000,
  unreachableMaxMs: 30_000,
  seedMinMs: 1000,
  seedMaxMs: 15_000,
  dialMs: 10_000,
};

function target(n: number, need: DialTarget["need"]): DialTarget {
  return { host: simulatedHost(n), address: `10.0.0.${n}:7790`, need };
}

const crowd = { seeds: [], company: { isAlone: false, alive: 2 } };

/** Every dial of a run with ticks of 100 ms, each failing at once. */
function dials(
  dialer: Dialer,
  targets: readonly DialTarget[],
  world: Parameters<Dialer["tick"]>[1],
  forMs: number,
) {
  const all: { at: number; address: string }[] = [];
  for (let now = 0; now <= forMs; now += 100) {
    for (const address of dialer.tick(targets, world, now)) {
      all.push({ at: now, address });
      dialer.settled(address, now);
    }
  }
  return all;
}

describe("dialer", () => {
  it("dials a doubted host at once and then every retry", () => {
    const all = dials(new Dialer(options, seededRandom(1)), [target(2, "doubted")], crowd, 1000);
    assert.deepEqual(
      all.map(({ at }) => at),
      [0, 300, 600, 900],
    );
  });

  it("dials a lost host that others reach less and less often, and at once on word that it is back", () => {
    const dialer = new Dialer(options, seededRandom(1));
    const lost = [target(2, "lost")];
    const all = dials(dialer, lost, crowd, 40_000).map(({ at }) => at);
    assert.deepEqual(all, [0, 1000, 3000, 7000, 15_000, 31_000]);
    assert.deepEqual(dialer.tick(lost, crowd, 40_100), []);
    dialer.hurry("10.0.0.2:7790");
    assert.deepEqual(dialer.tick(lost, crowd, 40_200), ["10.0.0.2:7790"]);
  });

  it("does not dial what it is dialling", () => {
    const dialer = new Dialer(options, seededRandom(1));
    const lost = [target(3, "doubted")];
    assert.equal(dialer.tick(lost, crowd, 0).length, 1);
    assert.equal(dialer.tick(lost, crowd, 5000).length, 0);
    assert.equal(dialer.tick(lost, crowd, 10_000).length, 1);
  });

  it("never gives up on an unreachable host, at about two attempts a second over the cluster", () => {
    const alive = 20;
    const world = { seeds: [], company: { isAlone: false, alive } };
    const dialer = new Dialer(options, seededRandom(2));
    const all = dials(dialer, [target(99, "unreachable")], world, 1_000_000);
    const perSecond = (all.length / 1000) * alive;
    assert.ok(perSecond > 1 && perSecond < 3, `${perSecond} attempts a second`);
    assert.ok((all.at(-1)?.at ?? 0) > 900_000);
  });

  it("asks the seeds only while it has no link at all, less and less often", () => {
    const dialer = new Dialer(options, seededRandom(3));
    const alone = { seeds: ["seed:1"], company: { isAlone: true, alive: 1 } };
    const gaps = dials(dialer, [], alone, 120_000).map(({ at }) => at);
    assert.equal(gaps[0], 0);
    const last = (gaps.at(-1) ?? 0) - (gaps.at(-2) ?? 0);
    assert.ok(last >= 7000 && last <= 23_000, `${last} ms`);
    dialer.linked();
    assert.deepEqual(dialer.tick([], { ...alone, company: crowd.company }, 200_000), []);
    assert.deepEqual(dialer.tick([], alone, 200_100), ["seed:1"]);
  });
});
