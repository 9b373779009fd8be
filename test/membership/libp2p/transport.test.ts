import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { promisify } from "node:util";
import type { Ip } from "../../../base/address.ts";
import { openTransport } from "../../../membership/libp2p/transport.ts";
import { RecordingHandler } from "../../contract/recording-handler.ts";
import {
  call,
  exchange,
  gossipWorks,
  link,
  openStation,
  type Station,
  text,
  textOf,
} from "../../contract/station.ts";
import { RealWorld, silentLog } from "./world.ts";

describe("the libp2p transport", () => {
  let world: RealWorld;
  beforeEach(() => {
    world = new RealWorld({ dialMs: 1_000 });
  });
  afterEach(() => world.close());

  it("says which port is busy, and which address is not ours", async () => {
    const a = await openStation(world, 0);
    const port = Number(a.address.split(":")[1]);
    await assert.rejects(world.open(1, new RecordingHandler(), { port }), {
      code: "PORT_BUSY",
      message: `cannot listen on 127.0.0.1, TCP port ${port}: another process does`,
    });
    const listen = { address: "203.0.113.7" as Ip, port: 0 };
    const { limits, cluster: clusterId } = world;
    const given = { listen, limits, clusterId, handler: new RecordingHandler(), log: silentLog };
    await assert.rejects(openTransport({ ...given, identity: await world.identity(2) }), {
      code: "UNDERLAY_UNKNOWN",
    });
  });

  it("reaches every peer also where there are more links than its mesh has room for", async () => {
    const [hub, ...others] = await Promise.all(
      Array.from({ length: 11 }, (_, n) => openStation(world, n)),
    );
    assert.ok(hub !== undefined);
    for (const other of others) await link(world, hub, other);
    for (const other of others) await gossipWorks(world, hub, other);
    const news = "accept news for all";
    call(hub, (transport) => transport.publish(text(news)));
    const hasNews = ({ handler }: Station) =>
      handler.gossip.some(({ message }) => textOf(message) === news);
    await world.until(() => others.every(hasNews), "the news on every peer");
  });

  it("leaves nothing that holds the process", async () => {
    const script = new URL("./brief.ts", import.meta.url);
    const { stdout } = await promisify(execFile)(process.execPath, [script.pathname]);
    const { closeMs, exitMs } = JSON.parse(stdout);
    assert.ok(closeMs < 1_000 && exitMs < 200, stdout);
  });

  it("keeps a link beyond the time that its dial had", async () => {
    const [a, b] = [await openStation(world, 0), await openStation(world, 1)];
    await link(world, a, b);
    // The dial's own deadline is the event awaited: a dial that begins now has its deadline later.
    const server = createServer(() => undefined);
    const address = await listening(server);
    call(a, (transport) => transport.dial(address));
    await world.until(() => a.handler.failures.length === 1, "a dial out of time");
    server.close();
    await exchange(world, a, b);
    assert.deepEqual([a.handler.downs, b.handler.downs], [[], []]);
  });

  it("ends a dial to somebody who does not answer within its time", async () => {
    const a = await openStation(world, 0);
    const sockets: Socket[] = [];
    const server = createServer((socket) => sockets.push(socket));
    const address = await listening(server);
    const began = performance.now();
    call(a, (transport) => transport.dial(address));
    await world.until(() => a.handler.failures.length === 1, "a failed dial");
    const ms = performance.now() - began;
    assert.ok(ms > 900 && ms < 2_000, `${ms} ms`);
    assert.match(a.handler.failures[0]?.reason ?? "", /does not answer/);
    server.close();
    for (const socket of sockets) socket.destroy();
  });

  it("dials a name, and its own port where none is given", async () => {
    const [a, b] = [await openStation(world, 0), await openStation(world, 1)];
    const named = b.address.replace("127.0.0.1", "localhost");
    call(a, (transport) => transport.dial(named));
    await world.until(() => a.handler.links.length === 1, "a link");
    assert.equal(a.handler.links[0]?.address, b.address);
    call(a, (transport) => transport.dial("127.0.0.1"));
    await world.until(() => a.handler.failures.length === 1, "an outcome");
    assert.match(a.handler.failures[0]?.reason ?? "", /that is this host/);
  });

  it("makes no more links than it may, and new ones when old ones are gone", async () => {
    await world.close();
    world = new RealWorld({ connections: 2 });
    const [a, b, c, d] = await Promise.all([0, 1, 2, 3].map((n) => openStation(world, n)));
    assert.ok(a && b && c && d);
    await link(world, b, a);
    await link(world, c, a);
    call(d, (transport) => transport.dial(a.address));
    await world.until(() => d.handler.failures.length === 1, "a refusal");
    assert.match(d.handler.failures[0]?.reason ?? "", /all 2 links are in use/);
    call(a, (transport) => transport.close(b.host, "room"));
    await world.until(() => a.handler.downs.length === 1, "room");
    await link(world, d, a);
  });

  it("runs no more dials at once than it may have links", async () => {
    await world.close();
    world = new RealWorld({ connections: 2 });
    const a = await openStation(world, 0);
    for (const port of [1, 2, 3]) call(a, (transport) => transport.dial(`127.0.0.1:${port}`));
    await world.until(() => a.handler.failures.length === 3, "three outcomes");
    const [first, ...others] = a.handler.failures.map(({ reason }) => reason);
    assert.equal(first, "as many dials run as may");
    assert.ok(others.every((reason) => /nobody listens/.test(reason)));
    assert.deepEqual(a.handler.events, ["dialFailed", "dialFailed", "dialFailed"]);
  });

  it("pulls 20 MB with few pages on their way at once, while the link goes on", async () => {
    const [a, b] = [await openStation(world, 0), await openStation(world, 1)];
    await link(world, a, b);
    const pages = 320;
    let [most, taken] = [0, 0];
    b.handler.answerPull = function* () {
      for (let drawn = 0; drawn < pages; drawn += 1) {
        most = Math.max(most, drawn - taken);
        yield new Uint8Array(64 * 1024).fill(drawn);
      }
    };
    a.handler.pulled = (_id, page) => {
      assert.equal(page[0], taken & 255);
      taken += 1;
      if (taken === 10) call(b, (transport) => transport.send(a.host, text("meanwhile")));
    };
    call(a, (transport) => transport.pull({ id: 1, from: b.host, request: text("all") }));
    await world.until(() => a.handler.pullEnds.length === 1, "the end");
    assert.deepEqual(a.handler.pullEnds, [{ id: 1, reason: undefined }]);
    assert.equal(taken, pages);
    // A window on the wire, and what the kernel's buffers of both sides hold.
    assert.ok(most <= 128, `${most} pages`);
    assert.deepEqual(
      a.handler.events.filter((event) => event === "received" || event === "pullEnded"),
      ["received", "pullEnded"],
    );
  });

  it("serves as many pulls as it may and tells the others to try again", async () => {
    await world.close();
    world = new RealWorld({ pullsServed: 1 });
    const [a, b, c] = await Promise.all([0, 1, 2].map((n) => openStation(world, n)));
    assert.ok(a && b && c);
    await link(world, b, a);
    await link(world, c, a);
    a.handler.answerPull = function* () {
      for (let at = 0; at < 300; at += 1) yield new Uint8Array(60_000);
    };
    call(b, (transport) => transport.pull({ id: 1, from: a.host, request: text("") }));
    await world.until(() => b.handler.pages.length > 0, "a page");
    call(c, (transport) => transport.pull({ id: 2, from: a.host, request: text("") }));
    await world.until(() => c.handler.pullEnds.length === 1, "an answer");
    assert.match(c.handler.pullEnds[0]?.reason ?? "", /try again/);
    await world.until(() => b.handler.pullEnds.length === 1, "the end");
    call(c, (transport) => transport.pull({ id: 3, from: a.host, request: text("") }));
    await world.until(() => c.handler.pullEnds.length === 2, "the end");
    assert.equal(c.handler.pullEnds[1]?.reason, undefined);
  });

  it("pulls a thousand times without leaving a stream open", async () => {
    const [a, b] = [await openStation(world, 0), await openStation(world, 1)];
    await link(world, a, b);
    b.handler.answerPull = () => [text("page")];
    for (let id = 1; id <= 1_000; id += 1) {
      call(a, (transport) => transport.pull({ id, from: b.host, request: text("") }));
      await world.until(() => a.handler.pullEnds.length === id, `pull ${id}`);
    }
    assert.ok(a.handler.pullEnds.every(({ reason }) => reason === undefined));
  });

  it("survives a handler that throws, and reports it", async () => {
    const errors: string[] = [];
    const log = { ...silentLog, error: (phrase: string) => errors.push(phrase) };
    const handler = new RecordingHandler();
    const bug = () => {
      throw new Error("bug");
    };
    Object.assign(handler, { linkUp: bug, received: bug, gossiped: bug, serve: bug });
    const { limits, cluster: clusterId } = world;
    await using faulty = await openTransport({
      identity: await world.identity(0),
      clusterId,
      limits,
      handler,
      log,
      listen: { address: "127.0.0.1" as Ip, port: 0 },
    });
    const a = await openStation(world, 1);
    call(a, (transport) => transport.dial(faulty.addresses[0] ?? ""));
    await world.until(() => a.handler.links.length === 1, "a link");
    call(a, (transport) => transport.send(faulty.host, text("x")));
    call(a, (transport) => transport.pull({ id: 1, from: faulty.host, request: text("") }));
    await world.until(() => a.handler.pullEnds.length === 1, "the end");
    faulty.send(a.host, text("still here"));
    await world.until(() => a.handler.messages.length === 1, "a sign of life");
    assert.ok(errors.filter((phrase) => phrase === "handler failed").length >= 2);
  });

  it("hears gossip in both directions after links went down and up many times", async () => {
    const [a, b] = [await openStation(world, 0), await openStation(world, 1)];
    for (let round = 1; round <= 8; round += 1) {
      const [from, to] = round % 2 === 0 ? [a, b] : [b, a];
      await link(world, from, to);
      // Some links go down before gossip has begun on them.
      if (round % 3 !== 0) {
        await gossipWorks(world, a, b);
        await gossipWorks(world, b, a);
      }
      call(round % 4 < 2 ? a : b, (transport) => transport.close(to.host, "again"));
      call(round % 4 < 2 ? a : b, (transport) => transport.close(from.host, "again"));
      await world.until(
        () => [a, b].every(({ handler }) => handler.downs.length === round),
        "both down",
      );
    }
  });
});

