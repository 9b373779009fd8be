import assert from "node:assert/strict";
import type { Answer, Command } from "../../agent/command.ts";
import { limits, timing } from "../../agent/config.ts";
import { endpointKey, endpointValue, meaningOf } from "../../agent/schema.ts";
import { decode } from "../../base/codec.ts";
import { type Label, parseLabel } from "../../base/id.ts";
import { Cluster } from "../simulation/cluster.ts";
import type { SimulatedHost } from "../simulation/host.ts";
import { cidr, endpointId, ip, mac, name, networkId, plainWish, simulatedHost } from "./samples.ts";

type Add = Extract<Command, { kind: "endpoint-add" }>;
type Of<Kind extends Answer["kind"]> = Extract<Answer, { kind: Kind }>;

const id = endpointId(0xd0c);
const label = (text: string) => parseLabel(text) as Label;
const link = { ...plainWish, id, place: { kind: "link", link: "lnk1" } } as const;

/** A cluster whose first host has made a network. */
function clusterOf(hosts: number, ...subnets: readonly string[]): [Cluster, ...SimulatedHost[]] {
  const cluster = new Cluster({ seed: 4, hosts });
  cluster.run(2_000);
  const [first] = cluster.hosts;
  assert.ok(first);
  const wish = { name: name("web"), subnets: subnets.map(cidr), waitMs: undefined };
  assert.equal(cluster.answer(first, { kind: "network-create", ...wish }).kind, "network");
  cluster.run(500);
  return [cluster, ...cluster.hosts];
}

function ask<Kind extends Answer["kind"]>(
  cluster: Cluster,
  host: SimulatedHost | undefined,
  kind: Kind,
  command: Command,
): Of<Kind> {
  assert.ok(host);
  const answer = cluster.answer(host, command);
  assert.equal(answer.kind, kind, JSON.stringify(answer));
  if (command.kind === "endpoint-add" && kind === "endpoint") {
    // The answer comes before the kernel is looked at once more.
    cluster.run(200);
    return cluster.answer(host, { kind: "endpoint", endpoint: String(command.id) }) as Of<Kind>;
  }
  return answer as Of<Kind>;
}

describe("an endpoint asked for under an id", () => {
  it("is made once, however often it is asked for", () => {
    const [cluster, host] = clusterOf(1, "10.41.0.0/24");
    const first = ask(cluster, host, "endpoint", link);
    assert.equal(first.endpoint.id, id);
    assert.equal(first.endpoint.link, "lnk1");
    assert.deepEqual(ask(cluster, host, "endpoint", link), first);
    assert.deepEqual(host?.kernel.ports(), [id]);
  });

  it("is found by whose it is, on its own host alone", () => {
    const [cluster, host, other] = clusterOf(2, "10.41.0.0/24");
    ask(cluster, host, "endpoint", { ...link, owner: "docker/a/b" });
    const owned = (at: SimulatedHost | undefined, owner: string) =>
      ask(cluster, at, "endpoints", { kind: "endpoints-owned", owner }).endpoints;
    assert.deepEqual(
      owned(host, "docker/").map((endpoint) => endpoint.id),
      [id],
    );
    assert.deepEqual(owned(host, "cni/"), []);
    cluster.run(500);
    assert.deepEqual(owned(other, "docker/"), []);
  });

  it("is made once when it is asked for again while it is being made", () => {
    const [cluster, host] = clusterOf(1, "10.41.0.0/24");
    const answers: Answer[] = [];
    for (const wish of [link, link, { ...link, mac: mac("02:00:00:00:00:09") }])
      cluster.ask(host as SimulatedHost, wish, (answer) => answers.push(answer));
    cluster.run(2_000);
    assert.deepEqual(answers.map(({ kind }) => kind).toSorted(), [
      ...["endpoint", "endpoint", "refused"],
    ]);
    const ids = answers.map((answer) => (answer.kind === "endpoint" ? answer.endpoint.id : id));
    assert.deepEqual(new Set(ids), new Set([id]));
    const all = ask(cluster, host, "endpoints", { kind: "endpoints", network: undefined });
    assert.equal(all.endpoints.length, 1);
  });

  for (const [what, other] of [
    ["another link", { place: { kind: "link", link: "lnk2" } }],
    ["a namespace", { place: { kind: "netns", netns: "/run/netns/a", interface: "eth0" } }],
    ["another name", { name: label("other") }],
    ["another address", { addresses: [ip("10.41.0.77")] }],
    ["another MAC", { mac: mac("02:00:00:00:00:09") }],
    ["another owner", { owner: "somebody" }],
  ] as const satisfies readonly (readonly [string, Partial<Add>])[]) {
    it(`is refused where one is there and ${what} is asked for`, () => {
      const [cluster, host] = clusterOf(1, "10.41.0.0/24");
      const before = ask(cluster, host, "endpoint", link);
      const { refusal } = ask(cluster, host, "refused", { ...link, ...other });
      assert.equal(refusal.code, "ENDPOINT_EXISTS");
      const after = ask(cluster, host, "endpoint", { kind: "endpoint", endpoint: id });
      assert.deepEqual(after, before);
    });
  }

  it("is refused where another host has it", () => {
    const [cluster, host, other] = clusterOf(2, "10.41.0.0/24");
    ask(cluster, host, "endpoint", link);
    cluster.run(500);
    const { refusal } = ask(cluster, other, "refused", link);
    assert.equal(refusal.code, "ENDPOINT_EXISTS");
    assert.match(refusal.message, /lives on host host-1/);
  });
});

