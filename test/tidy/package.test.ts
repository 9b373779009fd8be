import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readdir, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { lock, manifest } from "./manifest.ts";
import { judge } from "./rule.ts";
import { root } from "./tree.ts";

const run = promisify(execFile);

judge("package.json", [
  {
    claim: "gives gossipsub the name its users know and the package that is maintained",
    reason:
      "@chainsafe/libp2p-gossipsub is archived with CVE-2026-46679 unfixed; @libp2p/gossipsub goes on.",
    *findings() {
      const wanted = "npm:@libp2p/gossipsub@^17";
      const what = manifest.dependencies["@chainsafe/libp2p-gossipsub"];
      if (what !== wanted) yield { path: "package.json", what: `${what} is not ${wanted}` };
    },
  },
  {
    claim: "has a lockfile that `npm ci` takes on every platform",
    reason:
      "npm ci refuses a lock that lacks an optional package. npm leaves one out where the registry " +
      "has no such version: choose a version of its parent for which there are all.",
    *findings() {
      for (const [path, { optionalDependencies = {} }] of Object.entries(lock.packages)) {
        for (const name of Object.keys(optionalDependencies)) {
          const places = [`${path}/node_modules/${name}`, `node_modules/${name}`];
          if (places.some((place) => place in lock.packages)) continue;
          yield { path: "package-lock.json", what: `${path} without ${name}` };
        }
      }
    },
  },
  {
    claim: "has a lockfile that leaves open where packages come from",
    reason:
      "A registry's address is the reader's setting (see .npmrc); hashes say that it is the same package.",
    *findings() {
      for (const [path, { resolved }] of Object.entries(lock.packages)) {
        if (resolved !== undefined)
          yield { path: "package-lock.json", what: `${path}: ${resolved}` };
      }
    },
  },
]);

describe("the package that npm publishes", () => {
  let folder = "";
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "starling-package-"));
    await run("npm", ["pack", "--silent", "--pack-destination", folder], { cwd: root });
    const [tarball = ""] = await readdir(folder);
    await run("tar", ["-xf", join(folder, tarball), "-C", folder]);
    await symlink(join(root, "node_modules"), join(folder, "package/node_modules"));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it("holds what an operator needs and nothing else", async () => {
    const entries = await readdir(join(folder, "package"), {
      recursive: true,
      withFileTypes: true,
    });
    const files = entries
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 9));
    const allowed = [
      /^(README\.md|CHANGELOG\.md|LICENSE|package\.json)$/,
      /^(bin|packaging|docs)\//,
      /^dist\/(base|membership|store|ipam|overlay|names|plugins|agent|cli)\/.*\.js$/,
    ];
    assert.deepEqual(
      files.filter((file) => !allowed.some((pattern) => pattern.test(file))),
      [],
    );
    for (const needed of [
      "LICENSE",
      "README.md",
      "CHANGELOG.md",
      "bin/starling",
      "docs/errors.md",
    ]) {
      assert.ok(files.includes(needed), `${needed} is missing`);
    }
  });

  it("runs as plain JavaScript", async () => {
    const program = join(folder, "package/dist/cli/starling.js");
    const { stdout } = await run(process.execPath, [program, "--help"]);
    assert.match(stdout, /agent/);
  });

  it("starts by the name that it puts on the path", async () => {
    const { stdout } = await run(join(folder, "package/bin/starling"), ["--help"]);
    assert.match(stdout, /agent/);
  });
});
