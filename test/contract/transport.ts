/** What every Transport must do, simulated or real. */
import assert from "node:assert/strict";
import { toHex } from "../../base/bytes.ts";
import { MeshError } from "../../base/errors.ts";
import type { HostId } from "../../base/id.ts";
import type { Transport } from "../../membership/transport.ts";
import { RecordingHandler } from "./recording-handler.ts";

export type Station = {
  readonly transport: Transport;
  readonly host: HostId;
  /** Where it listens. */
  readonly address: string;
  readonly handler: RecordingHandler;
  /** Stops as an agent stops. */
  readonly stop: () => Promise<void>;
};

/** A place where transports of one cluster meet. */
export type TransportWorld = {
  /** The n-th host, from 0. */
  open(n: number, handler: RecordingHandler): Promise<Omit<Station, "handler">>;
  /** Lets the world go on until the claim holds; rejects where it does not in good time. */
  until(claim: () => boolean, what: string): Promise<void>;
  /** An address of this world at which nobody listens. */
  readonly deadAddress: string;
  readonly limits: { readonly messageBytes: number };
  close(): Promise<void>;
};

export const text = (value: string): Uint8Array => new TextEncoder().encode(value);
export const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** Calls the port as the core does: nothing may be told before the call has ended. */
export function call(station: Station, act: (transport: Transport) => void): void {
  station.handler.isCalling = true;
  act(station.transport);
  station.handler.isCalling = false;
}

export async function openStation(world: TransportWorld, n: number): Promise<Station> {
  const handler = new RecordingHandler();
  handler.helloBytes = text(`hello of ${n}`);
  return { ...(await world.open(n, handler)), handler };
}

export async function link(world: TransportWorld, from: Station, to: Station): Promise<void> {
  const [before, there] = [from.handler.links.length, to.handler.links.length];
  call(from, (transport) => transport.dial(to.address));
  await world.until(
    () => from.handler.links.length > before && to.handler.links.length > there,
    "a link on both sides",
  );
}

/** When both have got it, all that was sent before on the link has been handled. */
export async function exchange(world: TransportWorld, a: Station, b: Station): Promise<void> {
  const count = (station: Station) => station.handler.messages.length;
  const [before, there] = [count(a), count(b)];
  call(a, (transport) => transport.send(b.host, text("over")));
  await world.until(() => count(b) > there, "a message there");
  call(b, (transport) => transport.send(a.host, text("and back")));
  await world.until(() => count(a) > before, "a message back");
}

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

