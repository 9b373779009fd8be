import assert from "node:assert/strict";
import fc from "fast-check";
import type { HostId } from "../../base/id.ts";
import { type JoinRequest, joinRequest, parseJoinRequest } from "../../membership/join.ts";
import { TokenBook } from "../../membership/token-book.ts";
import { sha256, simulatedHost } from "../simulation/crypto.ts";
import { a, b, c, cluster, crypto, d, limits } from "./world.ts";

const secret = sha256(new Uint8Array([1])).subarray(0, 16);
const grant = { secret, uses: 2, expiresAt: 1_000 };
const terms = { serial: 5, notAfter: 9_000 };

function makeBook(): TokenBook {
  return new TokenBook({ issuer: a, cluster, crypto, limits });
}

/** The book that the same host has after a restart. */
function restarted(book: TokenBook): TokenBook {
  const other = makeBook();
  assert.equal(other.restore(book.pack()), true);
  return other;
}

function ask(host: HostId, known = secret): JoinRequest {
  const lock = { cluster, issuer: a, secret: known };
  const claim = { host, nonce: new Uint8Array(16).fill(3) };
  const request = parseJoinRequest(joinRequest(lock, claim, crypto));
  assert.ok(request);
  return request;
}

/** As the office does: judges, and counts a use. */
function redeem(book: TokenBook, host: HostId, wallMs = 0): string {
  const judgement = book.judge(ask(host), wallMs);
  if (judgement.kind === "new") book.redeem(ask(host).token, { host, ...terms });
  return judgement.kind === "refused" ? judgement.refusal.code : judgement.kind;
}

describe("an issuer's book", () => {
  it("lets in as many hosts as the token says, and the same host again without a second use", () => {
    const book = makeBook();
    book.create(grant, 0);
    const hosts = [b, b, c, b, c, d, b];
    const outcomes = hosts.map((host) => redeem(book, host));
    assert.deepEqual(outcomes, ["new", "again", "new", "again", "again", "TOKEN_USED_UP", "again"]);
    assert.deepEqual(
      book.list().map(({ used }) => used),
      [2],
    );
  });

  it("gives the same terms again, also after a restart and after the token has ended", () => {
    const book = makeBook();
    book.create(grant, 0);
    redeem(book, b);
    const later = restarted(book);
    assert.deepEqual(later.judge(ask(b), 5_000), { kind: "again", secret, terms });
    assert.deepEqual(later.list(), book.list());
  });

  it("lets nobody new in once the token has ended, to the millisecond", () => {
    const book = makeBook();
    book.create(grant, 0);
    assert.equal(redeem(book, b, 999), "new");
    assert.equal(redeem(book, c, 1_000), "TOKEN_EXPIRED");
  });

  it("knows no token that was removed, nor one it never made", () => {
    const book = makeBook();
    const id = book.create(grant, 0);
    assert.equal(redeem(book, b), "new");
    assert.equal(book.remove(id ?? ""), true);
    assert.equal(book.remove(id ?? ""), false);
    assert.equal(redeem(book, b), "TOKEN_REFUSED");
    book.create(grant, 0);
    const other = book.judge(ask(b, new Uint8Array(16)), 0);
    assert.equal(other.kind, "refused");
  });

  it("takes no proof that was made for another host", () => {
    const book = makeBook();
    book.create(grant, 0);
    assert.equal(book.judge({ ...ask(b), host: c }, 0).kind, "refused");
    assert.equal(book.judge({ ...ask(b), nonce: new Uint8Array(16) }, 0).kind, "refused");
  });

  it("holds so many tokens, and forgets those that ended long ago", () => {
    const book = makeBook();
    const made = [1, 2, 3, 4].map((n) =>
      book.create({ ...grant, secret: new Uint8Array(16).fill(n) }, 0),
    );
    assert.deepEqual(
      made.map((id) => id !== undefined),
      [true, true, true, false],
    );
    const later = grant.expiresAt + limits.tokenMemoryMs;
    assert.ok(book.create({ ...grant, expiresAt: later + 1 }, later));
    assert.equal(book.list().length, 1);
    assert.equal(book.create({ ...grant, uses: limits.tokenUses + 1 }, later), undefined);
  });

  it("never admits more hosts than it may, in any order, with a restart at any point", () => {
    const act = fc.record({ host: fc.integer({ min: 2, max: 9 }), restarts: fc.boolean() });
    fc.assert(
      fc.property(fc.array(act), fc.integer({ min: 1, max: 4 }), (acts, uses) => {
        let book = makeBook();
        book.create({ ...grant, uses }, 0);
        const admitted = acts.filter(({ host, restarts }) => {
          const outcome = redeem(book, simulatedHost(host));
          if (restarts) book = restarted(book);
          return outcome === "new" || outcome === "again";
        });
        const distinct = (all: typeof acts) => new Set(all.map(({ host }) => host)).size;
        assert.equal(distinct(admitted), Math.min(uses, distinct(acts)));
      }),
    );
  });

  it("is not restored from noise", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 2 }), (noise) => {
        const book = makeBook();
        if (!book.restore(noise)) assert.deepEqual(book.list(), []);
        else assert.deepEqual(book.pack(), noise);
      }),
    );
  });
});
