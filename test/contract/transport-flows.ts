/** What every Transport must do beside its links: gossip, bulk transfers, requests to join. */
import assert from "node:assert/strict";
import { MeshError } from "../../base/errors.ts";
import {
  call,
  gossipWorks,
  link,
  openStation,
  type Pair,
  type Station,
  text,
  textOf,
  type World,
} from "./station.ts";

export function gossipClaims(world: World, pair: Pair): void {
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
    await gossipWorks(world(), a, c);
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

export function pullClaims(world: World, pair: Pair): void {
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

export function joinClaims(world: World, pair: Pair): void {
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
