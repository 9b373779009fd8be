import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import type { Connection, Stream } from "@libp2p/interface";
import { LengthPrefixedDecoder } from "@libp2p/utils";
import { encode } from "it-length-prefixed";
import { concatBytes } from "../../../base/bytes.ts";
import { MeshError } from "../../../base/errors.ts";
import type { HostId } from "../../../base/id.ts";
import { joinBytes } from "../../../membership/join.ts";
import { linkProtocol } from "../../../membership/libp2p/dials.ts";
import {
  type Control,
  decodeFrame,
  encodeControl,
  encodeMessage,
  greetingBytes,
} from "../../../membership/libp2p/frame.ts";
import { joinProtocol } from "../../../membership/libp2p/joins.ts";
import { pullProtocol } from "../../../membership/libp2p/pulls.ts";
import { RecordingHandler } from "../../contract/recording-handler.ts";
import {
  call,
  exchange,
  link,
  openStation,
  type Station,
  text,
  textOf,
} from "../../contract/station.ts";
import { closed, ended, openStranger, type Stranger } from "./stranger.ts";
import { RealWorld, randomCluster } from "./world.ts";

const id = "0123456789abcdef";
const hello: Control = { kind: "hello", session: id, link: id, ended: [], hello: text("me") };
/** The beginning of a frame that may be as large as a message, and is not while we greet. */
const greetingWithoutEnd = concatBytes([
  Uint8Array.of(0xa0, 0x8d, 0x06),
  new Uint8Array(greetingBytes),
]);
const meshsub = "/meshsub/1.2.0";

/** It still does what it is for. */
async function stillWorks(world: RealWorld, a: Station, n: number): Promise<void> {
  const other = await openStation(world, n);
  await link(world, other, a);
  await exchange(world, other, a);
}

function socketTo(address: string, from = "127.0.0.1"): Socket {
  const [host, port] = address.split(":");
  const socket = connect({ host: host ?? "", port: Number(port), localAddress: from });
  return socket.on("error", () => undefined);
}

/** Resolves when the socket is closed, politely or not. */
function gone(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once("close", () => resolve()));
}

/** What a member says until the link is up. */
async function greetAsMember({ node }: Stranger, connection: Connection): Promise<void> {
  const stream = await connection.newStream(linkProtocol);
  const say = (control: Control) => stream.send(encode.single(encodeControl(control)));
  const decoder = new LengthPrefixedDecoder();
  const admitted = new Promise<void>((resolve) => {
    stream.addEventListener("message", ({ data }) => {
      for (const bytes of decoder.decode(data)) {
        const frame = decodeFrame(bytes.subarray());
        if (frame?.kind === "control" && frame.control.kind === "admit") resolve();
      }
    });
  });
  say(hello);
  await admitted;
  say({ kind: "admit" });
  if (`${node.peerId}` < `${connection.remotePeer}`) say({ kind: "chosen" });
}

describe("a host of another cluster", () => {
  let world: RealWorld;
  beforeEach(() => {
    world = new RealWorld();
  });
  afterEach(() => world.close());

  it("is told apart from a host that does not answer", async () => {
    const a = await openStation(world, 0);
    const handler = new RecordingHandler();
    const foreign = await world.open(1, handler, { clusterId: randomCluster() });
    call(a, (transport) => transport.dial(foreign.address));
    await world.until(() => a.handler.failures.length === 1, "a failed dial");
    assert.equal(a.handler.failures[0]?.reason, "it belongs to another cluster");
    assert.deepEqual(handler.events, []);
    const code = async (address: string) =>
      a.transport.join(address, text("x")).catch((error: unknown) => {
        assert.ok(error instanceof MeshError);
        return error.code;
      });
    assert.equal(await code(foreign.address), "TOKEN_REFUSED");
    assert.equal(await code(world.deadAddress), "AGENT_UNREACHABLE");
  });

  it("is told apart from something that is no agent", async () => {
    const a = await openStation(world, 0);
    const server = createServer((socket) => socket.end("SSH-2.0-OpenSSH_9.2\r\n"));
    await once(server.listen(0, "127.0.0.1"), "listening");
    const bound = server.address();
    assert.ok(bound !== null && typeof bound === "object");
    const address = `127.0.0.1:${bound.port}`;
    call(a, (transport) => transport.dial(address));
    await world.until(() => a.handler.failures.length === 1, "a failed dial");
    assert.match(a.handler.failures[0]?.reason ?? "", /no agent answers there/);
    await assert.rejects(a.transport.join(address, text("x")), { code: "AGENT_UNREACHABLE" });
    server.close();
  });

  it("is refused where the address names another host than answers", async () => {
    const [a, b] = [await openStation(world, 0), await openStation(world, 1)];
    const [host, port] = b.address.split(":");
    const other = (await world.identity(2)).host;
    call(a, (transport) => transport.dial(`/ip4/${host}/tcp/${port}/p2p/${other}`));
    await world.until(() => a.handler.failures.length === 1, "a failed dial");
    assert.match(a.handler.failures[0]?.reason ?? "", /not the host it should be/);
  });
});

