import assert from "node:assert/strict";
import { seededRandom } from "../../base/random.ts";
import { Neighbours } from "../../membership/neighbours.ts";
import { Rings } from "../../membership/rings.ts";
import { sha256, simulatedHost } from "../simulation/crypto.ts";

const options = { random: 2, replaceMs: 60_000, lingerMs: 15_000 };

function world(size: number) {
  const rings = new Rings({ rings: 4, fullMesh: 9 }, { hash: sha256 });
  const hosts = Array.from({ length: size }, (_, at) => simulatedHost(at + 1));
  for (const host of hosts) rings.add(host);
  const self = simulatedHost(1);
  const neighbours = new Neighbours({ self, rings, options, random: seededRandom(1) });
  return { rings, self, neighbours, hosts };
}

describe("neighbours", () => {
  it("are all others up to nine hosts, there or not", () => {
    const { neighbours } = world(9);
    assert.equal(neighbours.wanted(() => false, 0).size, 8);
  });

  it("are those on the rings and two by chance, replaced one by one", () => {
    const { neighbours, rings, self } = world(50);
    const fixed = new Set(rings.neighbours(self));
    const chances = new Set<string>();
    let [before, replaced] = [new Set<string>(), 0];
    for (let now = 0; now <= 600_000; now += 100) {
      const wanted = neighbours.wanted(() => true, now);
      assert.ok(fixed.isSubsetOf(wanted) && wanted.size <= fixed.size + 2);
      const extra = wanted.difference(fixed);
      if (now > 10_000) {
        const gone = before.difference(extra).size;
        assert.ok(gone <= 1);
        replaced += gone;
      }
      for (const host of extra) chances.add(host);
      before = extra;
    }
    assert.ok(replaced >= 16 && replaced <= 20, `${replaced} replaced in ten minutes`);
    assert.ok(chances.size > 10);
  });

  it("are filled up with the next who are there when some are away", () => {
    const { neighbours, rings, self } = world(50);
    const away = new Set(rings.neighbours(self).slice(0, 4));
    const wanted = neighbours.wanted((host) => !away.has(host), 0);
    assert.ok(away.isSubsetOf(wanted));
    assert.ok(wanted.difference(away).size >= rings.neighbours(self).length);
  });

  it("alone are kept: a link of ours with another is spare after a while, a peer's never", () => {
    const { neighbours, hosts } = world(50);
    const [wantedHost = "", ours = "", theirs = ""] = hosts;
    const links = [
      { host: wantedHost, isInbound: false },
      { host: ours, isInbound: false },
      { host: theirs, isInbound: true },
    ] as Parameters<Neighbours["spare"]>[0];
    const wanted = new Set(hosts.slice(0, 1));
    assert.deepEqual(neighbours.spare(links, wanted, 0), []);
    assert.deepEqual(neighbours.spare(links, wanted, 14_900), []);
    assert.deepEqual(neighbours.spare(links, wanted, 15_000), [ours]);
    assert.deepEqual(neighbours.spare(links, new Set(hosts), 15_100), []);
    assert.deepEqual(neighbours.spare(links, wanted, 15_200), []);
  });
});
