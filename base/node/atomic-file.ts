/**
 * Small files that a crash leaves either as they were or as they should be: write aside, sync,
 * rename, sync the folder.
 */
import { open, readFile, rename } from "node:fs/promises";
import { dirname } from "node:path";

/** The file's bytes, or undefined where there is none. */
export async function readIfThere(path: string): Promise<Uint8Array | undefined> {
  try {
    return new Uint8Array(await readFile(path));
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** Replaces the file's content. When the promise resolves it has reached the disk. */
export async function writeAtomic(path: string, bytes: Uint8Array, mode: number): Promise<void> {
  const aside = `${path}.new`;
  await using file = await open(aside, "w", mode);
  await file.chmod(mode);
  await file.writeFile(bytes);
  await file.sync();
  await rename(aside, path);
  await using folder = await open(dirname(path), "r");
  await folder.sync();
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
