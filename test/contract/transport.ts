/** What every Transport must do, simulated or real. */
import assert from "node:assert/strict";
import { toHex } from "../../base/bytes.ts";
import {
  call,
  exchange,
  link,
  openStation,
  type Pair,
  type Station,
  type TransportWorld,
  text,
  textOf,
  type World,
} from "./station.ts";
import { gossipClaims, joinClaims, pullClaims } from "./transport-flows.ts";

export function transportContract(name: string, makeWorld: () => Promise<TransportWorld>): void {
  describe(`${name}, as a transport,`, () => {
    let world: TransportWorld;
    beforeEach(async () => {
      world = await makeWorld();
    });
    afterEach(() => world.close());
    const pair = () => Promise.all([openStation(world, 0), openStation(world, 1)] as const);

    describe("link", () => linkClaims(() => world, pair));
    describe("dial", () => dialClaims(() => world, pair));
    describe("gossip", () => gossipClaims(() => world, pair));
    describe("pull", () => pullClaims(() => world, pair));
    describe("join", () => joinClaims(() => world, pair));
  });
}

function linkClaims(world: World, pair: Pair): void {
  it("comes up once on both sides, each with the other's hello", async () => {
    const [a, b] = await pair();
    await link(world(), a, b);
    await exchange(world(), a, b);
    const [there, here] = [a.handler.links, b.handler.links];
    assert.equal(there.length, 1);
    assert.equal(here.length, 1);
    assert.deepEqual(
      { ...there[0] },
      { host: b.host, hello: text("hello of 1"), address: b.address, isInbound: false },
    );
    assert.equal(here[0]?.host, a.host);
    assert.deepEqual(here[0]?.hello, text("hello of 0"));
    assert.equal(here[0]?.isInbound, true);
    assert.deepEqual(a.handler.failures, []);
  });

  it("carries messages in order and unaltered, up to the largest", async () => {
    const [a, b] = await pair();
    await link(world(), a, b);
    const largest = new Uint8Array(world().limits.messageBytes).fill(7);
    const sizes = Array.from({ length: 300 }, (_, at) => (at * at) % 5_000);
    const sent = [...sizes.map((size, at) => new Uint8Array(size).fill(at)), largest];
    for (const message of sent) call(a, (transport) => transport.send(b.host, message));
    await world().until(() => b.handler.messages.length === sent.length, "every message");
    assert.ok(b.handler.messages.every(({ from }) => from === a.host));
    assert.deepEqual(
      b.handler.messages.map(({ message }) => toHex(message)),
      sent.map(toHex),
    );
  });

  it("that is not there loses messages without harm", async () => {
    const [a, b] = await pair();
    call(a, (transport) => transport.send(b.host, text("lost")));
    await link(world(), a, b);
    await exchange(world(), a, b);
    assert.deepEqual(
      b.handler.messages.map(({ message }) => textOf(message)),
      ["over"],
    );
  });

  it("goes down once on both sides where one closes it, and comes up again", async () => {
    const [a, b] = await pair();
    await link(world(), a, b);
    call(a, (transport) => transport.close(b.host, "it is silent"));
    await world().until(
      () => a.handler.downs.length === 1 && b.handler.downs.length === 1,
      "both down",
    );
    assert.equal(a.handler.downs[0]?.reason, "it is silent");
    assert.match(b.handler.downs[0]?.reason ?? "", /it is silent/);
    await link(world(), b, a);
    await exchange(world(), a, b);
    assert.deepEqual(
      [a.handler.links.length, a.handler.downs.length, b.handler.downs.length],
      [2, 1, 1],
    );
  });

  it("goes down where the other side stops", async () => {
    const [a, b] = await pair();
    await link(world(), a, b);
    await b.stop();
    await world().until(() => a.handler.downs.length === 1, "a link down");
    assert.equal(a.handler.downs[0]?.host, b.host);
  });

  it("never speaks to the core while the core is calling", async () => {
    const [a, b] = await pair();
    call(a, (transport) => transport.dial(a.address));
    call(a, (transport) => transport.dial("what is this?"));
    call(a, (transport) => transport.pull({ id: 1, from: b.host, request: text("x") }));
    await link(world(), a, b);
    call(a, (transport) => transport.publish(text("news")));
    call(a, (transport) => transport.close(b.host, "enough"));
    await world().until(() => a.handler.downs.length === 1, "the end");
    assert.deepEqual(
      a.handler.events.filter((event) => event.includes("inside")),
      [],
    );
  });
}

