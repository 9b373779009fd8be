import assert from "node:assert/strict";
import type { HostId } from "../../base/id.ts";
import { seededRandom } from "../../base/random.ts";
import type { Transport } from "../../membership/transport.ts";
import { RecordingHandler } from "../contract/recording-handler.ts";
import { type TransportWorld, text, textOf } from "../contract/station.ts";
import { transportContract } from "../contract/transport.ts";
import { simulatedHost } from "./crypto.ts";
import { Schedule } from "./schedule.ts";
import { noFaults, SimulatedNet, type TransportFaults } from "./transport.ts";

/** Longer than any claim may take, in virtual time. */
const goodTimeMs = 60_000;

class SimulatedWorld implements TransportWorld {
  readonly limits = { messageBytes: 256 * 1024 };
  readonly deadAddress = "10.9.9.9:7790";
  readonly #schedule = new Schedule();
  readonly #net = new SimulatedNet(this.#schedule, seededRandom(1), noFaults);

  readonly #opened: HostId[] = [];

  async open(n: number, handler: RecordingHandler) {
    const [host, address] = [simulatedHost(n), `10.0.0.${n + 1}:7790`];
    const transport = this.#net.open({ host, address, handler });
    // A request to join is a promise; time has to go on while somebody waits for it.
    const join: Transport["join"] = async (to, request) => {
      let isOver = false;
      const answer = transport.join(to, request).finally(() => {
        isOver = true;
      });
      answer.catch(() => undefined);
      await this.until(() => isOver, "an answer");
      return answer;
    };
    const stop = async () => this.#net.stop(host);
    this.#opened.push(host);
    return { transport: { ...transport, join }, host, address, stop };
  }

  async until(claim: () => boolean, what: string): Promise<void> {
    const end = this.#schedule.now() + goodTimeMs;
    while (!claim()) {
      if (!this.#schedule.step(end)) throw new Error(`no ${what} in ${goodTimeMs} virtual ms`);
      // Promises settle between events.
      await new Promise(setImmediate);
    }
  }

  async close(): Promise<void> {
    for (const host of this.#opened) this.#net.stop(host);
  }
}

transportContract("the simulation", async () => new SimulatedWorld());

/** Three hosts in a row, all linked with each other. */
function triangle(seed: number, faults: TransportFaults) {
  const schedule = new Schedule();
  const net = new SimulatedNet(schedule, seededRandom(seed), faults);
  const hosts = [0, 1, 2].map((n) => {
    const handler = new RecordingHandler();
    const place = { host: simulatedHost(n), address: `10.0.0.${n + 1}:7790`, handler };
    return { ...place, transport: net.open(place) };
  });
  const run = (ms: number) => {
    const end = schedule.now() + ms;
    while (schedule.step(end));
  };
  const [a, b, c] = hosts as [(typeof hosts)[0], (typeof hosts)[0], (typeof hosts)[0]];
  a.transport.dial(b.address);
  a.transport.dial(c.address);
  b.transport.dial(c.address);
  run(100);
  return { net, run, a, b, c };
}

const stormy: TransportFaults = {
  gossipLossPercent: 30,
  gossipRepeatPercent: 30,
  delayMs: 1,
  jitterMs: 50,
};

describe("the simulated network", () => {
  it("does the same for the same seed, and something else for another", () => {
    const trace = (seed: number): string => {
      const { a, b, c, run } = triangle(seed, stormy);
      for (let at = 0; at < 50; at += 1) {
        a.transport.publish(text(`news ${at}`));
        b.transport.send(c.host, text(`message ${at}`));
        run(3);
      }
      run(1_000);
      return [a, b, c]
        .flatMap(({ handler }) => [...handler.gossip, ...handler.messages])
        .map(({ from, message }) => `${from} ${textOf(message)}`)
        .join("\n");
    };
    assert.equal(trace(1), trace(1));
    assert.notEqual(trace(1), trace(2));
  });

  it("loses, repeats and reorders gossip, and tells each message once", () => {
    const { a, b, c, run } = triangle(1, stormy);
    const sent = Array.from({ length: 200 }, (_, at) => `news ${at}`);
    for (const news of sent) {
      a.transport.publish(text(news));
      run(1);
    }
    run(1_000);
    for (const { handler } of [b, c]) {
      const heard = handler.gossip.map(({ message }) => textOf(message));
      assert.equal(new Set(heard).size, heard.length);
      assert.ok(heard.length < sent.length && heard.length > sent.length / 2);
      assert.notDeepEqual(
        heard,
        sent.filter((news) => heard.includes(news)),
      );
    }
  });

  it("keeps links in order, whatever the delays", () => {
    const { a, b, run } = triangle(1, stormy);
    const sent = Array.from({ length: 200 }, (_, at) => `message ${at}`);
    for (const message of sent) {
      a.transport.send(b.host, text(message));
      run(1);
    }
    run(1_000);
    assert.deepEqual(
      b.handler.messages.map(({ message }) => textOf(message)),
      sent,
    );
  });

  it("holds back what a link carries over a cut, and delivers it in order when mended", () => {
    const { net, a, b, run } = triangle(1, stormy);
    net.cut(a.host, b.host);
    a.transport.send(b.host, text("1"));
    a.transport.publish(text("lost"));
    run(1_000);
    b.transport.send(a.host, text("the other way is open"));
    run(100);
    assert.deepEqual([a.handler.messages.length, b.handler.messages.length], [1, 0]);
    net.mend();
    a.transport.send(b.host, text("2"));
    run(1_000);
    const got = b.handler.messages.map(({ message }) => textOf(message));
    assert.deepEqual(got, ["1", "2"]);
  });

  it("lets one side believe in a link that the other has closed, while they are cut", () => {
    const { net, a, b, run } = triangle(1, noFaults);
    net.cut(a.host, b.host);
    net.cut(b.host, a.host);
    a.transport.close(b.host, "it is silent");
    run(1_000);
    assert.deepEqual([a.handler.downs.length, b.handler.downs.length], [1, 0]);
    a.transport.dial(b.address);
    run(10_000);
    assert.match(a.handler.failures[0]?.reason ?? "", /does not answer/);
    net.mend();
    a.transport.dial(b.address);
    run(1_000);
    assert.deepEqual(
      b.handler.events.filter((event) => event.startsWith("link")),
      ["linkUp", "linkUp", "linkDown", "linkUp"],
    );
    a.transport.send(b.host, text("here again"));
    run(100);
    assert.equal(b.handler.messages.length, 1);
  });

  it("resets the links of a host that crashes, and tells it nothing more", () => {
    const { net, a, b, run } = triangle(1, noFaults);
    const before = b.handler.events.length;
    net.crash(b.host);
    a.transport.send(b.host, text("too late"));
    run(1_000);
    assert.deepEqual(
      a.handler.downs.map(({ host, reason }) => [host, reason]),
      [[b.host, "connection lost"]],
    );
    assert.equal(b.handler.events.length, before);
  });
});
