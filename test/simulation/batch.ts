/**
 * Many runs on all cores: child processes take seeds one chunk at a time. One seed in a hundred
 * runs twice and must do the same to the last event.
 */
import { type ChildProcess, fork } from "node:child_process";
import type { Wishes } from "./options.ts";
import type { RunResult } from "./scenario.ts";

export type Chunk = { readonly first: number; readonly count: number; readonly wishes: Wishes };

/** What a worker says of its chunk. */
export type ChunkResult = {
  readonly failures: readonly PlainResult[];
  readonly marks: readonly (readonly [string, number])[];
  readonly events: number;
  readonly simulatedMs: number;
  readonly cpuMs: number;
  readonly repeats: number;
};

/** A result without what cannot travel between processes. */
export type PlainResult = Omit<RunResult, "marks" | "options"> & {
  readonly seed: number;
};

export type Batch = {
  readonly failures: readonly PlainResult[];
  readonly marks: ReadonlyMap<string, number>;
  readonly events: number;
  readonly simulatedMs: number;
  readonly cpuMs: number;
  readonly repeats: number;
};

const chunkSeeds = 10;

export async function runBatch(options: {
  readonly first: number;
  readonly count: number;
  readonly jobs: number;
  readonly wishes: Wishes;
  /** Told of each run that failed, as soon as it is known. */
  readonly failed?: (result: PlainResult) => void;
}): Promise<Batch> {
  const { first, count, jobs, wishes, failed = () => undefined } = options;
  const total = { failures: [] as PlainResult[], marks: new Map<string, number>() };
  const sums = { events: 0, simulatedMs: 0, cpuMs: 0, repeats: 0 };
  let next = first;
  const end = first + count;
  const work = async () => {
    const worker = startWorker();
    while (next < end) {
      const chunk = { first: next, count: Math.min(chunkSeeds, end - next), wishes };
      next += chunk.count;
      const result = await ask(worker, chunk);
      total.failures.push(...result.failures);
      for (const failure of result.failures) failed(failure);
      for (const [mark, seen] of result.marks)
        total.marks.set(mark, (total.marks.get(mark) ?? 0) + seen);
      sums.events += result.events;
      sums.simulatedMs += result.simulatedMs;
      sums.cpuMs += result.cpuMs;
      sums.repeats += result.repeats;
    }
    worker.disconnect();
  };
  await Promise.all(Array.from({ length: Math.max(1, jobs) }, work));
  return { ...total, ...sums, failures: total.failures.toSorted((a, b) => a.seed - b.seed) };
}

function startWorker(): ChildProcess {
  return fork(new URL("./worker.ts", import.meta.url), { stdio: "inherit" });
}

function ask(worker: ChildProcess, chunk: Chunk): Promise<ChunkResult> {
  return new Promise((resolve, reject) => {
    const died = (code: number | null) => reject(new Error(`a worker ended with ${code}`));
    worker.once("exit", died);
    worker.once("message", (result) => {
      worker.off("exit", died);
      resolve(result as ChunkResult);
    });
    worker.send(chunk);
  });
}
