import assert from "node:assert/strict";
import fc from "fast-check";
import { encode } from "../../base/codec.ts";
import type { Delta } from "../../store/delta.ts";
import { decodeDelta, deltaToPlain, encodeDelta } from "../../store/delta.ts";
import { nothing } from "../../store/head.ts";
import { RecordSet } from "../../store/record-set.ts";
import { contents, key, makeHost } from "./world.ts";

/** One write of one of three hosts: which, where, and what. */
const write = fc.record({
  host: fc.integer({ min: 1, max: 3 }),
  at: fc.integer({ min: 0, max: 4 }),
  value: fc.option(fc.integer({ min: 0, max: 9 }), { nil: undefined }),
});

/** Full sets of each host after each of its writes, as relays would pass them on. */
function statesOf(writes: readonly { host: number; at: number; value: number | undefined }[]) {
  const hosts = new Map([1, 2, 3].map((n) => [n, makeHost(n)]));
  return writes.map(({ host: n, at, value }): Delta => {
    const host = hosts.get(n) ?? assert.fail();
    host.write({ [`x/${at}`]: value });
    return host.replica.origin(host.self)?.deltaFor(nothing) ?? assert.fail();
  });
}

/** What a replica is after these, whatever came of each. */
function taken(deltas: readonly Delta[]) {
  const { replica } = makeHost(9);
  for (const delta of deltas) replica.receive(delta);
  const all = [1, 2, 3].flatMap((n) => contents(replica, makeHost(n).self));
  return { root: replica.digest.root(), all, replica };
}

const order = fc.array(fc.nat(), { maxLength: 40 });

describe("taking states of origins", () => {
  it("gives the same in every order, however often each comes: commutative, associative, idempotent", () => {
    fc.assert(
      fc.property(fc.array(write, { minLength: 1, maxLength: 15 }), order, (writes, drawn) => {
        const states = statesOf(writes);
        const again = drawn.flatMap((at) => states[at % states.length] ?? []);
        const [once, mixed] = [taken(states), taken([...again, ...states.toReversed()])];
        assert.deepEqual(mixed.all, once.all);
        assert.deepEqual(mixed.root, once.root);
      }),
    );
  });

  it("gives the same when two halves are merged as when all is taken at one place", () => {
    fc.assert(
      fc.property(fc.array(write, { minLength: 1, maxLength: 15 }), fc.nat(15), (writes, cut) => {
        const states = statesOf(writes);
        const [left, right] = [taken(states.slice(0, cut)), taken(states.slice(cut))];
        for (const origin of right.replica.origins()) {
          const state = right.replica.origin(origin) ?? assert.fail();
          left.replica.receive(state.deltaFor(left.replica.origin(origin)?.head ?? nothing));
        }
        assert.deepEqual(left.replica.digest.root(), taken(states).root);
      }),
    );
  });
});

describe("what is signed", () => {
  it("commits to the set of records, in whatever order they came and whatever came and went", () => {
    const change = fc.record({ at: fc.integer({ min: 0, max: 8 }), value: fc.nat(3) });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 20 }), fc.array(fc.nat()), (changes, drawn) => {
        const { crypto } = makeHost(1);
        const final = new Map(changes.map(({ at, value }) => [at, value]));
        const entries = [...final].map(([at, value]) => ({
          key: key(`x/${at}`),
          seq: 1,
          value: encode(value),
        }));
        const [one, two] = [new RecordSet(crypto), new RecordSet(crypto)];
        one.apply(entries);
        for (const n of drawn) two.apply([{ key: key(`y/${n % 9}`), seq: 1, value: encode(n) }]);
        two.apply(entries.toReversed());
        for (const n of drawn) two.apply([{ key: key(`y/${n % 9}`), seq: 2, value: undefined }]);
        assert.deepEqual(two.commitment(), one.commitment());
        assert.equal(two.size, one.size);
        assert.equal(two.bytes, one.bytes);
      }),
    );
  });

  it("has one form: fields in any order give the same bytes", () => {
    const leaf = fc.oneof(fc.nat(), fc.string(), fc.boolean(), fc.uint8Array({ maxLength: 9 }));
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof({ depthSize: "small" }, leaf, fc.array(tie("value")), tie("map")),
      map: fc.dictionary(fc.string(), tie("value")),
    }));
    const reversed = (plain: unknown): unknown => {
      if (Array.isArray(plain)) return plain.map(reversed);
      if (typeof plain !== "object" || plain === null || plain instanceof Uint8Array) return plain;
      return Object.fromEntries(
        Object.entries(plain)
          .toReversed()
          .map(([name, each]) => [name, reversed(each)]),
      );
    };
    fc.assert(
      fc.property(value, (plain) => assert.deepEqual(encode(reversed(plain)), encode(plain))),
    );
  });

  it("comes back from the wire as it was, and goes out again as it came", () => {
    const limits = { messageBytes: 64 * 1024, valueBytes: 1024, recordsPerOrigin: 100 };
    fc.assert(
      fc.property(fc.array(write, { minLength: 1, maxLength: 10 }), (writes) => {
        for (const delta of statesOf(writes)) {
          const bytes = encodeDelta(delta);
          const back = decodeDelta(bytes, limits);
          assert.deepEqual(back && deltaToPlain(back), deltaToPlain(delta));
          assert.deepEqual(encodeDelta(back ?? assert.fail()), bytes);
        }
      }),
    );
  });
});