describe("a link that only one side believes in", () => {
  const lower = async (world: RealWorld): Promise<readonly [number, number]> => {
    const [zero, one] = [await world.identity(0), await world.identity(1)];
    return zero.host < one.host ? [0, 1] : [1, 0];
  };

  for (const who of ["lower", "higher"] as const) {
    it(`gives way at once to the peer's next start, seen from the ${who} id`, async () => {
      const world = new RealWorld();
      try {
        const [low, high] = await lower(world);
        const [here, there] = who === "lower" ? [low, high] : [high, low];
        const a = await openStation(world, here);
        const before = await openStation(world, there);
        await link(world, a, before);
        const after = await openStation(world, there);
        await link(world, after, a);
        await exchange(world, after, a);
        const { events, downs } = a.handler;
        assert.deepEqual(events.slice(0, 3), ["linkUp", "linkDown", "linkUp"]);
        assert.match(downs[0]?.reason ?? "", /takes its place/);
      } finally {
        await world.close();
      }
    });

    it(`gives way at once when the other, of the ${who} id, dials again`, async () => {
      const world = new RealWorld();
      const holes: BlackHole[] = [];
      try {
        const [low, high] = await lower(world);
        const [ours, theirs] = who === "lower" ? [high, low] : [low, high];
        const a = await openStation(world, ours);
        const b = await openStation(world, theirs);
        const hole = await BlackHole.open(a.address);
        holes.push(hole);
        call(b, (transport) => transport.dial(hole.address));
        await world.until(() => a.handler.links.length + b.handler.links.length === 2, "a link");
        hole.swallow();
        call(b, (transport) => transport.close(a.host, "it is silent"));
        await world.until(() => b.handler.downs.length === 1, "a link down");
        assert.deepEqual(a.handler.downs, []);
        await link(world, b, a);
        await exchange(world, a, b);
        assert.deepEqual(a.handler.events.slice(0, 3), ["linkUp", "linkDown", "linkUp"]);
      } finally {
        for (const hole of holes) hole.close();
        await world.close();
      }
    });
  }
});