describe("an endpoint whose link somebody else moves", () => {
  it("stays when the link is gone, is shown as missing, and goes when it is removed", () => {
    const [cluster, host] = clusterOf(1, "10.41.0.0/24");
    assert.equal(ask(cluster, host, "endpoint", link).endpoint.state, "up");
    host?.kernel.removeLink("lnk1");
    cluster.run(20_000);
    const show: Command = { kind: "endpoint", endpoint: id };
    assert.equal(ask(cluster, host, "endpoint", show).endpoint.state, "missing");
    assert.deepEqual(host?.kernel.ports(), [], "nobody made it again");
    ask(cluster, host, "removed", { kind: "endpoint-remove", endpoint: id, waitMs: undefined });
    const again = ask(cluster, host, "endpoint", { ...link, id: endpointId(0xd0d) });
    assert.equal(again.endpoint.state, "up");
  });

  it("is what it was after its agent crashed", () => {
    const [cluster, host] = clusterOf(1, "10.41.0.0/24");
    const before = ask(cluster, host, "endpoint", { ...link, owner: "docker/x" });
    host?.crash((unsynced) => Math.min(unsynced, 0));
    cluster.run(1_000);
    host?.boot();
    cluster.run(15_000);
    const after = ask(cluster, host, "endpoint", { kind: "endpoint", endpoint: id });
    assert.deepEqual(after.endpoint, before.endpoint);
    assert.deepEqual(host?.kernel.ports(), [id]);
  });
});

describe("names of an endpoint", () => {
  it("are changed on all hosts, by its own host alone", () => {
    const [cluster, host, other] = clusterOf(2, "10.41.0.0/24");
    ask(cluster, host, "endpoint", link);
    const labels = { name: label("my_db"), aliases: [label("db"), label("sql_")] };
    const wish = { kind: "endpoint-rename", endpoint: id, waitMs: undefined, ...labels } as const;
    assert.equal(ask(cluster, host, "endpoint", wish).endpoint.name, "my_db");
    cluster.run(500);
    const seen = ask(cluster, other, "endpoint", { kind: "endpoint", endpoint: "my_db.web" });
    assert.deepEqual(seen.endpoint.aliases, ["db", "sql_"]);
    const { refusal } = ask(cluster, other, "refused", wish);
    assert.match(refusal.message, /lives on host host-1; rename it there/);
    // Who asks for none does not mind them; who asks for others does.
    assert.equal(ask(cluster, host, "endpoint", link).endpoint.name, "my_db");
    ask(cluster, host, "refused", { ...link, aliases: [label("x")] });
  });

  it("do not make a record unreadable for an agent that knows of names without underscores", () => {
    const plain = { network: networkId(1), mac: mac("02:00:00:00:00:01"), ips: [ip("10.0.0.2")] };
    const old = decode(endpointValue({ ...plain, name: name("db"), aliases: [] }), 1_000);
    assert.deepEqual(old, { ...plain, name: "db" }, "as it was before there were aliases");
    const value = endpointValue({ ...plain, name: label("my_db"), aliases: [label("a_b")] });
    assert.deepEqual(decode(value, 1_000), { ...plain, label: "my_db", aliases: ["a_b"] });
    const meaning = meaningOf(simulatedHost(1), endpointKey(id), value);
    const record = { ...plain, name: "my_db", aliases: ["a_b"] };
    assert.deepEqual(meaning, { kind: "endpoint", id, record });
  });
});

