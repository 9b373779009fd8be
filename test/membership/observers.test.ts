import assert from "node:assert/strict";
import { clusterOf } from "../../membership/certificate.ts";
import { Observers, type Sight } from "../../membership/observers.ts";
import { type Report, signReport } from "../../membership/report.ts";
import { Rings } from "../../membership/rings.ts";
import { sha256, simulatedCrypto, simulatedHost, simulatedSigner } from "../simulation/crypto.ts";

const [a, b, c, d] = [simulatedHost(1), simulatedHost(2), simulatedHost(3), simulatedHost(4)];
const stranger = simulatedHost(99);
const cluster = clusterOf(simulatedSigner(1).publicKey, simulatedCrypto(a));
const refute = { minMs: 1_000, maxMs: 30_000 };

function observersOf(self = a): Observers {
  const rings = new Rings({ rings: 4, fullMesh: 9 }, { hash: sha256 });
  for (const host of [a, b, c, d]) rings.add(host);
  return new Observers({ self, cluster, rings, crypto: simulatedCrypto(self), refute });
}

/** What the host says, in so many words. */
function word(host = b, said: Partial<Report> = {}): Report {
  const quiet = { incarnation: 0, serial: 1, isIsolated: false, lost: [], heard: [] };
  return signReport(cluster, { host, ...quiet, ...said }, simulatedCrypto(host));
}

function sight(lost = [d], heard = [b, c]): Sight {
  return { heard: new Set(heard), doubted: new Set(), lost: new Set(lost) };
}

const gone = (host = d, incarnation = 0) => [{ host, incarnation }];

function reached(observers: Observers, seen = sight()) {
  return [...observers.standing(seen).reached.keys()].toSorted();
}