describe("gossip", () => {
  it("goes around a ring of five, to each once", async () => {
    const world = new RealWorld();
    try {
      const ring = await Promise.all([0, 1, 2, 3, 4].map((n) => openStation(world, n)));
      for (const [at, station] of ring.entries()) {
        const next = ring[(at + 1) % ring.length] as Station;
        await link(world, station, next);
        await gossipWorks(world, station, next);
      }
      const [first, ...others] = ring as [Station, ...Station[]];
      for (const other of others) await gossipWorks(world, first, other);
      const sent = Array.from({ length: 50 }, (_, at) => `accept news ${at}`);
      for (const news of sent) call(first, (transport) => transport.publish(text(news)));
      const heard = ({ handler }: Station) =>
        handler.gossip
          .map(({ message }) => textOf(message))
          .filter((message) => message.startsWith("accept news"));
      await world.until(
        () => others.every((station) => heard(station).length >= sent.length),
        "all news everywhere",
      );
      for (const station of others) assert.deepEqual(heard(station).toSorted(), sent.toSorted());
    } finally {
      await world.close();
    }
  });
});

async function listening(server: Server): Promise<string> {
  await once(server.listen(0, "127.0.0.1"), "listening");
  const bound = server.address();
  assert.ok(bound !== null && typeof bound === "object");
  return `127.0.0.1:${bound.port}`;
}

/** A way to an agent that can fall silent without closing, as a cut wire does. */
class BlackHole {
  readonly address: string;
  readonly #server: Server;
  readonly #sockets: Socket[];
  #isSilent = false;

  private constructor(address: string, server: Server, sockets: Socket[]) {
    this.address = address;
    this.#server = server;
    this.#sockets = sockets;
  }

  static async open(to: string): Promise<BlackHole> {
    const sockets: Socket[] = [];
    const server = createServer({ allowHalfOpen: true });
    const hole = new BlackHole(await listening(server), server, sockets);
    server.on("connection", (near) => {
      const [host, port] = to.split(":");
      const far = connect({ host: host ?? "", port: Number(port), allowHalfOpen: true });
      sockets.push(near, far);
      hole.#carry(near, far);
      hole.#carry(far, near);
    });
    return hole;
  }

  swallow(): void {
    this.#isSilent = true;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #carry(from: Socket, to: Socket): void {
    from.on("data", (bytes) => this.#isSilent || to.write(bytes));
    from.on("end", () => this.#isSilent || to.end());
    from.on("error", () => undefined);
  }
}
