import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

export const root = join(import.meta.dirname, "../..");

/** A text file of the project: what git tracks or would track. */
export type TextFile = { readonly path: string; readonly text: string; readonly lines: string[] };

/** Every text file, by path from the root. */
export const textFiles: readonly TextFile[] = listed()
  .filter((path) => existsSync(join(root, path)) && statSync(join(root, path)).isFile())
  .map((path) => ({ path, text: readFileSync(join(root, path), "utf8") }))
  .filter(({ text }) => !text.includes("\0"))
  .map((file) => ({ ...file, lines: file.text.split("\n") }));

/** The folders of DESIGN.md that are the product. */
export const domains = ["membership", "store", "ipam", "overlay", "names", "plugins"] as const;
export const productFolders = ["base", ...domains, "agent", "cli", "dashboard"] as const;

/** `store` for `store/leveldb/journal.ts`; empty for a file in the root. */
export function folderOf(path: string): string {
  return path.includes("/") ? (path.split("/")[0] ?? "") : "";
}

/** Whether the file thinks: it lies directly in a domain folder, in base or in agent. */
export function isCore(path: string): boolean {
  return (
    path.split("/").length === 2 &&
    ["base", ...domains, "agent"].includes(folderOf(path)) &&
    path !== compositionRoot
  );
}

/** The only file that builds adapters. */
export const compositionRoot = "agent/main.ts";

function listed(): string[] {
  const options = ["ls-files", "--cached", "--others", "--exclude-standard", "-z"];
  return execFileSync("git", options, { cwd: root, encoding: "utf8" }).split("\0").filter(Boolean);
}