describe("observers", () => {
  it("call a host unreachable when enough of those who watch it do, not when one does", () => {
    const observers = observersOf();
    assert.deepEqual(reached(observers), [b, c, d].toSorted());
    assert.equal(observers.take(word(b, { lost: gone() })), "news");
    assert.deepEqual(reached(observers), [b, c].toSorted());
    assert.equal(observers.take(word(b, { serial: 2 })), "news");
    assert.deepEqual(reached(observers), [b, c, d].toSorted());
  });

  it("take each report once, the newest, in its host's own words, of members only", () => {
    const observers = observersOf();
    const second = word(b, { serial: 2 });
    assert.equal(observers.take(second), "news");
    assert.equal(observers.take(second), "stale");
    assert.equal(observers.take(word(b)), "stale");
    assert.equal(observers.take({ ...word(c), serial: 7 }), "forged");
    assert.equal(observers.take({ ...word(c, { lost: gone() }), host: d }), "forged");
    assert.equal(observers.take(word(stranger)), "unknown");
    assert.equal(observers.all().length, 1);
  });

  it("have equal fingerprints when they know the same, however they came to know it", () => {
    const [one, other] = [observersOf(), observersOf()];
    one.take(word(b));
    one.take(word(c));
    one.take(word(b, { serial: 4 }));
    other.take(word(b, { serial: 4 }));
    assert.notDeepEqual(one.fingerprint, other.fingerprint);
    other.take(word(c));
    assert.deepEqual(one.fingerprint, other.fingerprint);
    one.forget(b);
    other.forget(b);
    assert.deepEqual(one.fingerprint, other.fingerprint);
  });

  it("void what was said of a host before it said that it is there", () => {
    const observers = observersOf();
    observers.take(word(b, { lost: gone() }));
    observers.take(word(c, { lost: gone() }));
    assert.ok(!reached(observers, sight([], [b, c])).includes(d));
    observers.take(word(d, { incarnation: 1 }));
    assert.ok(reached(observers, sight([], [b, c])).includes(d));
    observers.take(word(b, { serial: 2, lost: gone(d, 1) }));
    observers.take(word(c, { serial: 2, lost: gone(d, 1) }));
    assert.ok(!reached(observers, sight([], [b, c])).includes(d));
  });

  it("say nothing while all is well, and one thing once", () => {
    const observers = observersOf();
    const speak = (seen: Sight, now: number) =>
      observers.speak(seen, observers.standing(seen), now);
    assert.equal(speak(sight([], [b, c, d]), 0), undefined);
    assert.deepEqual(speak(sight(), 1)?.lost, gone());
    assert.equal(speak(sight(), 2), undefined);
    assert.deepEqual(speak(sight([], [b, c, d]), 3)?.lost, []);
  });

  it("speak for a host that is at odds with half of its neighbours, not for one that misses one", () => {
    const hosts = Array.from({ length: 40 }, (_, at) => simulatedHost(at + 1));
    const rings = new Rings({ rings: 4, fullMesh: 9 }, { hash: sha256 });
    for (const host of hosts) rings.add(host);
    const observers = new Observers({
      self: a,
      cluster,
      rings,
      crypto: simulatedCrypto(a),
      refute,
    });
    const near = rings.neighbours(a);
    const far = hosts.find((host) => host !== a && !near.includes(host)) ?? assert.fail("all near");
    const seen = sight([], [...near, far]);
    const heard = (now: number) => observers.speak(seen, observers.standing(seen), now)?.heard;
    const watchers = rings.neighbours(far);
    observers.take(word(watchers[0], { lost: gone(far) }));
    assert.equal(heard(0), undefined);
    const half = watchers.slice(1, Math.ceil(watchers.length / 2));
    const lost = half.map((host) => ({ host, incarnation: 0 }));
    observers.take(word(far, { lost }));
    assert.deepEqual(heard(1), [far]);
    observers.take(word(far, { serial: 2 }));
    assert.deepEqual(heard(2), []);
  });

  it("refute an accusation under a higher incarnation, and the next not at once", () => {
    const observers = observersOf();
    const all = sight([], [b, c, d]);
    const speak = (now: number) => observers.speak(all, observers.standing(all), now);
    observers.take(word(b, { lost: gone(a) }));
    assert.equal(speak(10_000)?.incarnation, 1);
    observers.take(word(b, { serial: 2, lost: gone(a, 1) }));
    assert.equal(speak(10_100), undefined);
    assert.equal(speak(12_100)?.incarnation, 2);
  });

  it("do not answer the accusations of one that doubts itself, nor count them", () => {
    const observers = observersOf();
    observers.take(word(b, { lost: [...gone(a), ...gone(d)], isIsolated: true }));
    const seen = sight([d], [b, c]);
    assert.equal(observers.speak(seen, observers.standing(seen), 0)?.incarnation, 0);
    assert.ok(reached(observers, seen).includes(d));
  });

  it("doubt themselves when most are gone and nobody else misses them, and then accuse nobody", () => {
    const observers = observersOf();
    const alone = sight([b, c, d], []);
    const report = observers.speak(alone, observers.standing(alone), 0);
    assert.equal(report?.isIsolated, true);
    assert.deepEqual(reached(observers, alone), []);
    const most = sight([c, d], [b]);
    assert.equal(observers.speak(most, observers.standing(most), 1)?.lost.length, 2);
    assert.equal(observers.isIsolated, true);
    observers.take(word(b, { lost: [...gone(c), ...gone(d)] }));
    assert.equal(observers.speak(most, observers.standing(most), 2)?.isIsolated, false);
  });

  it("outlive themselves: a word of an earlier life is answered by a newer one", () => {
    const observers = observersOf();
    const before = word(a, { serial: 50, incarnation: 7, lost: gone() });
    assert.equal(observers.take(before), "news");
    const all = sight([], [b, c, d]);
    const report = observers.speak(all, observers.standing(all), 0);
    assert.deepEqual([report?.serial, report?.incarnation, report?.lost], [51, 8, []]);
  });
});
