import assert from "node:assert/strict";
import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readIfThere, writeAtomic } from "../../../base/node/atomic-file.ts";

describe("a small file", () => {
  let folder: string;
  let path: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "starling-file-"));
    path = join(folder, "file");
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it("that is not there reads as nothing", async () => {
    assert.equal(await readIfThere(path), undefined);
  });

  it("that cannot be read is an error, and not nothing", async () => {
    await assert.rejects(readIfThere(folder), { code: "EISDIR" });
  });

  it("holds what was written last, under its mode, and leaves nothing beside it", async () => {
    for (const [text, mode] of [
      ["first", 0o644],
      ["second, and longer", 0o600],
    ] as const) {
      const bytes = new TextEncoder().encode(text);
      await writeAtomic(path, bytes, mode);
      assert.deepEqual(await readIfThere(path), bytes);
      assert.equal((await stat(path)).mode & 0o777, mode);
    }
    assert.deepEqual(await readdir(folder), ["file"]);
  });

  it("stays as it was where a crash left another half written", async () => {
    await writeAtomic(path, Uint8Array.of(1), 0o600);
    await writeFile(`${path}.new`, Uint8Array.of(2));
    assert.deepEqual(await readIfThere(path), Uint8Array.of(1));
    await writeAtomic(path, Uint8Array.of(3), 0o600);
    assert.deepEqual(await readIfThere(path), Uint8Array.of(3));
  });
});