type World = () => TransportWorld;
type Pair = () => Promise<readonly [Station, Station]>;

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

  it("fails with the other side's reason where it refuses us, and tells that side nothing", async () => {
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

function gossipClaims(world: World, pair: Pair): void {
  const heard = ({ handler }: Station): string[] =>
    handler.gossip.map(({ message }) => textOf(message));

  it("reaches a linked host once, with who passed it on", async () => {
    const [a, b] = await pair();
    await link(world(), a, b);
    await gossipWorks(world(), a, b);
    call(a, (transport) => transport.publish(text("news")));
    await world().until(() => heard(b).includes("news"), "the news");
    await gossipWorks(world(), a, b);
    assert.equal(heard(b).filter((message) => message === "news").length, 1);
    assert.equal(b.handler.gossip[0]?.from, a.host);
    assert.deepEqual(heard(a), []);
  });

  it("goes on over a host that accepts it, and ends at one that does not", async () => {
    const [a, b] = await pair();
    const c = await openStation(world(), 2);
    await link(world(), a, b);
    await link(world(), b, c);
    await gossipWorks(world(), a, b);
    await gossipWorks(world(), b, c);
    b.handler.judge = (message) => {
      const verdict = textOf(message).split(" ")[0];
      return verdict === "ignore" || verdict === "reject" ? verdict : "accept";
    };
    for (const message of ["ignore this", "reject this", "accept this"]) {
      call(a, (transport) => transport.publish(text(message)));
    }
    await world().until(() => heard(c).includes("accept this"), "what was accepted");
    await gossipWorks(world(), b, c);
    assert.ok(heard(b).includes("ignore this") && heard(b).includes("reject this"));
    assert.ok(!heard(c).includes("ignore this") && !heard(c).includes("reject this"));
  });

  it("alone is lost without harm", async () => {
    const [a, b] = await pair();
    call(a, (transport) => transport.publish(text("to nobody")));
    await link(world(), a, b);
    await gossipWorks(world(), a, b);
    assert.ok(!heard(b).includes("to nobody"));
  });
}

let probes = 0;

/** Publishes until something arrives: a link is up a moment before gossip flows on it. */
export async function gossipWorks(
  world: TransportWorld,
  from: Station,
  to: Station,
): Promise<void> {
  const before = to.handler.gossip.length;
  const publish = () => {
    probes += 1;
    call(from, (transport) => transport.publish(text(`accept probe ${probes}`)));
  };
  publish();
  const timer = setInterval(publish, 20);
  try {
    await world.until(() => to.handler.gossip.length > before, "gossip");
  } finally {
    clearInterval(timer);
  }
}

function pullClaims(world: World, pair: Pair): void {
  const ended = async (a: Station, count = 1): Promise<void> =>
    world().until(() => a.handler.pullEnds.length === count, "the end of a pull");

  it("brings every page in order, and then one end", async () => {
    const [a, b] = await pair();
    await link(world(), a, b);
    b.handler.answerPull = (request) =>
      Array.from({ length: 50 }, (_, at) => text(`${textOf(request)} ${at}`));
    call(a, (transport) => transport.pull({ id: 7, from: b.host, request: text("page") }));
    await ended(a);
    assert.deepEqual(
      a.handler.pages.map(({ id, page }) => `${id}: ${textOf(page)}`),
      Array.from({ length: 50 }, (_, at) => `7: page ${at}`),
    );
    assert.deepEqual(a.handler.pullEnds, [{ id: 7, reason: undefined }]);
  });

  it("may bring nothing, or an empty page", async () => {
    const [a, b] = await pair();
    await link(world(), a, b);
    call(a, (transport) => transport.pull({ id: 1, from: b.host, request: text("") }));
    await ended(a);
    b.handler.answerPull = () => [new Uint8Array()];
    call(a, (transport) => transport.pull({ id: 2, from: b.host, request: text("") }));
    await ended(a, 2);
    assert.deepEqual(a.handler.pages, [{ id: 2, page: new Uint8Array() }]);
    assert.deepEqual(
      a.handler.pullEnds.map(({ reason }) => reason),
      [undefined, undefined],
    );
  });

  it("ends with a reason where there is no link", async () => {
    const [a, b] = await pair();
    call(a, (transport) => transport.pull({ id: 1, from: b.host, request: text("") }));
    await ended(a);
    assert.match(a.handler.pullEnds[0]?.reason ?? "", /no link/);
  });

  it("ends with a reason where the other side fails amidst, and the next one works", async () => {
    const [a, b] = await pair();
    await link(world(), a, b);
    b.handler.answerPull = function* () {
      yield text("first");
      throw new Error("disk gone");
    };
    call(a, (transport) => transport.pull({ id: 1, from: b.host, request: text("") }));
    await ended(a);
    assert.equal(typeof a.handler.pullEnds[0]?.reason, "string");
    b.handler.answerPull = () => [text("again")];
    call(a, (transport) => transport.pull({ id: 2, from: b.host, request: text("") }));
    await ended(a, 2);
    assert.deepEqual(a.handler.pullEnds[1], { id: 2, reason: undefined });
  });

  it("ends with a reason where the link goes down amidst", async () => {
    const [a, b] = await pair();
    await link(world(), a, b);
    b.handler.answerPull = function* () {
      for (;;) yield new Uint8Array(60_000);
    };
    call(a, (transport) => transport.pull({ id: 1, from: b.host, request: text("") }));
    await world().until(() => a.handler.pages.length > 3, "some pages");
    call(b, (transport) => transport.close(a.host, "enough"));
    await ended(a);
    assert.equal(typeof a.handler.pullEnds[0]?.reason, "string");
  });

  it("draws pages no faster than the asking side takes them", async () => {
    const [a, b] = await pair();
    await link(world(), a, b);
    let [drawn, most] = [0, 0];
    b.handler.answerPull = function* () {
      for (; drawn < 400; drawn += 1) {
        most = Math.max(most, drawn - a.handler.pages.length);
        yield new Uint8Array(60_000);
      }
    };
    call(a, (transport) => transport.pull({ id: 1, from: b.host, request: text("") }));
    await ended(a);
    assert.equal(a.handler.pages.length, 400);
    assert.ok(most < 200, `${most} pages were on their way at once`);
  });
}

function joinClaims(world: World, pair: Pair): void {
  it("asks a stranger and brings its answer, without a link", async () => {
    const [a, b] = await pair();
    [a.handler.helloBytes, b.handler.answerJoin] = [
      undefined,
      async (ask) => text(`${textOf(ask)}!`),
    ];
    assert.equal(textOf(await a.transport.join(b.address, text("let me in"))), "let me in!");
    assert.deepEqual(a.handler.events, []);
    assert.deepEqual(b.handler.events, []);
  });

  it("says so where nobody answers", async () => {
    const [a] = await pair();
    await assert.rejects(a.transport.join(world().deadAddress, text("x")), (error) => {
      assert.ok(error instanceof MeshError);
      assert.equal(error.code, "AGENT_UNREACHABLE");
      return true;
    });
  });

  it("says so where the other side fails, which goes on answering", async () => {
    const [a, b] = await pair();
    b.handler.answerJoin = () => Promise.reject(new Error("disk full"));
    await assert.rejects(a.transport.join(b.address, text("x")), { code: "AGENT_UNREACHABLE" });
    b.handler.answerJoin = async () => text("welcome");
    assert.equal(textOf(await a.transport.join(b.address, text("x"))), "welcome");
  });
}
