import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { concatBytes } from "../../../base/bytes.ts";
import { encode } from "../../../base/codec.ts";
import { nodeCrypto, nodeSigner } from "../../../base/node/crypto.ts";
import { certificateFault, clusterOf } from "../../../membership/certificate.ts";
import {
  loadCredentials,
  openVault,
  saveCertificate,
  saveRoot,
} from "../../../membership/disk/credentials.ts";
import { joinRequest, parseJoinRequest } from "../../../membership/join.ts";
import { TokenBook } from "../../../membership/token-book.ts";
import { simulatedHost } from "../../simulation/crypto.ts";
import { a, b, byRoot, certified, limits } from "../world.ts";

const crypto = nodeCrypto(new Uint8Array(32).fill(5));
const wallMs = 1_000_000;
const rootSeed = new Uint8Array(32).fill(1);
const tokenSecret = new Uint8Array(16).fill(2);

describe("credentials", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "starling-credentials-"));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const loaded = () => loadCredentials(folder, { crypto, wallMs });
  /** As every version has written its files: a checksum, and what it is of. */
  const write = (file: string, value: unknown) => {
    const content = encode(value);
    return writeFile(join(folder, file), concatBytes([crypto.hash(content), content]));
  };

  it("are none in an empty directory", async () => {
    const none = { certificate: undefined, rootSeed: undefined };
    assert.deepEqual(await loaded(), { ...none, tokens: undefined, revocations: undefined });
  });

  it("come back as they were saved, readable by their owner alone", async () => {
    const certificate = certified(a, byRoot);
    await saveRoot(folder, rootSeed, crypto);
    await saveCertificate(folder, certificate, crypto);
    const vault = openVault(folder, crypto);
    const [tokens, revocations] = [encode([1]), encode([2])];
    await vault.save("tokens", tokens);
    await vault.save("revocations", revocations);
    assert.deepEqual(await loaded(), { certificate, rootSeed, tokens, revocations });
    for (const file of ["authority", "certificate", "tokens", "revocations"])
      assert.equal((await stat(join(folder, file))).mode & 0o777, 0o600);
  });

  it("of version 0.1.0 make a founder whose token still lets hosts in, though not for ever", async () => {
    const root = nodeSigner(rootSeed);
    const cluster = clusterOf(root.publicKey, crypto);
    const signature = root.sign(encode(["starling certificate 1", cluster, a]));
    const old = { cluster, host: a, rootKey: root.publicKey, signature };
    await write("authority", { rootSeed, tokenSecret });
    await write("certificate", old);

    const { certificate, tokens = new Uint8Array(), ...rest } = await loaded();
    assert.deepEqual(rest, { rootSeed, revocations: undefined });
    assert.ok(certificate);
    assert.equal(certificateFault(certificate, { cluster, host: a }, crypto), undefined);
    const book = new TokenBook({ issuer: a, cluster, crypto, limits });
    assert.equal(book.restore(tokens), true);
    const lock = { cluster, issuer: a, secret: tokenSecret };
    const claim = { host: b, nonce: new Uint8Array(16) };
    const request = parseJoinRequest(joinRequest(lock, claim, crypto));
    assert.ok(request);
    assert.equal(book.judge(request, wallMs).kind, "new");
    const monthMs = 30 * 24 * 3_600_000;
    assert.equal(book.judge(request, wallMs + monthMs).kind, "refused");
    // The secret is in one place only, and what has come of it since is not undone.
    assert.equal((await readFile(join(folder, "authority"))).indexOf(tokenSecret), -1);
    await openVault(folder, crypto).save("tokens", encode([]));
    assert.deepEqual((await loaded()).tokens, encode([]));
  });

  it("of version 0.1.0 are moved once more where a crash came between the two files", async () => {
    await write("authority", { rootSeed, tokenSecret });
    const { tokens } = await loaded();
    await write("authority", { rootSeed, tokenSecret });
    const again = await loadCredentials(folder, { crypto, wallMs: wallMs + 5 });
    assert.deepEqual(again.tokens, tokens);
  });

  for (const file of ["authority", "certificate", "tokens", "revocations"]) {
    it(`are refused by name where ${file} is damaged in any byte, or cut short`, async () => {
      const certificate = certified(simulatedHost(9), byRoot);
      await saveRoot(folder, rootSeed, crypto);
      await saveCertificate(folder, certificate, crypto);
      for (const each of ["tokens", "revocations"] as const)
        await openVault(folder, crypto).save(each, encode([each]));
      const path = join(folder, file);
      const whole = await readFile(path);
      const named = { code: "STORE_DAMAGED", message: new RegExp(`${file} is damaged`) };
      for (let at = 0; at < whole.length; at += 1) {
        const flipped = Buffer.from(whole);
        flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8));
        await writeFile(path, flipped);
        await assert.rejects(loaded(), named);
      }
      for (const length of [0, 1, 31, 32, whole.length - 1]) {
        await writeFile(path, whole.subarray(0, length));
        await assert.rejects(loaded(), named);
      }
      await writeFile(path, whole);
      await loaded();
    });
  }
});
