import assert from "node:assert/strict";
import type { Effect } from "../../agent/effect.ts";
import { containerOf, NameBook } from "../../agent/name-book.ts";
import { endpointKey, networkKey, removalKey } from "../../agent/schema.ts";
import { Tables } from "../../agent/tables.ts";
import type { HostId } from "../../base/id.ts";
import { seededRandom } from "../../base/random.ts";
import {
  cidr,
  difference,
  endpointId,
  ip,
  mac,
  name,
  networkId,
  simulatedHost,
} from "./samples.ts";

const [self, other] = [simulatedHost(1), simulatedHost(2)];
const [web, files] = [networkId(1), networkId(2)];

type Differences = Parameters<Tables["update"]>[1];

function endpoint(n: number, network: typeof web, label: string, address: string): Differences[0] {
  return difference(endpointKey(endpointId(n)), {
    network,
    name: name(label),
    mac: mac(`02:00:00:00:00:0${n}`),
    ips: [ip(address)],
  });
}

/** A host with two networks, and a container in both; its names, and what was asked of it. */
function world() {
  const tables = new Tables();
  const effects: Effect[] = [];
  const lost = new Set<HostId>();
  const containers = new Map([
    [endpointId(1), "container"],
    [endpointId(2), "container"],
    [endpointId(3), "other"],
  ]);
  const book = new NameBook({
    self,
    tables,
    random: seededRandom(1),
    emit: (effect) => effects.push(effect),
    isReachable: (host) => !lost.has(host),
    containerOf: ({ id }) => containers.get(id),
    options: { isServed: true, ttlS: 2 },
    answersAtMost: 16,
  });
  const hear = (origin: HostId, ...differences: Differences) => {
    for (const change of tables.update(origin, differences)) book.notice(change);
  };
  hear(
    self,
    difference(networkKey(web), { name: "web", subnets: [cidr("10.32.0.0/16")], created: 1 }),
    difference(networkKey(files), { name: "files", subnets: [cidr("10.33.0.0/16")], created: 2 }),
    endpoint(1, web, "app", "10.32.0.2"),
    endpoint(2, files, "app", "10.33.0.2"),
    endpoint(3, web, "db", "10.32.0.3"),
  );
  hear(other, endpoint(4, web, "far", "10.32.1.2"), endpoint(5, files, "log", "10.33.1.2"));
  book.place([web, files]);
  const ask = (from: string, to: string, asked: string, type = "A"): string => {
    const reply = book.resolve({ from: ip(from), to: ip(to), question: { name: asked, type } });
    if (reply.kind !== "answers") return reply.kind;
    const told = reply.answers.map(({ content }) => ("address" in content ? content.address : "?"));
    return reply.isMissing ? "NXDOMAIN" : told.join(" ");
  };
  return { book, hear, ask, effects, lost };
}

