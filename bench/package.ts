/** The program as operators run it: compiled. A checkout's own strips types as it starts. */
import { cpSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { run } from "../test/lab/process.ts";

const root = join(import.meta.dirname, "..");
const compileMs = 120_000;

/**
 * Compiles the checkout and returns the path of its `starling`; undefined, and said so, where there
 * is no place to put it.
 */
export async function compiledStarling(): Promise<string | undefined> {
  const folder = join(root, ".cache", "bench-package");
  try {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
  } catch {
    process.stdout.write("the checkout is not writable: its source is measured as it is\n");
    return undefined;
  }
  for (const part of ["bin", "package.json"]) {
    cpSync(join(root, part), join(folder, part), { recursive: true });
  }
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  const tsc = join(root, "node_modules", ".bin", "tsc");
  const project = join(root, "tsconfig.build.json");
  await run([tsc, "-p", project, "--outDir", join(folder, "dist")], { withinMs: compileMs });
  return join(folder, "bin", "starling");
}
