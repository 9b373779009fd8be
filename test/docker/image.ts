import { copyFileSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { run } from "../lab/process.ts";

/** The name under which every engine has the image. */
export const image = "starling-busybox";

const folder = "/run/lab/image";

let archive: Promise<string> | undefined;

/**
 * The path of a root file system with busybox and nothing else, as `docker import` takes it. Made
 * once in a lab, without any registry.
 */
export function busyboxArchive(): Promise<string> {
  archive ??= makeArchive();
  return archive;
}

async function makeArchive(): Promise<string> {
  const bin = join(folder, "bin");
  for (const name of ["bin", "etc", "tmp"]) mkdirSync(join(folder, name), { recursive: true });
  const busybox = (await run(["sh", "-c", "command -v busybox"])).trim();
  copyFileSync(busybox, join(bin, "busybox"));
  const applets = (await run([busybox, "--list"])).trim().split("\n");
  for (const applet of applets.filter((name) => name !== "busybox")) {
    symlinkSync("busybox", join(bin, applet));
  }
  await run(["tar", "-C", folder, "-cf", `${folder}.tar`, "."]);
  return `${folder}.tar`;
}
