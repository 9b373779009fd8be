/** `npm run simulate`: whole clusters in virtual time, each decided by one seed. */
import { parseArgs } from "node:util";
import { runBatch } from "./batch.ts";
import { missingMarks } from "./marks.ts";
import {
  describeRun,
  drawRun,
  type FaultName,
  faultNames,
  replayCommand,
  type Wishes,
} from "./options.ts";
import { describeFailure, play, type RunResult } from "./scenario.ts";

const usage = `usage: npm run simulate -- [--seed N] [--seeds COUNT] [--hosts H] [--steps S]
         [--faults mix|none|NAME,...] [--jobs J] [--trace]
faults: ${faultNames.join(" ")}`;

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    seeds: { type: "string", default: "1" },
    hosts: { type: "string" },
    steps: { type: "string" },
    faults: { type: "string", default: "mix" },
    jobs: { type: "string", default: "2" },
    planted: { type: "string" },
    trace: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

process.exitCode = values.help ? help() : await main();

async function main(): Promise<number> {
  const wishes = wishesOf();
  const [first, count] = [whole(values.seed) ?? 1, whole(values.seeds) ?? 1];
  if (count === 1) return one(first, wishes);
  const startedAt = performance.now();
  const batch = await runBatch({
    first,
    count,
    jobs: whole(values.jobs) ?? 2,
    wishes,
    failed: ({ seed }) => tell(play(drawRun(seed, wishes), true)),
  });
  const seconds = (performance.now() - startedAt) / 1000;
  const { events, simulatedMs, cpuMs } = batch;
  console.log(
    `${count} seeds from ${first}: ${batch.failures.length} failed, ${events} events, ` +
      `${(simulatedMs / 3_600_000).toFixed(1)} simulated hours in ${seconds.toFixed(1)} s, ` +
      `${(cpuMs / count).toFixed(0)} ms of CPU a seed; ${batch.repeats} ran twice alike`,
  );
  const missing = count >= 100 ? missingMarks(batch.marks) : [];
  if (missing.length > 0) console.log(`never happened: ${missing.join(", ")}`);
  return batch.failures.length + missing.length === 0 ? 0 : 1;
}

function one(seed: number, wishes: Wishes): number {
  const options = drawRun(seed, wishes);
  console.log(describeRun(options));
  const result = play(options, values.trace);
  if (result.failure !== undefined) {
    tell(result);
    return 1;
  }
  const marks = [...result.marks].toSorted(([a], [b]) => a.localeCompare(b));
  if (values.trace) for (const [mark, count] of marks) console.log(`${count} x ${mark}`);
  console.log(
    `well: ${result.events} events, ${(result.simulatedMs / 1000).toFixed(1)} simulated seconds, hash ${result.hash}`,
  );
  return 0;
}

function tell(failed: RunResult): void {
  console.log(`\nfailed: ${describeFailure(failed)}`);
  for (const line of failed.story) console.log(`  ${line}`);
  console.log(`  again: ${replayCommand(failed.options)}\n`);
}

function wishesOf(): Wishes {
  const { faults, planted } = values;
  return {
    hosts: whole(values.hosts),
    steps: whole(values.steps),
    faults: faults === "mix" ? "mix" : faultsOf(faults),
    ...(planted !== undefined && { planted }),
  };
}

function faultsOf(text: string): FaultName[] {
  if (text === "none") return [];
  return text.split(",").map((name) => {
    const fault = faultNames.find((each) => each === name);
    if (fault === undefined) throw new Error(`no fault is called ${name}\n${usage}`);
    return fault;
  });
}

function whole(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new Error(`${text} is no count\n${usage}`);
  return value;
}

function help(): number {
  console.log(usage);
  return 0;
}
