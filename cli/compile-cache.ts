/** Where compiled code may be kept: whoever can write there decides what the next run executes. */
import { lstatSync, mkdirSync } from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";

/** A folder that only we can write to, made if need be; undefined where there is none. */
export function compileCacheFolder(env: NodeJS.ProcessEnv): string | undefined {
  // The service manager gives a service one of its own (systemd.exec(5)).
  const given = env["CACHE_DIRECTORY"]?.split(":")[0] ?? env["XDG_CACHE_HOME"];
  try {
    const home = env["HOME"] ?? homedir();
    const base = given ?? home;
    if (!isAbsolute(base) || !isOurs(base)) return undefined;
    const folder = join(given ?? join(home, ".cache"), "starling", "compiled");
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    return isOurs(folder) ? folder : undefined;
  } catch {
    // Read-only, missing, or nobody's home: everything works without, a little later.
    return undefined;
  }
}

/** Of root with the home of a user (sudo -E), this says no, and rightly so. */
function isOurs(folder: string): boolean {
  const found = lstatSync(folder);
  return found.isDirectory() && found.uid === process.geteuid?.() && (found.mode & 0o022) === 0;
}