describe("a stranger at the port", () => {
  it("with garbage is cut off, and nothing else suffers", async () => {
    const world = new RealWorld({ upgradeMs: 300 });
    try {
      const a = await openStation(world, 0);
      const texts = [
        "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "\x13/multistream/1.0.0\n",
        "\xff".repeat(5_000),
      ];
      const garbage = [...texts.map((line) => Buffer.from(line, "latin1")), randomBytes(100_000)];
      const sockets = garbage.map((bytes) => {
        const socket = socketTo(a.address);
        socket.write(bytes);
        return socket.resume();
      });
      await Promise.all(sockets.map(gone));
      await stillWorks(world, a, 1);
    } finally {
      await world.close();
    }
  });

  it("that says nothing is sent away when its time is over", async () => {
    const world = new RealWorld({ upgradeMs: 200 });
    try {
      const a = await openStation(world, 0);
      const socket = socketTo(a.address).resume();
      await once(socket, "connect");
      const connected = performance.now();
      await gone(socket);
      assert.ok(performance.now() - connected < 2_000);
    } finally {
      await world.close();
    }
  });

  it("that holds as many idle connections as it can keeps no member out", async () => {
    const world = new RealWorld({ pendingConnections: 32, upgradeMs: 60_000 });
    try {
      const a = await openStation(world, 0);
      const crowd = Array.from({ length: 100 }, () => socketTo(a.address, "127.0.0.9").resume());
      let [turnedAway, connected] = [0, 0];
      const full = new Promise<void>((resolve) => {
        const count = () => turnedAway + 8 === crowd.length && connected > 0 && resolve();
        for (const socket of crowd) {
          socket.once("connect", () => {
            connected += 1;
          });
          socket.once("close", () => {
            turnedAway += 1;
            count();
          });
        }
      });
      await full;
      await stillWorks(world, a, 1);
      for (const socket of crowd) socket.destroy();
    } finally {
      await world.close();
    }
  });
});

