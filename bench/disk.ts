/** Where agents keep their data while they are measured. */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";

/**
 * An empty folder in the checkout: a lab's own files are in memory, where a synced write costs
 * nothing. Undefined, and said so, in a checkout that only its owner may write to.
 */
export function benchDisk(): string | undefined {
  const folder = join(import.meta.dirname, "..", ".cache", "bench-disk");
  try {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    return folder;
  } catch {
    process.stdout.write(
      "the checkout is not writable: data is in memory, and syncing it is free\n",
    );
    return undefined;
  }
}