describe("a held address", () => {
  const hold = { kind: "address-reserve", network: "web", family: 4, address: undefined } as const;

  it("is another one each time, and goes to the endpoint that asks for it", () => {
    const [cluster, host] = clusterOf(1, "10.41.0.0/24");
    const [one, two] = ["a", "b"].map(
      (holder) => ask(cluster, host, "address", { ...hold, holder }).address.address,
    );
    assert.notEqual(one, two);
    const addresses = [ip(one?.split("/")[0] ?? "")];
    const made = ask(cluster, host, "endpoint", { ...link, addresses });
    assert.deepEqual(made.endpoint.addresses, [one]);
    cluster.run(timing.reservationMs + 1_000);
    const still = ask(cluster, host, "endpoint", { kind: "endpoint", endpoint: id });
    assert.deepEqual(still.endpoint.addresses, [one], "it is no longer held, but the endpoint's");
    const { refusal } = ask(cluster, host, "refused", {
      ...{ ...hold, address: addresses[0], holder: "c" },
    });
    assert.equal(refusal.code, "ADDRESS_TAKEN");
  });

  it("may be one whose endpoint is just gone, where it is asked for by itself", () => {
    const [cluster, host] = clusterOf(1, "10.41.0.0/24");
    const address = ip("10.41.0.7");
    ask(cluster, host, "endpoint", { ...link, addresses: [address] });
    ask(cluster, host, "removed", { kind: "endpoint-remove", endpoint: id, waitMs: undefined });
    const any = ask(cluster, host, "address", { ...hold, holder: "a" });
    assert.notEqual(any.address.address, "10.41.0.7/24");
    ask(cluster, host, "address", { ...hold, address, holder: "b" });
  });

  it("is nobody else's until it is released or its time is up", () => {
    const [cluster, host] = clusterOf(1, "10.41.0.0/24");
    const address = ip("10.41.0.7");
    const held = ask(cluster, host, "address", { ...hold, address, holder: "a" });
    assert.equal(held.address.holder, "a");
    ask(cluster, host, "refused", { ...hold, address, holder: "b" });
    cluster.run(timing.reservationMs - 1_000);
    ask(cluster, host, "address", { ...hold, address, holder: "a" });
    cluster.run(timing.reservationMs - 1_000);
    ask(cluster, host, "refused", { ...hold, address, holder: "b" });
    cluster.run(2_000);
    ask(cluster, host, "address", { ...hold, address, holder: "b" });
    const release = { kind: "address-release", network: "web", address } as const;
    assert.equal(ask(cluster, host, "address", release).address.holder, undefined);
    assert.equal(ask(cluster, host, "address", release).address.holder, undefined);
    ask(cluster, host, "address", { ...hold, address, holder: "c" });
  });

  it("is forgotten with the agent that held it, and with its network", () => {
    const [cluster, host] = clusterOf(1, "10.41.0.0/24");
    const address = ip("10.41.0.7");
    ask(cluster, host, "address", { ...hold, address, holder: "a" });
    host?.crash((unsynced) => Math.min(unsynced, 0));
    cluster.run(1_000);
    host?.boot();
    cluster.run(15_000);
    ask(cluster, host, "address", { ...hold, address, holder: "b" });
    ask(cluster, host, "removed", {
      ...{ kind: "network-remove", network: "web", isForced: false, waitMs: undefined },
    });
    ask(cluster, host, "refused", { ...hold, address, holder: "b" });
  });

  it("is asked for of the host that has it, and is of either family", () => {
    const [cluster, , other] = clusterOf(2, "10.41.0.0/24", "fd00:41::/64");
    const all = [2, 100, 200].map((n) =>
      ask(cluster, other, "address", { ...hold, address: ip(`10.41.0.${n}`), holder: "x" }),
    );
    assert.deepEqual(
      all.map(({ address }) => address.address),
      ["10.41.0.2/24", "10.41.0.100/24", "10.41.0.200/24"],
    );
    const six = ask(cluster, other, "address", { ...hold, family: 6, holder: "x" });
    assert.match(six.address.address, /^fd00:41:.*\/64$/);
    const ips = [ip("10.41.0.100"), ip(six.address.address.split("/")[0] ?? "")];
    const made = ask(cluster, other, "endpoint", { ...link, addresses: ips });
    assert.deepEqual(made.endpoint.addresses, ["10.41.0.100/24", six.address.address]);
  });

  it("is refused outside of the network, of a family it lacks, and past the limit", () => {
    const [cluster, host] = clusterOf(1, "10.40.0.0/16");
    const refusal = (wish: Partial<typeof hold>) =>
      ask(cluster, host, "refused", { ...hold, holder: "a", ...wish } as Command).refusal;
    assert.match(refusal({ family: 6 } as object).message, /web has no IPv6 subnet/);
    assert.equal(refusal({ address: ip("10.99.0.1") } as object).code, "ADDRESS_OUTSIDE");
    assert.equal(refusal({ address: ip("10.40.0.1") } as object).code, "ADDRESS_OUTSIDE");
    for (let n = 0; n < limits.reservations; n += 1)
      cluster.ask(host as SimulatedHost, { ...hold, holder: "a" });
    assert.equal(refusal({}).code, "LIMIT_REACHED");
  });
});
