import assert from "node:assert/strict";
import { generateKeyPair } from "@libp2p/crypto/keys";
import { peerIdFromPrivateKey } from "@libp2p/peer-id";
import fc from "fast-check";
import { fromHex, toHex } from "../../../base/bytes.ts";
import type { HostId } from "../../../base/id.ts";
import { hostIdOf, nodeCrypto, nodeSigner, publicKeyOf } from "../../../base/node/crypto.ts";

const hex = (text: string): Uint8Array => fromHex(text) ?? new Uint8Array();
const seeds = fc.uint8Array({ minLength: 32, maxLength: 32 });
/** RFC 8032, section 7.1, test 2. */
const known = {
  seed: hex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"),
  publicKey: hex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"),
  message: hex("72"),
  signature: hex(
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da" +
      "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
  ),
};
const crypto = nodeCrypto(known.seed);
const host = hostIdOf(known.publicKey);

describe("node's crypto", () => {
  it("hashes as SHA-256 does", () => {
    const abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert.equal(toHex(crypto.hash(new TextEncoder().encode("abc"))), abc);
  });

  it("signs as RFC 8032 says", () => {
    assert.deepEqual(crypto.sign(known.message), known.signature);
    assert.deepEqual(nodeSigner(known.seed).publicKey, known.publicKey);
    assert.ok(crypto.verifyKey(known.publicKey, known.message, known.signature));
    assert.ok(crypto.verifyHost(host, known.message, known.signature));
  });

  it("names a host as libp2p does", async () => {
    const key = await generateKeyPair("Ed25519");
    const name = hostIdOf(key.publicKey.raw);
    assert.equal(name, peerIdFromPrivateKey(key).toString());
    assert.deepEqual(publicKeyOf(name), key.publicKey.raw);
    const signature = nodeCrypto(key.raw.subarray(0, 32)).sign(known.message);
    assert.ok(crypto.verifyHost(name, known.message, signature));
    assert.ok(await key.publicKey.verify(known.message, signature));
  });

  it("finds each host's key in its name", () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const { publicKey } = nodeSigner(seed);
        assert.deepEqual(publicKeyOf(hostIdOf(publicKey)), publicKey);
      }),
    );
  });

  it("refuses a signature of another host, of other bytes, or with one bit changed", () => {
    const other = hostIdOf(nodeSigner(new Uint8Array(32)).publicKey);
    assert.ok(!crypto.verifyHost(other, known.message, known.signature));
    assert.ok(!crypto.verifyHost(host, hex("73"), known.signature));
    fc.assert(
      fc.property(fc.nat(511), (bit) => {
        const changed = known.signature.slice();
        changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        assert.ok(!crypto.verifyHost(host, known.message, changed));
      }),
    );
  });

  it("says no, and does not throw, where keys, hosts or signatures are malformed", () => {
    const texts = ["", "12D3KooW", `12D3KooW${"z".repeat(44)}`, `12D3KooW${"1".repeat(44)}`];
    for (const text of texts) {
      assert.ok(!crypto.verifyHost(text as HostId, known.message, known.signature), text);
    }
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 70 }),
        fc.uint8Array({ maxLength: 70 }),
        (key, signature) => {
          assert.ok(!crypto.verifyKey(key, known.message, signature));
          assert.ok(!crypto.verifyKey(key, known.message, known.signature));
          assert.ok(!crypto.verifyHost(host, known.message, signature));
        },
      ),
    );
  });

  it("goes on verifying after more keys than it keeps", () => {
    const counted = new Uint8Array(32);
    for (let key = 0; key < 5_000; key += 1) {
      new DataView(counted.buffer).setUint32(0, key);
      assert.ok(!crypto.verifyKey(counted, known.message, known.signature));
    }
    assert.ok(crypto.verifyKey(known.publicKey, known.message, known.signature));
  });
});
