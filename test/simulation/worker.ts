/** A child process of a batch: runs the seeds it is handed. */
import type { Chunk, ChunkResult, PlainResult } from "./batch.ts";
import { drawRun } from "./options.ts";
import { play, type RunResult } from "./scenario.ts";

process.on("message", (chunk: Chunk) => process.send?.(runChunk(chunk)));

const repeatEvery = 100;

function runChunk({ first, count, wishes }: Chunk): ChunkResult {
  const before = process.cpuUsage();
  const failures: PlainResult[] = [];
  const marks = new Map<string, number>();
  const sums = { events: 0, simulatedMs: 0, repeats: 0 };
  for (let seed = first; seed < first + count; seed += 1) {
    const result = play(drawRun(seed, wishes));
    if (result.failure !== undefined) failures.push(plain(seed, result));
    else if (seed % repeatEvery === 0) {
      const again = play(drawRun(seed, wishes));
      sums.repeats += 1;
      const reason = `the same seed went ${result.hash} and then ${again.hash}`;
      if (again.hash !== result.hash)
        failures.push({ ...plain(seed, result), failure: { step: 0, reason } });
    }
    for (const [mark, seen] of result.marks) marks.set(mark, (marks.get(mark) ?? 0) + seen);
    sums.events += result.events;
    sums.simulatedMs += result.simulatedMs;
  }
  const { user, system } = process.cpuUsage(before);
  return { failures, marks: [...marks], ...sums, cpuMs: (user + system) / 1000 };
}

function plain(
  seed: number,
  { failure, hash, events, simulatedMs, story }: RunResult,
): PlainResult {
  return { seed, failure, hash, events, simulatedMs, story };
}
