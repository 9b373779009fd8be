import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateKeyPair, privateKeyToProtobuf } from "@libp2p/crypto/keys";
import { nodeSigner, publicKeyOf } from "../../../base/node/crypto.ts";
import { loadIdentity } from "../../../membership/libp2p/identity.ts";

describe("the identity", () => {
  let folder: string;
  let path: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "starling-identity-"));
    path = join(folder, "identity");
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const refusal = (pattern: RegExp) => (error: unknown) => {
    assert.ok(error instanceof Error && "code" in error && error.code === "DATA_DIR_UNUSABLE");
    assert.match(error.message, pattern);
    return true;
  };

  it("is made once, for its owner only, and kept", async () => {
    const made = await loadIdentity(folder);
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    const kept = await loadIdentity(folder);
    assert.equal(kept.host, made.host);
    assert.deepEqual(kept.seed, made.seed);
  });

  it("has a seed whose public key its name holds", async () => {
    const { host, seed } = await loadIdentity(folder);
    assert.deepEqual(nodeSigner(seed).publicKey, publicKeyOf(host));
  });

  it("is made in a folder that does not exist yet", async () => {
    const deep = join(folder, "var", "lib");
    await loadIdentity(deep);
    assert.equal((await stat(deep)).mode & 0o777, 0o700);
  });

  it("is refused where others can read it, and stays as it is", async () => {
    await loadIdentity(folder);
    for (const mode of [0o640, 0o604, 0o644]) {
      await chmod(path, mode);
      await assert.rejects(loadIdentity(folder), refusal(/others can read it.*chmod 600/));
      assert.equal((await stat(path)).mode & 0o777, mode);
    }
  });

  it("is refused, and not replaced, where the file is damaged", async () => {
    await loadIdentity(folder);
    const whole = await readFile(path);
    for (let at = 0; at < whole.length; at += 7) {
      const damaged = Buffer.from(whole);
      damaged[at] = (damaged[at] ?? 0) ^ 1;
      await writeFile(path, damaged);
      await assert.rejects(loadIdentity(folder), refusal(/is damaged/), `byte ${at}`);
      assert.deepEqual(await readFile(path), damaged);
    }
    for (const length of [0, 1, 36, whole.length - 1]) {
      await writeFile(path, whole.subarray(0, length));
      await assert.rejects(loadIdentity(folder), refusal(/is damaged/), `${length} bytes`);
    }
  });

  it("is refused where it is another kind of key", async () => {
    const key = await generateKeyPair("secp256k1");
    await writeFile(path, privateKeyToProtobuf(key), { mode: 0o600 });
    await assert.rejects(loadIdentity(folder), refusal(/is damaged/));
  });

  it("says so where the data directory cannot be used", async () => {
    await writeFile(join(folder, "file"), "");
    await assert.rejects(loadIdentity(join(folder, "file")), refusal(/cannot use/));
    await mkdir(path);
    await assert.rejects(loadIdentity(folder), refusal(/cannot use/));
  });
});
