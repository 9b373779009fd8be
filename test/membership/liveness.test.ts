import assert from "node:assert/strict";
import { Liveness, type LivenessEffect } from "../../membership/liveness.ts";
import { simulatedHost } from "../simulation/crypto.ts";

const options = { pingPeriodMs: 1000, pingTimeoutMs: 500, retries: 3, retryMs: 250, pauseMs: 350 };
const [b, c] = [simulatedHost(1), simulatedHost(2)];

/** Ticks every 100 ms from `from` to `to`; `answer` says whether a ping comes back, at once. */
function run(liveness: Liveness, from: number, to: number, answers = true): LivenessEffect[] {
  const seen: LivenessEffect[] = [];
  for (let now = from; now <= to; now += 100) {
    for (const effect of liveness.tick(now)) {
      seen.push(effect);
      if (effect.kind === "ping" && answers)
        seen.push(...liveness.pong(effect.to, effect.nonce, now));
    }
  }
  return seen;
}

function changes(effects: readonly LivenessEffect[]): string[] {
  return effects.flatMap((effect) => (effect.kind === "changed" ? [effect.reach] : []));
}

function linkedPeer(): Liveness {
  const liveness = new Liveness(options);
  liveness.tick(0);
  const [, ping] = liveness.linkUp(b, 0);
  assert.equal(ping?.kind, "ping");
  liveness.pong(b, ping?.kind === "ping" ? ping.nonce : 0, 3);
  return liveness;
}

describe("liveness", () => {
  it("pings a linked host once a period while it answers", () => {
    const liveness = linkedPeer();
    const effects = run(liveness, 100, 10_000);
    assert.equal(effects.filter(({ kind }) => kind === "ping").length, 9);
    assert.deepEqual(changes(effects), []);
    assert.equal(liveness.view(b)?.rttMs, 0);
  });

  it("suspects a silent host, then gives it up and closes its link, in under three seconds", () => {
    const liveness = linkedPeer();
    const effects = run(liveness, 100, 3000, false);
    assert.deepEqual(changes(effects), ["suspect", "unreachable"]);
    assert.equal(effects.at(-1)?.kind, "close");
  });

  it("gives a host up within a second of losing its link, and takes it back at once", () => {
    const liveness = linkedPeer();
    assert.deepEqual(changes(liveness.linkDown(b, 50)), ["suspect"]);
    assert.deepEqual(changes(run(liveness, 100, 900)), ["unreachable"]);
    assert.deepEqual(changes(liveness.linkUp(b, 5000)), ["alive"]);
  });

  it("clears a suspicion when the answer comes late", () => {
    const liveness = linkedPeer();
    const pings = run(liveness, 100, 1700, false).filter(({ kind }) => kind === "ping");
    assert.equal(liveness.view(b)?.reach, "suspect");
    const last = pings.at(-1);
    assert.deepEqual(changes(liveness.pong(b, last?.kind === "ping" ? last.nonce : 0, 1750)), [
      "alive",
    ]);
  });

  it("accuses nobody after a pause of its own", () => {
    const liveness = linkedPeer();
    run(liveness, 100, 1000, false);
    const effects = liveness.tick(31_000);
    assert.deepEqual(changes(effects), []);
    assert.equal(liveness.view(b)?.reach, "alive");
  });

  it("gives a host it only heard of as long to show itself", () => {
    const liveness = new Liveness(options);
    liveness.learn(c, 0);
    assert.equal(liveness.view(c)?.reach, "suspect");
    assert.deepEqual(changes(run(liveness, 0, 2000)), ["unreachable"]);
  });

  it("does not measure a round trip by the answer to an older ping", () => {
    const liveness = linkedPeer();
    const pings = run(liveness, 100, 1700, false).filter(({ kind }) => kind === "ping");
    const first = pings[0];
    assert.equal(first?.kind, "ping");
    liveness.pong(b, first?.kind === "ping" ? first.nonce : 0, 1750);
    assert.equal(liveness.view(b)?.rttMs, 3);
  });
});
