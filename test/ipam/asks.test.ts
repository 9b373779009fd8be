import assert from "node:assert/strict";
import { seededRandom } from "../../base/random.ts";
import { type Asking, Asks, type Donor, type Question } from "../../ipam/asks.ts";
import { ip, networkId } from "../agent/samples.ts";
import { a, b, c, d } from "./world.ts";

const any: Question = {
  network: networkId(1),
  family: 4,
  ip: undefined,
  sizes: [64, 4],
  isAhead: false,
};
const donors: readonly Donor[] = [
  { host: a, free: 100n },
  { host: b, free: 40n },
];

function asksOf(seed = 1): Asks {
  return new Asks({ random: seededRandom(seed), options: { askMs: 1_000, idleMs: 10_000 } });
}

/** The question that must be sent now. */
function sent(asking: Asking) {
  assert.ok(asking.kind === "asking" && asking.isNew);
  return asking.ask;
}

describe("asks", () => {
  it("ask who has most, once, and wait for the answer", () => {
    const asks = asksOf();
    const ask = sent(asks.ask(any, donors, { since: 0, now: 0 }));
    assert.deepEqual(ask, {
      to: a,
      network: any.network,
      request: ask.request,
      size: 64,
      family: 4,
      ip: undefined,
    });
    const again = asks.ask(any, donors, { since: 0, now: 999 });
    assert.deepEqual(again, { kind: "asking", ask, isNew: false, until: 1_000 });
  });

  it("ask the next where one refuses or is silent, under the same name", () => {
    const asks = asksOf();
    const first = sent(asks.ask(any, donors, { since: 0, now: 0 }));
    asks.denied(a, first.request, "nothing to spare", 10);
    const second = sent(asks.ask(any, donors, { since: 0, now: 10 }));
    assert.deepEqual([second.to, second.size, second.request], [b, 64, first.request]);
    const third = sent(asks.ask(any, donors, { since: 0, now: 1_010 }));
    assert.deepEqual([third.to, third.size], [a, 4], "who refused the larger may give the smaller");
    asks.denied(a, third.request, "none at all", 1_020);
    assert.deepEqual(asks.ask(any, donors, { since: 0, now: 1_020 }), {
      kind: "nobody",
      reasons: new Map([[a, "none at all"]]),
    });
  });

  it("ask everybody again for a wish that arose later", () => {
    const asks = asksOf();
    const { request } = sent(asks.ask(any, donors.slice(0, 1), { since: 0, now: 0 }));
    asks.denied(a, request, "no", 5);
    const smaller = sent(asks.ask(any, donors.slice(0, 1), { since: 0, now: 5 }));
    asks.denied(a, smaller.request, "no", 6);
    assert.equal(asks.ask(any, donors.slice(0, 1), { since: 0, now: 7 }).kind, "nobody");
    assert.equal(sent(asks.ask(any, donors.slice(0, 1), { since: 7, now: 7 })).size, 64);
  });

  it("take a refusal only from who was asked", () => {
    const asks = asksOf();
    const { request } = sent(asks.ask(any, donors, { since: 0, now: 0 }));
    asks.denied(b, request, "no", 1);
    asks.denied(a, "another", "no", 1);
    const asking = asks.ask(any, donors, { since: 0, now: 2 });
    assert.ok(asking.kind === "asking" && !asking.isNew);
  });

  it("have a new name once they were granted, or the donor would repeat its answer", () => {
    const asks = asksOf();
    const first = sent(asks.ask(any, donors, { since: 0, now: 0 }));
    asks.granted(first.request);
    const second = sent(asks.ask(any, donors, { since: 0, now: 1 }));
    assert.notEqual(second.request, first.request);
  });

  it("for one address, for any, and ahead of need are different questions", () => {
    const asks = asksOf();
    const questions = [any, { ...any, isAhead: true }, { ...any, ip: ip("10.32.0.9") }];
    const names = questions.map(
      (each) => sent(asks.ask(each, donors, { since: 0, now: 0 })).request,
    );
    assert.equal(new Set(names).size, 3);
  });

  it("spread over those that have about as much, as chance decides, the same from one seed", () => {
    const equal = [a, b, c].map((host) => ({ host, free: 60n }));
    const askedBy = (seed: number) =>
      sent(asksOf(seed).ask(any, [...equal, { host: d, free: 29n }], { since: 0, now: 0 })).to;
    const asked = Array.from({ length: 40 }, (_, seed) => askedBy(seed));
    assert.deepEqual(new Set(asked), new Set([a, b, c]));
    assert.deepEqual(
      asked,
      Array.from({ length: 40 }, (_, seed) => askedBy(seed)),
    );
  });

  it("are forgotten when nobody comes for them", () => {
    const asks = asksOf();
    const first = sent(asks.ask(any, donors, { since: 0, now: 0 }));
    asks.tick(10_000);
    const same = sent(asks.ask(any, donors, { since: 10_000, now: 10_000 }));
    assert.equal(same.request, first.request);
    asks.tick(20_001);
    assert.notEqual(sent(asks.ask(any, donors, { since: 0, now: 20_001 })).request, first.request);
  });
});
