import assert from "node:assert/strict";
import fc from "fast-check";
import { seededRandom } from "../../base/random.ts";
import type { NamedNetwork } from "../../names/resolve.ts";
import type { Named } from "../../names/zone.ts";
import {
  answersTo,
  ask,
  dev,
  files,
  here,
  lost,
  named,
  nearness,
  network,
  nth,
  sight,
  there,
  web,
} from "./world.ts";

const zones = new Map<NamedNetwork, readonly Named[]>([
  [
    web,
    [
      named(1, "db/postgres/my_db", there, "10.32.0.2", "fd00:32::2"),
      named(2, "app", here, "10.32.0.3"),
      named(3, "api", lost, "10.32.0.4"),
      named(4, "api", here, "10.32.0.5"),
      named(5, "api", there, "10.32.0.6"),
      named(6, "00000000000000ab", here, "10.32.0.7"),
    ],
  ],
  [files, [named(10, "db", here, "10.33.0.2"), named(11, "log", here, "10.33.4.9")]],
  [dev, [named(20, "nearest", here, "10.34.0.2"), named(21, "web", there, "10.34.0.3")]],
]);
const inWeb = sight(zones, [web]);
const inBoth = sight(zones, [files, web]);

describe("a name", () => {
  it("is an endpoint's, an alias's or an id's, in its network of our domain", () => {
    assert.equal(ask(inWeb, "db.web.starling"), "10.32.0.2");
    assert.equal(ask(inWeb, "postgres.web.starling"), "10.32.0.2");
    assert.equal(ask(inWeb, "my_db.web.starling"), "10.32.0.2");
    assert.equal(ask(inWeb, "00000000000000ab.web.starling"), "10.32.0.7");
    assert.equal(ask(inWeb, "db.web.starling", "AAAA"), "fd00:32::2");
  });

  it("may be short: without the domain, without the network, without both", () => {
    for (const name of ["db.web", "db.starling", "db"]) assert.equal(ask(inWeb, name), "10.32.0.2");
  });

  it("in several networks means the one that is asked through", () => {
    assert.equal(ask(inBoth, "db"), "10.33.0.2");
    assert.equal(ask(inBoth, "db.web"), "10.32.0.2");
    assert.equal(ask(inBoth, "app"), "10.32.0.3");
  });

  it("of a network that the asker is not in does not exist, nor does its network", () => {
    assert.equal(ask(inWeb, "log.data.starling"), "NXDOMAIN");
    assert.equal(ask(inWeb, "data.starling"), "NXDOMAIN");
    assert.equal(ask(inWeb, "log.data"), "forward");
    assert.equal(ask(inWeb, "log"), "forward");
  });

  it("that is nobody's is asked elsewhere, unless it is in our domain", () => {
    for (const name of ["example.com", "nobody", "google.dev", "", "a.b.c.d", "starlings"]) {
      assert.equal(ask(sight(zones, [dev]), name), "forward", name);
    }
    for (const name of [
      "nobody.starling",
      "nobody.web.starling",
      "x.db.web.starling",
      "..starling",
    ])
      assert.equal(ask(inWeb, name), "NXDOMAIN", name);
  });

  it("without a record of the type is there all the same", () => {
    assert.equal(ask(inWeb, "app.web.starling", "AAAA"), "NODATA");
    assert.equal(ask(inWeb, "app", "AAAA"), "NODATA");
    assert.equal(ask(inWeb, "app", "UNKNOWN_65"), "NODATA");
    assert.equal(ask(inWeb, "web.starling"), "NODATA");
  });

  it("is found in any case, and answered as it was written", () => {
    const { answers } = answersTo(inWeb, "Db.WEB.sTarling");
    assert.deepEqual(
      answers.map(({ name }) => name),
      ["Db.WEB.sTarling"],
    );
  });

  it("of a network with the name of another is looked for in the asker's", () => {
    const younger = network(9, "web", "10.40.0.0/24");
    const two = new Map([...zones, [younger, [named(30, "db", here, "10.40.0.2")]] as const]);
    assert.equal(ask(sight(two, [younger]), "db.web.starling"), "10.40.0.2");
    assert.equal(ask(sight(two, [web]), "db.web.starling"), "10.32.0.2");
  });

  it("asked for with ANY gets the least that is an answer", () => {
    assert.equal(ask(inWeb, "db.web.starling", "ANY"), "HINFO");
    assert.equal(ask(inWeb, "nobody.web.starling", "ANY"), "NXDOMAIN");
  });
});

describe("an absence", () => {
  it("comes with the start of authority, which says for how long it holds", () => {
    for (const [name, zone] of [
      ["nobody.web.starling", "starling"],
      ["app.web.starling", "starling"],
      ["app.web", "web"],
      ["app", "app"],
      ["9.0.32.10.in-addr.arpa", "32.10.in-addr.arpa"],
    ] as const) {
      const { answers, authority } = answersTo(inWeb, name, "AAAA");
      assert.deepEqual(answers, []);
      assert.deepEqual(
        authority.map(({ name, ttlS, content }) => [name, ttlS, content.type]),
        [[zone, 2, "SOA"]],
      );
    }
  });
});

