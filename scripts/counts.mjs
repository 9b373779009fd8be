/**
 * Reads what `test/reporter.ts` wrote, prints `passed failed skipped` for the shell and the skipped tests' names for
 * people. Exits 1 where nothing was written.
 */
import { readFileSync } from "node:fs";

const runs = readFileSync(process.argv[2], "utf8")
  .split("\n")
  .filter(Boolean)
  .map((line) => JSON.parse(line));
for (const title of runs.flatMap((run) => run.skips)) console.error(`skipped: ${title}`);
const sum = (key) => runs.reduce((total, run) => total + run[key], 0);
if (runs.length === 0) process.exit(1);
console.log(sum("passed"), sum("failed"), sum("skipped"));
