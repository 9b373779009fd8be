import assert from "node:assert/strict";
import fc from "fast-check";
import type { HostId } from "../../base/id.ts";
import { seededRandom, shuffled } from "../../base/random.ts";
import { Rings } from "../../membership/rings.ts";
import { sha256, simulatedHost } from "../simulation/crypto.ts";

const options = { rings: 4, fullMesh: 9 };
const hosts = Array.from({ length: 400 }, (_, at) => simulatedHost(at + 1));

function ringsOf(members: readonly HostId[]): Rings {
  const rings = new Rings(options, { hash: sha256 });
  for (const host of members) rings.add(host);
  return rings;
}

/** A cluster of any size and composition. */
const cluster = fc
  .tuple(fc.integer({ min: 1, max: 120 }), fc.nat())
  .map(([size, seed]) => shuffled(seededRandom(seed), hosts).slice(0, size));

function edgesOf(rings: Rings): Set<string> {
  const all = [...rings.hosts].flatMap((host) =>
    rings.neighbours(host).map((other) => `${host} ${other}`),
  );
  return new Set(all);
}

/** How many hosts a walk from the first of `members` gets to, along links between members only. */
function reached(rings: Rings, members: ReadonlySet<HostId>): number {
  const [first] = members;
  const seen = new Set(first === undefined ? [] : [first]);
  for (const host of seen) {
    for (const next of rings.neighbours(host)) if (members.has(next)) seen.add(next);
  }
  return seen.size;
}

describe("rings", () => {
  it("make everybody a neighbour of everybody up to nine hosts", () => {
    for (let size = 1; size <= 9; size += 1) {
      const rings = ringsOf(hosts.slice(0, size));
      for (const host of rings.hosts) assert.equal(rings.neighbours(host).length, size - 1);
    }
  });

  it("are symmetric, know no host as its own neighbour, and give at most eight above nine", () => {
    fc.assert(
      fc.property(cluster, (members) => {
        const rings = ringsOf(members);
        for (const host of members) {
          const neighbours = rings.neighbours(host);
          assert.equal(new Set(neighbours).size, neighbours.length);
          assert.ok(neighbours.length <= 8 && !neighbours.includes(host));
          for (const other of neighbours) assert.ok(rings.neighbours(other).includes(host));
        }
      }),
      { numRuns: 50 },
    );
  });

  it("are the same in whatever order hosts came, and whoever came and went", () => {
    fc.assert(
      fc.property(cluster, fc.nat(), (members, seed) => {
        const rings = ringsOf(shuffled(seededRandom(seed), hosts).slice(0, 130));
        for (const host of members) rings.add(host);
        for (const host of rings.hosts) if (!members.includes(host)) rings.remove(host);
        assert.deepEqual(edgesOf(rings), edgesOf(ringsOf(members)));
      }),
      { numRuns: 20 },
    );
  });

  it("connect everybody, and the rest when any three in ten are gone", () => {
    fc.assert(
      fc.property(cluster, fc.nat(), (members, seed) => {
        const rings = ringsOf(members);
        assert.equal(reached(rings, new Set(members)), members.length);
        const rest = shuffled(seededRandom(seed), members).slice(Math.floor(0.3 * members.length));
        const got = reached(rings, new Set(rest));
        // The model (gossip.md 2.3) cuts off N f^8 hosts: 0.008 of 120.
        assert.ok(got >= rest.length - 1, `${got} of ${rest.length}`);
      }),
      { numRuns: 50 },
    );
  });

  it("change a bounded number of links when one host joins or leaves, whatever their number", () => {
    fc.assert(
      fc.property(cluster, fc.nat(), (members, at) => {
        const gone = members[at % members.length];
        const isStep = members.length > 10;
        if (gone === undefined || !isStep) return;
        const rings = ringsOf(members);
        const before = edgesOf(rings);
        rings.remove(gone);
        const changed = before.symmetricDifference(edgesOf(rings)).size;
        // On each of four rings two links go and one comes; each is counted from both ends.
        assert.ok(changed <= 24, `${changed} changed`);
      }),
      { numRuns: 50 },
    );
  });

  it("let the next who is there take the place of who is away, symmetrically", () => {
    fc.assert(
      fc.property(cluster, fc.nat(), (members, seed) => {
        const rings = ringsOf(members);
        const there = new Set(
          shuffled(seededRandom(seed), members).slice(0, 1 + (members.length >> 1)),
        );
        const isThere = (host: HostId) => there.has(host);
        for (const host of there) {
          for (const other of rings.around(host, isThere)) {
            assert.ok(isThere(other) && other !== host);
            assert.ok(rings.around(other, isThere).has(host));
          }
        }
      }),
      { numRuns: 30 },
    );
  });

  it("know nobody around a host they do not hold", () => {
    assert.deepEqual(ringsOf(hosts.slice(0, 20)).neighbours(simulatedHost(999)), []);
  });
});