function dialClaims(world: World, pair: Pair): void {
  const failed = async (a: Station, address: string): Promise<string> => {
    call(a, (transport) => transport.dial(address));
    await world().until(() => a.handler.failures.length > 0, "a failed dial");
    assert.equal(a.handler.failures.length, 1);
    assert.equal(a.handler.failures[0]?.address, address);
    assert.deepEqual(a.handler.links, []);
    return a.handler.failures[0]?.reason ?? "";
  };

  it("fails with a reason where nobody listens", async () => {
    const [a] = await pair();
    assert.match(await failed(a, world().deadAddress), /nobody listens/);
  });

  it("fails where the address is our own", async () => {
    const [a] = await pair();
    assert.match(await failed(a, a.address), /this host/);
  });

  it("fails where the address is none", async () => {
    const [a] = await pair();
    assert.match(await failed(a, "::::"), /no host/);
  });

  it("fails with the other side's reason where that refuses us, and tells it nothing", async () => {
    const [a, b] = await pair();
    b.handler.refuse = (peer, hello) =>
      peer === a.host && textOf(hello) === "hello of 0" ? "its certificate is old" : undefined;
    assert.match(await failed(a, b.address), /its certificate is old/);
    assert.deepEqual(b.handler.events, []);
  });

  it("fails with our reason where we refuse it, and tells the other side nothing", async () => {
    const [a, b] = await pair();
    a.handler.refuse = () => "it is revoked";
    assert.match(await failed(a, b.address), /it is revoked/);
    assert.deepEqual(b.handler.events, []);
  });

  it("fails while either side is not a member", async () => {
    const [a, b] = await pair();
    b.handler.helloBytes = undefined;
    assert.match(await failed(a, b.address), /not yet a member/);
    assert.deepEqual(b.handler.events, []);
    a.handler.helloBytes = undefined;
    call(a, (transport) => transport.dial(b.address));
    await world().until(() => a.handler.failures.length === 2, "a second failure");
    assert.match(a.handler.failures[1]?.reason ?? "", /not yet a member/);
  });

  it("of one address twice at once has one outcome", async () => {
    const [a, b] = await pair();
    call(a, (transport) => transport.dial(b.address));
    await link(world(), a, b);
    await exchange(world(), a, b);
    assert.deepEqual([a.handler.links.length, a.handler.failures.length], [1, 0]);
  });

  it("of a linked host changes nothing", async () => {
    const [a, b] = await pair();
    await link(world(), a, b);
    call(b, (transport) => transport.dial(a.address));
    await world().until(() => b.handler.failures.length === 1, "an outcome");
    assert.match(b.handler.failures[0]?.reason ?? "", /linked already/);
    await exchange(world(), a, b);
    assert.deepEqual(
      [a, b].map(({ handler }) => [handler.links.length, handler.downs.length]),
      [
        [1, 0],
        [1, 0],
      ],
    );
  });

  it("from both sides at once makes one link, and no link goes down", async () => {
    const [a, b] = await pair();
    for (let round = 1; round <= 10; round += 1) {
      const outcomes = ({ handler }: Station) => handler.links.length + handler.failures.length;
      const dialled = [a, b].map(outcomes);
      call(a, (transport) => transport.dial(b.address));
      call(b, (transport) => transport.dial(a.address));
      await world().until(
        () => [a, b].every((station, at) => outcomes(station) > (dialled[at] ?? 0)),
        "an outcome each",
      );
      await world().until(
        () => [a, b].every(({ handler }) => handler.links.length === round),
        "a link each",
      );
      await exchange(world(), a, b);
      assert.deepEqual(
        [a, b].map(({ handler }) => [handler.links.length, handler.downs.length]),
        [
          [round, round - 1],
          [round, round - 1],
        ],
      );
      call(round % 2 === 0 ? a : b, (transport) =>
        transport.close((round % 2 === 0 ? b : a).host, "next round"),
      );
      await world().until(
        () => [a, b].every(({ handler }) => handler.downs.length === round),
        "both down",
      );
    }
  });
}
