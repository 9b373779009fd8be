/** `npm run fuzz -- [--executions N] [--target NAME] [--seed N]`: every parser, with a table. */
import { parseArgs } from "node:util";
import { allowed, type Outcome, runCampaign } from "./campaign.ts";
import { targets } from "./targets.ts";

const { values } = parseArgs({
  options: {
    executions: { type: "string", default: "100000" },
    target: { type: "string" },
    seed: { type: "string", default: "1" },
  },
});
const [executions, seed] = [Number(values.executions), Number(values.seed)];
const chosen = targets.filter(({ name }) => values.target === undefined || name === values.target);
if (chosen.length === 0) {
  process.stderr.write(
    `no such target; known are: ${targets.map(({ name }) => name).join(", ")}\n`,
  );
  process.exit(2);
}

function lineOf({ name, executions: runs, taken, ms, slowestMs, grownMiB }: Outcome): string {
  const share = ((100 * taken) / runs).toFixed(1);
  const figures = [
    `${runs} runs`,
    `${share} % taken`,
    `${((1_000 * ms) / runs).toFixed(1)} us each`,
    `slowest ${slowestMs.toFixed(1)} ms`,
    `${grownMiB.toFixed(1)} MiB grown`,
  ];
  return `${name.padEnd(32)} ${figures.map((figure) => figure.padStart(18)).join("")}`;
}

let failures = 0;
for (const target of chosen) {
  try {
    const outcome = runCampaign(target, { executions, seed });
    const isSlow = outcome.slowestMs > allowed.inputMs;
    const isLeaking = outcome.grownMiB > allowed.grownMiB;
    if (isSlow || isLeaking) failures += 1;
    process.stdout.write(
      `${lineOf(outcome)}${isSlow ? " SLOW" : ""}${isLeaking ? " GROWS" : ""}\n`,
    );
  } catch (error) {
    failures += 1;
    process.stdout.write(`${target.name}: ${(error as Error).stack}\n`);
  }
}
process.stdout.write(`${chosen.length} targets, ${failures} failed\n`);
process.exitCode = failures === 0 ? 0 : 1;
