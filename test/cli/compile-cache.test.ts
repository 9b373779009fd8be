import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, rm, stat, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compileCacheFolder } from "../../cli/compile-cache.ts";

describe("the compile cache", () => {
  let home = "";
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), "starling-home-"));
  });
  afterEach(() => rm(home, { recursive: true, force: true }));

  it("is a folder of our own in our home", async () => {
    const folder = join(home, ".cache/starling/compiled");
    assert.equal(compileCacheFolder({ HOME: home }), folder);
    assert.equal((await stat(folder)).mode & 0o777, 0o700);
  });

  it("is where the service manager or the desktop wants caches", () => {
    const folder = join(home, "starling/compiled");
    assert.equal(compileCacheFolder({ HOME: "/x", XDG_CACHE_HOME: home }), folder);
    const env = { CACHE_DIRECTORY: `${home}:/other`, XDG_CACHE_HOME: "/x" };
    assert.equal(compileCacheFolder(env), folder);
  });

  it("is not kept where others can write: what they put there would be run", async () => {
    await chmod(home, 0o777);
    assert.equal(compileCacheFolder({ HOME: home }), undefined);
    await chmod(home, 0o700);
    await mkdir(join(home, ".cache/starling/compiled"), { recursive: true });
    await chmod(join(home, ".cache/starling/compiled"), 0o770);
    assert.equal(compileCacheFolder({ HOME: home }), undefined);
  });

  it("is not kept behind a link, nor where there is no home", async () => {
    await mkdir(join(home, ".cache/starling"), { recursive: true });
    await symlink("/tmp", join(home, ".cache/starling/compiled"));
    assert.equal(compileCacheFolder({ HOME: home }), undefined);
    assert.equal(compileCacheFolder({ HOME: "/nonexistent" }), undefined);
    assert.equal(compileCacheFolder({ HOME: "relative" }), undefined);
    assert.equal(compileCacheFolder({ HOME: "" }), undefined);
  });
});
