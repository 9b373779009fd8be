/**
 * One process per data directory, decided by the kernel: flock(2) on a file. It ends with the
 * process, however that ends. The pid in the file only names the holder in the error message.
 *
 * LevelDB's own lock does not suffice. It is a POSIX lock, which a process loses as soon as it
 * closes any handle of that file, as a second opening in the same process does; and it is open
 * while a damaged folder is moved aside and while the database is reopened after a failed write.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { MeshError } from "../../base/errors.ts";

/** Locks the folder until disposed. Throws a MeshError: DATA_DIR_LOCKED, DATA_DIR_UNUSABLE. */
export async function lockFolder(directory: string): Promise<AsyncDisposable> {
  const file = await open(join(directory, "lock"), constants.O_RDWR | constants.O_CREAT, 0o600);
  try {
    if (!(await isLocked(file))) throw await heldError(directory, file);
    await file.truncate(0);
    await file.write(`${process.pid}\n`, 0);
  } catch (error) {
    await file.close();
    throw error;
  }
  return {
    async [Symbol.asyncDispose]() {
      await file.truncate(0);
      await file.close();
    },
  };
}

/**
 * Node cannot call flock(2), but the lock belongs to the open file and not to who asks for it: a
 * child that is handed our file locks it for us, and may end.
 */
async function isLocked(file: FileHandle): Promise<boolean> {
  const child = spawn("flock", ["-x", "-n", "3"], {
    stdio: ["ignore", "ignore", "ignore", file.fd],
  });
  const [code] = await once(child, "exit").catch((cause: unknown) => {
    const what = "cannot lock the data directory: the program flock (util-linux) is missing";
    throw new MeshError("DATA_DIR_UNUSABLE", what, { cause });
  });
  if (code === 0 || code === 1) return code === 0;
  throw new MeshError("DATA_DIR_UNUSABLE", "the file system of the data directory has no locks");
}

async function heldError(directory: string, file: FileHandle): Promise<MeshError> {
  const pid = (await file.readFile("utf8")).trim() || "unknown";
  const what = `${directory} is in use by another agent, pid ${pid}`;
  const advice = "stop it, or give this one its own --data-dir";
  return new MeshError("DATA_DIR_LOCKED", `${what}; ${advice}`);
}
