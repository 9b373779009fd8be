import assert from "node:assert/strict";
import fc from "fast-check";
import { decode, encode } from "../../base/codec.ts";
import { packEntries, unpackEntries } from "../../membership/revocations.ts";
import { rootIssuer } from "../../membership/warrant.ts";
import { simulatedHost, simulatedSigner } from "../simulation/crypto.ts";
import {
  a,
  appointed,
  b,
  byRoot,
  c,
  certified,
  cluster,
  d,
  issuer,
  knowing,
  limits,
  revocation,
} from "./world.ts";

const ofA = appointed(a, byRoot);
const [serialOfA = 0] = ofA.map(({ serial }) => serial);
const byA = issuer(ofA);

describe("a revocation", () => {
  it("puts a key out for ever, whatever certificate it shows", () => {
    const set = knowing();
    assert.equal(set.bar(certified(b, byA)), undefined);
    assert.equal(typeof set.add(revocation({ host: b }, byA)), "object");
    for (const by of [byRoot, byA]) assert.match(set.bar(certified(b, by)) ?? "", /revoked/);
    assert.equal(set.isRevoked(b), true);
    assert.equal(set.bar(certified(c, byA)), undefined);
  });

  it("counts once, and is refused where it was altered or no admin signed it", () => {
    const set = knowing();
    const entry = revocation({ host: b }, byA);
    const plain = decode(entry, 10_000) as { [key: string]: unknown };
    const noAdmin = issuer([{ host: c, serial: 1, signature: new Uint8Array(64) }]);
    const otherRoot = rootIssuer(cluster, simulatedSigner(2));
    for (const wrong of [
      encode({ ...plain, host: c }),
      encode({ ...plain, keep: [c] }),
      encode({ ...plain, seq: 2 }),
      encode({ ...plain, scope: "admin" }),
      revocation({ host: b }, noAdmin),
      revocation({ host: b }, otherRoot),
      new Uint8Array(3),
    ]) {
      assert.equal(set.add(wrong), "false");
    }
    assert.equal(set.size, 0);
    assert.equal(typeof set.add(entry), "object");
    assert.equal(set.add(entry), undefined);
  });

  it("has one form in bytes, so that nobody makes many entries of one", () => {
    const entry = revocation({ host: b }, byA);
    // The same map with another order of keys: an indefinite form of what was signed.
    const plain = Object.entries(decode(entry, 10_000) as object).toReversed();
    const parts = plain.flatMap(([key, value]) => [encode(key), encode(value)]);
    const shuffled = Buffer.concat([entry.subarray(0, 1), ...parts]);
    assert.equal(shuffled.length, entry.length);
    assert.equal(knowing().add(new Uint8Array(shuffled)), "false");
  });

  it("of an admin ends what it issued, but for what the revoker knew", () => {
    const ofB = appointed(b, byA);
    const [known, unknown] = [certified(c, byA), certified(d, byA)];
    const keepWarrants = ofB.slice(1).map(({ serial }) => serial);
    const verdicts = [
      { scope: "host", host: a, keep: [c], keepWarrants },
      { scope: "admin", host: a, serials: [serialOfA], keep: [c], keepWarrants },
    ] as const;
    for (const { keep, keepWarrants: kept, ...verdict } of verdicts) {
      const said = { ...verdict, keep: [...keep], keepWarrants: [...kept] };
      const serials = "serials" in verdict ? [...verdict.serials] : [];
      const set = knowing([revocation({ ...said, serials }, byRoot)]);
      assert.equal(set.bar(known), undefined);
      assert.match(set.bar(unknown) ?? "", /removed/);
      assert.equal(set.isAdmin(ofA), false);
      // Whom it had appointed goes on, also with whoever comes later.
      assert.equal(set.isAdmin(ofB), true);
      assert.equal(set.bar(certified(d, issuer(ofB))), undefined);
      assert.equal(set.isAdmin(appointed(d, byA)), false);
      assert.equal(set.isTouched(known.chain), true);
      assert.equal(set.isTouched(certified(c, byRoot).chain), false);
    }
  });

  it("of an admin's warrant leaves the host a member, and it may be appointed again", () => {
    const set = knowing([revocation({ scope: "admin", host: a, serials: [serialOfA] }, byRoot)]);
    assert.equal(set.bar(certified(a, byRoot)), undefined);
    assert.equal(set.isAdmin(ofA), false);
    assert.equal(set.isAdmin(appointed(a, byRoot)), true);
  });

  it("names the last records that count: the highest that any revoker knew", () => {
    const entries = [
      revocation({ host: b, epoch: 2, seq: 1 }, byA),
      revocation({ host: b, epoch: 1, seq: 9 }, byRoot),
    ];
    assert.deepEqual(knowing(entries).lastOf(b), { epoch: 2, seq: 1 });
    assert.equal(knowing(entries).lastOf(c), undefined);
  });
});

describe("a set of revocations", () => {
  const pool = [1, 2, 3, 4, 5, 6].flatMap((n) => [
    revocation({ host: simulatedHost(n) }, byA),
    revocation({ host: simulatedHost(n), scope: "admin", serials: [n] }, byRoot),
  ]);

  it("is the same in whatever order and however often its entries come", () => {
    const some = fc.subarray(pool);
    fc.assert(
      fc.property(some, fc.infiniteStream(fc.nat()), (entries, dice) => {
        const order = entries
          .flatMap((entry) => [entry, entry])
          .map((entry) => ({ entry, at: dice.next().value ?? 0 }))
          .toSorted((x, y) => x.at - y.at)
          .map(({ entry }) => entry);
        const [one, other] = [knowing(entries), knowing(order)];
        assert.deepEqual(one.hash(), other.hash());
        assert.deepEqual(one.entries(), other.entries());
      }),
    );
  });

  it("only ever takes trust away as it grows", () => {
    const certificates = [a, b, c, d].flatMap((host) => [
      certified(host, byRoot),
      certified(host, byA),
    ]);
    fc.assert(
      fc.property(fc.subarray(pool), fc.subarray(pool), (fewer, more) => {
        const [small, large] = [knowing(fewer), knowing([...fewer, ...more])];
        for (const certificate of certificates)
          if (small.bar(certificate) !== undefined) assert.ok(large.bar(certificate));
      }),
    );
  });

  it("differs in its hash exactly where its entries differ", () => {
    fc.assert(
      fc.property(fc.subarray(pool), fc.subarray(pool), (x, y) => {
        const isSame = Buffer.from(knowing(x).hash()).equals(knowing(y).hash());
        assert.equal(isSame, x.length === y.length && x.every((entry) => y.includes(entry)));
      }),
    );
  });

  it("comes back from its file", () => {
    const packed = packEntries(knowing(pool).entries());
    assert.deepEqual(unpackEntries(packed, 100_000), knowing(pool).entries());
    assert.equal(unpackEntries(packed.subarray(1), 100_000), undefined);
  });

  it("has an end", () => {
    const set = knowing();
    for (let n = 1; n <= limits.revocations; n += 1)
      assert.equal(typeof set.add(revocation({ host: simulatedHost(n) }, byA)), "object");
    assert.equal(set.add(revocation({ host: simulatedHost(99) }, byA)), "full");
  });
});