describe("the domain", () => {
  it("has an authority, and a server with the gateways' addresses", () => {
    assert.equal(ask(inWeb, "starling", "SOA"), "SOA");
    assert.equal(ask(inWeb, "Starling", "NS"), "_ns.starling");
    assert.equal(ask(inWeb, "starling"), "NODATA");
    assert.equal(ask(inWeb, "_ns.starling"), "10.32.0.1");
    assert.equal(ask(inWeb, "_ns.starling", "AAAA"), "fd00:32::1");
  });
});

describe("several endpoints of one name", () => {
  it("take turns at being first, and those of unreachable hosts are last", () => {
    const firsts = new Set<string>();
    const random = seededRandom(7);
    for (let round = 0; round < 40; round += 1) {
      const all = ask({ ...inWeb, random }, "api.web.starling").split(" ");
      assert.deepEqual(all.toSorted(), ["10.32.0.4", "10.32.0.5", "10.32.0.6"]);
      assert.equal(all[2], "10.32.0.4");
      firsts.add(all[0] ?? "");
    }
    assert.deepEqual([...firsts].toSorted(), ["10.32.0.5", "10.32.0.6"]);
  });

  it("are asked for nearby with `nearest`: those here, and without one here all", () => {
    for (const name of ["nearest.api.web.starling", "nearest.api.web", "nearest.api.starling"])
      assert.equal(ask(inWeb, name), "10.32.0.5", name);
    assert.equal(ask(inWeb, "nearest.db"), "10.32.0.2");
    const nobodyHere = { ...inWeb, nearness: () => "unreachable" as const };
    assert.equal(ask(nobodyHere, "nearest.api").split(" ").length, 3);
  });

  it("do not hide one that is called `nearest`", () => {
    const inDev = sight(zones, [dev]);
    assert.equal(ask(inDev, "nearest.dev.starling"), "10.34.0.2");
    assert.equal(ask(inDev, "nearest"), "10.34.0.2");
    assert.equal(ask(inDev, "nearest.web.starling"), "10.34.0.3");
  });

  it("are so many at most that they fit a message", () => {
    const many = Array.from({ length: 500 }, (_, n) => named(n, "many", here, nth(n + 2)));
    const sees = sight(new Map([[web, many]]), [web], { answersAtMost: 100 });
    assert.equal(answersTo(sees, "many").answers.length, 100);
  });
});

describe("an address", () => {
  it("of the asker's networks has its endpoint's own name", () => {
    assert.equal(ask(inWeb, "2.0.32.10.in-addr.arpa", "PTR"), "db.web.starling");
    assert.equal(ask(inBoth, "9.4.33.10.IN-ADDR.ARPA", "PTR"), "log.data.starling");
    const nibbles = "2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.2.3.0.0.0.0.d.f.ip6.arpa";
    assert.equal(ask(inWeb, nibbles, "PTR"), "db.web.starling");
  });

  it("of ours that nobody has, or that the asker may not see, has none", () => {
    assert.equal(ask(inWeb, "99.0.32.10.in-addr.arpa", "PTR"), "NXDOMAIN");
    assert.equal(ask(inWeb, "9.4.33.10.in-addr.arpa", "PTR"), "NXDOMAIN");
    assert.equal(ask(inWeb, "32.10.in-addr.arpa", "SOA"), "SOA");
    assert.equal(ask(inWeb, "0.32.10.in-addr.arpa", "PTR"), "NODATA");
  });

  it("of others is asked elsewhere", () => {
    for (const name of ["1.2.168.192.in-addr.arpa", "10.in-addr.arpa", "300.0.32.10.in-addr.arpa"])
      assert.equal(ask(inWeb, name, "PTR"), "forward", name);
  });
});

describe("whatever is asked", () => {
  const labels = ["db", "app", "api", "log", "nearest", "web", "data", "dev", "starling", "x"];
  const name = fc.array(fc.constantFrom(...labels), { maxLength: 4 });
  const some = fc.subarray([web, files, dev]);

  it("tells nothing of networks that the asker is not in", () => {
    const ofNetwork = new Map([...zones].map(([id, all]) => [id, all.flatMap(({ ips }) => ips)]));
    fc.assert(
      fc.property(name, some, (words, networks) => {
        const sees = sight(zones, networks, { nearness });
        for (const type of ["A", "AAAA", "PTR", "ANY"]) {
          const told = ask(sees, words.join("."), type).split(" ");
          for (const [of, ips] of ofNetwork) {
            if (networks.includes(of)) continue;
            assert.ok(!ips.some((ip) => told.includes(ip)), `${words.join(".")} told ${told}`);
          }
        }
      }),
    );
  });

  it("never sends a name of our domain elsewhere", () => {
    fc.assert(
      fc.property(fc.array(fc.string(), { maxLength: 5 }), some, (words, networks) => {
        const asked = [...words, "starling"].join(".");
        assert.notEqual(ask(sight(zones, networks), asked), "forward");
      }),
    );
  });
});
