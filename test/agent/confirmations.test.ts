import assert from "node:assert/strict";
import { Confirmations, type Confirmed } from "../../agent/confirmations.ts";
import type { Effect } from "../../agent/effect.ts";
import type { Version } from "../../store/head.ts";
import { simulatedHost } from "./samples.ts";

const [self, b, c] = [simulatedHost(1), simulatedHost(2), simulatedHost(3)];
const at = (seq: number): Version => ({ epoch: 1, seq });

function confirmationsTo(effects: Effect[]): Confirmations {
  const emit = (effect: Effect) => void effects.push(effect);
  return new Confirmations({ self, emit, askAgainMs: 1_000 });
}

function waiting(waitMs = 1000) {
  const effects: Effect[] = [];
  const results: Confirmed[] = [];
  const confirmations = confirmationsTo(effects);
  confirmations.wait(
    at(5),
    [b, c],
    { now: 0, waitMs },
    (confirmed) => void results.push(confirmed),
  );
  return { confirmations, effects, results };
}

describe("confirmations", () => {
  it("come when every host, ourselves too, has programmed the version or a newer one", () => {
    const { confirmations, effects, results } = waiting();
    assert.equal(effects.length, 2);
    confirmations.applied(b, at(4), 10);
    confirmations.applied(b, at(6), 20);
    confirmations.applied(c, at(5), 30);
    assert.equal(results.length, 0);
    confirmations.settled(() => at(5), 40);
    assert.deepEqual(results, [{ programmed: [b, c, self], missing: [], ms: 40 }]);
  });

  it("name who has not when time is up, and do not wait for who is lost", () => {
    const { confirmations, results } = waiting();
    confirmations.settled(() => at(5), 1);
    confirmations.lost(c, 500);
    confirmations.tick(999);
    assert.equal(results.length, 0);
    confirmations.tick(1000);
    assert.deepEqual(results, [{ programmed: [self], missing: [b], ms: 1000 }]);
  });

  it("are asked for again of who has not answered, for words get lost", () => {
    const { confirmations, effects } = waiting(10_000);
    confirmations.applied(b, at(5), 10);
    confirmations.tick(999);
    assert.equal(effects.length, 2);
    confirmations.tick(1_000);
    confirmations.tick(1_100);
    assert.deepEqual(effects.slice(2), [
      { kind: "send", to: c, message: { kind: "confirm", epoch: 1, seq: 5 } },
    ]);
  });

  it("are owed once, however often the same is asked for", () => {
    const effects: Effect[] = [];
    const confirmations = confirmationsTo(effects);
    confirmations.owe(b, at(3));
    confirmations.owe(b, at(3));
    confirmations.settled(() => at(3), 1);
    confirmations.settled(() => at(3), 2);
    assert.equal(effects.length, 1);
  });

  it("are given to a peer only when our kernel reflects what it asked for", () => {
    const effects: Effect[] = [];
    const confirmations = confirmationsTo(effects);
    confirmations.owe(b, at(3));
    confirmations.settled((origin) => (origin === b ? at(2) : undefined), 1);
    assert.equal(effects.length, 0);
    confirmations.settled((origin) => (origin === b ? at(4) : undefined), 2);
    assert.deepEqual(effects, [
      { kind: "send", to: b, message: { kind: "applied", origin: b, epoch: 1, seq: 4 } },
    ]);
    confirmations.settled((origin) => (origin === b ? at(5) : undefined), 3);
    assert.equal(effects.length, 1);
  });
});