describe("the book of names", () => {
  it("answers an endpoint of this host at the gateway of its network", () => {
    const { ask } = world();
    assert.equal(ask("10.32.0.3", "10.32.0.1", "far"), "10.32.1.2");
    assert.equal(ask("10.32.0.3", "10.32.0.1", "example.com"), "forward");
  });

  it("refuses everybody else: strangers, endpoints of other hosts, and other gateways", () => {
    const { ask, book } = world();
    for (const [from, to] of [
      ["192.0.2.1", "10.32.0.1"],
      ["10.32.9.9", "10.32.0.1"],
      ["10.32.1.2", "10.32.0.1"],
      ["10.32.0.3", "10.33.0.1"],
      ["10.32.0.3", "10.99.0.1"],
    ] as const) {
      assert.equal(ask(from, to, "far.web.starling"), "refused", `${from} at ${to}`);
      assert.equal(ask(from, to, "example.com"), "refused", `${from} at ${to}`);
    }
    assert.equal(book.view().refused, 10);
  });

  it("shows a container all its networks, and another container only its own", () => {
    const { ask } = world();
    assert.equal(ask("10.32.0.2", "10.32.0.1", "log.files.starling"), "10.33.1.2");
    assert.equal(ask("10.32.0.2", "10.32.0.1", "app"), "10.32.0.2");
    assert.equal(ask("10.33.0.2", "10.33.0.1", "app"), "10.33.0.2");
    assert.equal(ask("10.32.0.3", "10.32.0.1", "log.files.starling"), "NXDOMAIN");
  });

  it("answers this host itself about all that is here, but asks nobody for it", () => {
    const { ask } = world();
    assert.equal(ask("10.32.0.1", "10.32.0.1", "log.files.starling"), "10.33.1.2");
    assert.equal(ask("10.32.0.1", "10.32.0.1", "example.com"), "refused");
  });

  it("follows the map: what comes is found, what changes its name is, and what goes is gone", () => {
    const { ask, hear } = world();
    const asked = (label: string) => ask("10.32.0.3", "10.32.0.1", `${label}.web.starling`);
    assert.equal(asked("new"), "NXDOMAIN");
    hear(other, endpoint(6, web, "new", "10.32.1.6"));
    assert.equal(asked("new"), "10.32.1.6");
    const [before, after] = ["new", "newer"].map((label) => endpoint(6, web, label, "10.32.1.6"));
    hear(other, { ...after, before: before?.after } as Differences[0]);
    assert.deepEqual([asked("new"), asked("newer")], ["NXDOMAIN", "10.32.1.6"]);
    hear(other, { ...after, before: after?.after, after: undefined } as Differences[0]);
    assert.equal(asked("newer"), "NXDOMAIN");
    hear(other, difference(removalKey(web), {}));
    assert.equal(ask("10.32.0.3", "10.32.0.1", "far.web.starling"), "refused");
  });

  it("puts what does not answer behind what does", () => {
    const { ask, hear, lost } = world();
    hear(self, endpoint(7, web, "far", "10.32.0.7"));
    lost.add(other);
    for (let round = 0; round < 8; round += 1)
      assert.equal(ask("10.32.0.3", "10.32.0.1", "far"), "10.32.0.7 10.32.1.2");
  });

  it("has names served at the gateways of networks that are here, told once for each change", () => {
    const { book, effects } = world();
    book.place([files, web]);
    book.place([web]);
    assert.deepEqual(effects, [
      { kind: "listen", addresses: ["10.32.0.1", "10.33.0.1"] },
      { kind: "listen", addresses: ["10.32.0.1"] },
    ]);
  });

  it("takes links of one container for one, and namespaces for containers", () => {
    const named = (n: number, label: string) => ({
      ...{ id: endpointId(n), host: self, network: web, name: name(label) },
      ...{ aliases: [], mac: mac("02:00:00:00:00:01"), ips: [ip("10.32.0.2")] },
    });
    const link = { kind: "link", link: "slv1", owner: "docker" } as const;
    const one = containerOf(named(1, "app"), link);
    assert.equal(containerOf(named(2, "app"), { ...link, link: "slv2" }), one);
    assert.notEqual(containerOf(named(2, "db"), link), one);
    const inside = {
      kind: "netns",
      netns: "/run/netns/a",
      netnsInode: 1,
      interface: "eth0",
    } as const;
    const place = { ...inside, owner: undefined };
    assert.equal(containerOf(named(1, "a"), place), containerOf(named(2, "b"), place));
    assert.equal(containerOf(named(1, "app"), undefined), undefined);
  });

  it("finds an endpoint by its aliases too", () => {
    const { ask, hear } = world();
    const known = { network: web, mac: mac("02:00:00:00:00:09"), ips: [ip("10.32.1.9")] };
    const value = { ...known, name: "pg", aliases: ["my_db", "postgres"] };
    hear(other, difference(endpointKey(endpointId(9)), value));
    for (const label of ["pg", "my_db", "postgres.web", "MY_DB.web.starling"])
      assert.equal(ask("10.32.0.3", "10.32.0.1", label), "10.32.1.9", label);
  });

  it("says what keeps names from being served", () => {
    const { book } = world();
    const fault = "another program has its port 53";
    book.serving({ listening: [{ address: ip("10.32.0.1"), fault }], upstreams: [] });
    assert.match(book.warnings().join("\n"), /not answered at 10\.32\.0\.1: another program/);
    assert.match(book.warnings().join("\n"), /names no resolver/);
    assert.deepEqual(book.view().serving, []);
    const listening = [{ address: ip("10.32.0.1"), fault: undefined }];
    book.serving({ listening, upstreams: [ip("10.0.0.53")] });
    assert.deepEqual(book.warnings(), []);
    assert.deepEqual(book.view().serving, ["10.32.0.1"]);
  });
});
