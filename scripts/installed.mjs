/**
 * Exits 0 where node_modules holds what package-lock.json says. npm writes node_modules/.package-lock.json last, so
 * an interrupted install never passes; contents are compared, because a fresh clone's file times mean nothing.
 * Plain JavaScript: it runs under whatever Node is there, before ours is.
 */
import { readFileSync } from "node:fs";

const read = (path) => JSON.parse(readFileSync(new URL(path, import.meta.url), "utf8")).packages;

try {
  const wanted = read("../package-lock.json");
  const actual = read("../node_modules/.package-lock.json");
  for (const [path, { version, optional }] of Object.entries(wanted)) {
    // Optional packages are other platforms' binaries.
    if (path === "" || (optional && actual[path] === undefined)) continue;
    if (actual[path]?.version !== version) process.exit(1);
  }
} catch {
  process.exit(1);
}