describe("a stranger who has shaken hands", () => {
  let world: RealWorld;
  let a: Station;
  let stranger: Stranger;
  beforeEach(async () => {
    world = new RealWorld({ dialMs: 1_000, joinMs: 500 });
    a = await openStation(world, 0);
    stranger = await openStranger(world.cluster);
  });
  afterEach(async () => {
    await stranger[Symbol.asyncDispose]();
    await world.close();
  });

  const opened = async (protocol: string): Promise<Stream> =>
    (await stranger.connect(a.address)).newStream(protocol);

  /** It greets like a member and gossips only when told to. */
  const openMember = async (): Promise<Stranger> => {
    const member = await openStranger(world.cluster, false);
    await member.node.unhandle(member.node.services.gossip.protocols);
    return member;
  };

  it("cannot pull", async () => {
    let asked = 0;
    a.handler.answerPull = () => {
      asked += 1;
      return [text("secret")];
    };
    const stream = await opened(pullProtocol);
    // It may be reset before we have said a word.
    if (stream.status === "open") stream.send(encode.single(text("everything")));
    assert.equal(await ended(stream), "reset");
    assert.equal(asked, 0);
  });

  it("sees no gossip, and what it gossips is not read", async () => {
    const b = await openStation(world, 1);
    await link(world, a, b);
    const topic = `starling/${world.cluster}`;
    const seen: string[] = [];
    const { gossip } = stranger.node.services;
    gossip.addEventListener("message", ({ detail }) => seen.push(textOf(detail.data)));
    gossip.subscribe(topic);
    const connection = await stranger.connect(a.address);
    const stream = await connection.newStream(meshsub);
    assert.equal(await ended(stream), "reset");
    for (const at of [1, 2, 3]) {
      await gossip.publish(topic, text(`forged ${at}`));
      call(a, (transport) => transport.publish(text(`accept ${at}`)));
    }
    await world.until(() => b.handler.gossip.length >= 1, "gossip between members");
    assert.deepEqual(gossip.getSubscribers(topic), []);
    assert.deepEqual(seen, []);
    assert.ok(
      [a, b].every(({ handler }) =>
        handler.gossip.every(({ message }) => textOf(message).startsWith("accept")),
      ),
    );
  });

  it("is sent away when it neither links nor joins", async () => {
    await closed(await stranger.connect(a.address));
    await stillWorks(world, a, 1);
  });

  const cutOffAfter = async (...said: readonly Uint8Array[]) => {
    for (const bytes of said) {
      const connection = await stranger.connect(a.address);
      const stream = await connection.newStream(linkProtocol);
      stream.send(bytes);
      await closed(connection);
    }
    assert.deepEqual(a.handler.events, []);
    await stillWorks(world, a, 1);
  };

  it("is cut off at once when it speaks nonsense on the link's stream", async () => {
    // So long that only the nonsense itself can be the reason.
    await stranger[Symbol.asyncDispose]();
    await world.close();
    world = new RealWorld({ dialMs: 600_000 });
    a = await openStation(world, 0);
    stranger = await openStranger(world.cluster);
    const ofAnotherKind = encode.single(Uint8Array.of(9));
    const tooEarly = encode.single(encodeMessage(text("x")));
    const outOfTurn = encode.single(encodeControl({ kind: "chosen" }));
    const tooLarge = Uint8Array.of(0xff, 0xff, 0xff, 0x7f, 1);
    const frames = [ofAnotherKind, tooEarly, outOfTurn].map((frame) => frame.subarray());
    await cutOffAfter(...frames, tooLarge, greetingWithoutEnd);
  });

  it("is cut off in time when it does not finish a frame", async () => {
    const endlessLength = new Uint8Array(50).fill(0xff);
    const halfFrame = Uint8Array.of(100, 1, 2, 3);
    await cutOffAfter(endlessLength, halfFrame, Uint8Array.of(0));
  });

  it("that is refused hears why, and no more", async () => {
    a.handler.refuse = () => "its certificate is of another root";
    const connection = await stranger.connect(a.address);
    const stream = await connection.newStream(linkProtocol);
    const heard: Uint8Array[] = [];
    stream.addEventListener("message", ({ data }) => heard.push(data.subarray()));
    stream.send(encode.single(encodeControl(hello)));
    await closed(connection);
    const all = textOf(Buffer.concat(heard));
    assert.match(all, /its certificate is of another root/);
    assert.ok(!all.includes("hello of 0"));
    assert.deepEqual(a.handler.events, []);
  });

  it("is not linked before it has admitted us", async () => {
    const stream = await opened(linkProtocol);
    stream.send(encode.single(encodeControl(hello)));
    await ended(stream);
    assert.deepEqual(a.handler.events, []);
  });

  it("that is a member and cuts a pull short is found out", async () => {
    await using member = await openMember();
    await member.node.handle(pullProtocol, async (stream) => {
      stream.send(encode.single(concatBytes([Uint8Array.of(0), text("the only page")])));
      await stream.close();
    });
    await greetAsMember(member, await member.connect(a.address));
    await world.until(() => a.handler.links.length === 1, "a link");
    const from = a.handler.links[0]?.host as HostId;
    call(a, (transport) => transport.pull({ id: 1, from, request: text("all") }));
    await world.until(() => a.handler.pullEnds.length === 1, "the end");
    assert.equal(a.handler.pages.length, 1);
    assert.match(a.handler.pullEnds[0]?.reason ?? "", /cut short/);
  });

  it("that is a member and does not gossip loses its link", async () => {
    await using member = await openMember();
    await greetAsMember(member, await member.connect(a.address));
    await world.until(() => a.handler.downs.length === 1, "a link down");
    assert.equal(a.handler.downs[0]?.reason, "it opens no gossip stream");
  });

  it("that is a member and ends its gossip loses its link", async () => {
    await using member = await openMember();
    const connection = await member.connect(a.address);
    await greetAsMember(member, connection);
    await world.until(() => a.handler.links.length === 1, "a link");
    const stream = await connection.newStream(meshsub);
    await stream.close();
    await world.until(() => a.handler.downs.length === 1, "a link down");
    assert.equal(a.handler.downs[0]?.reason, "its gossip stream ended");
  });

  it("with a request to join that is too large, or never comes, is cut off", async () => {
    let asked = 0;
    a.handler.answerJoin = async () => {
      asked += 1;
      return text("welcome");
    };
    const large = await opened(joinProtocol);
    large.send(encode.single(new Uint8Array(joinBytes + 1)));
    assert.equal(await ended(large), "reset");
    const silent = await opened(joinProtocol);
    assert.equal(await ended(silent), "reset");
    assert.equal(asked, 0);
    await stillWorks(world, a, 1);
  });

  it("with more requests to join than are served at once is refused at once", async () => {
    await world.close();
    world = new RealWorld({ joinsServed: 2 });
    a = await openStation(world, 0);
    const answers: ((answer: Uint8Array) => void)[] = [];
    a.handler.answerJoin = () => {
      const { promise, resolve } = Promise.withResolvers<Uint8Array>();
      answers.push(resolve);
      return promise;
    };
    const askers = await Promise.all([1, 2, 3].map((n) => openStation(world, n)));
    const asked = askers.map(({ transport }) =>
      transport.join(a.address, text("x")).then(textOf, () => "refused"),
    );
    assert.equal(await Promise.race(asked), "refused");
    assert.equal(answers.length, 2);
    for (const answer of answers) answer(text("welcome"));
    assert.deepEqual((await Promise.all(asked)).toSorted(), ["refused", "welcome", "welcome"]);
  });
});
