import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** Why a test that makes hosts of these programs cannot run here; undefined where it can. */
export function obstacleTo(...programs: readonly string[]): string | undefined {
  if (process.getuid?.() !== 0) return "only root can start an engine";
  return lackOf(...programs);
}

/**
 * Which of these programs is missing, as one sentence. On a machine that judges changes, nothing
 * may be.
 */
export function lackOf(...programs: readonly string[]): string | undefined {
  if (process.env["CI"] === "true") return undefined;
  const missing = programs.filter((program) => !isOnPath(program));
  return missing.length === 0 ? undefined : `without ${missing.join(", ")}`;
}

/** Skips this test, or the suite whose hook it is, where something is in its way; says what. */
export function skipWhere(obstacle: string | undefined, test: Mocha.Context): void {
  if (obstacle === undefined) return;
  console.log(`    skipped: ${obstacle}`);
  test.skip();
}

function isOnPath(program: string): boolean {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/sbin"];
  return folders.some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
