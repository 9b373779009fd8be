/** Notices of foreign changes, from a real kernel. */
import assert from "node:assert/strict";
import { watchKernel } from "../../overlay/linux/watch.ts";
import { silentLog } from "../agent/samples.ts";
import { children, sh } from "./shell.ts";
import { within } from "./within.ts";

describe("the watch", () => {
  let calls = 0;
  let called: () => void = () => undefined;
  let stop: () => void = () => undefined;

  function nextCall(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    called = resolve;
    return promise;
  }

  let mtu = 1400;
  function changeLink(): void {
    mtu += 1;
    sh(`ip link set dev sl-5000 mtu ${mtu}`);
  }

  function changeTable(): void {
    sh("nft add table bridge starling");
    sh("nft delete table bridge starling");
  }

  /** A monitor is known to be there when it tells of something: changes things until it does. */
  async function isHeard(what: string, change = changeLink): Promise<void> {
    const poke = setInterval(change, 20);
    await within(5_000, what, nextCall()).finally(() => clearInterval(poke));
  }

  beforeEach(async () => {
    sh("ip link add name sl-5000 type bridge");
    sh("ip link set dev sl-5000 up");
    stop = watchKernel(() => {
      calls += 1;
      called();
    }, silentLog);
    await isHeard("the monitor's start");
  });
  afterEach(() => {
    stop();
    sh("ip link del dev sl-5000");
  });

  it("tells of what somebody does to a device of ours", async () => {
    const call = nextCall();
    sh("ip address add 10.8.0.1/16 dev sl-5000");
    await within(2_000, "a call", call);
  });

  it("tells of what somebody does to a table of ours in the firewall", async () => {
    await isHeard("the firewall's monitor", changeTable);
  });

  it("tells of ten thousand changes in a few calls", async () => {
    const lines = Array.from({ length: 10_000 }, (_, n) => {
      const address = `10.8.${n >> 8}.${n & 255}`;
      return `neigh replace ${address} lladdr 02:00:00:00:00:01 dev sl-5000 nud permanent\n`;
    });
    const start = performance.now();
    calls = 0;
    sh("ip -batch -", [], lines.join(""));
    await within(2_000, "a call", nextCall());
    await within(2_000, "the last call", nextCall());
    // One at first, and one for each window since.
    assert.ok(calls <= 2 + (performance.now() - start) / 50, `${calls} calls`);
  });

  it("goes on after its monitors were killed, and tells that it may have missed something", async () => {
    const call = nextCall();
    for (const child of children()) process.kill(child, "SIGKILL");
    await within(2_000, "a call", call);
    await isHeard("the monitor's second start");
    await isHeard("the firewall's monitor's second start", changeTable);
  });
});
