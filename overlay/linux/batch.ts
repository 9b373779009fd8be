/**
 * A long-lived `ip -force -batch -` or `bridge -force -batch -`: 70,000 changes a second against
 * 435 with a process each. On success a batch prints nothing, so a nonsense word follows the lines:
 *
 *   > neigh replace 10.32.0.9 lladdr ...     < (nothing)
 *   > sync7x                                 < Object "sync7x" is unknown ... Command failed -:2
 *
 * What was not answered when a child ended, of a line or by somebody's hand, is done again by fresh
 * ones, half by half until the line that ends them stands alone: every line is idempotent.
 */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { describeError } from "../../base/errors.ts";
import { listen, run } from "./run.ts";

type Job = {
  readonly lines: readonly string[];
  readonly firstLine: number;
  readonly done: (failures: ReadonlyMap<number, string>) => void;
};

type Child = {
  readonly process: ChildProcessWithoutNullStreams;
  /** What it was given and has not yet answered, in order. */
  readonly jobs: Job[];
  line: number;
  output: string;
};

/** One child at a time, started when there is something for it to do. */
export class Batch implements AsyncDisposable {
  readonly #tool: "ip" | "bridge";
  #child: Child | undefined;
  #count = 0;

  constructor(tool: "ip" | "bridge") {
    this.#tool = tool;
  }

  /** Runs the lines in order, going on past failures: why each failed one did, by its place. */
  run(lines: readonly string[]): Promise<ReadonlyMap<number, string>> {
    if (lines.length === 0) return Promise.resolve(new Map());
    return new Promise((done) => {
      this.#child ??= this.#start();
      const child = this.#child;
      this.#count += 1;
      child.jobs.push({ lines, firstLine: child.line + 1, done });
      child.line += lines.length + 1;
      child.process.stdin.write(`${lines.join("\n")}\nsync${this.#count}x\n`);
    });
  }

  /**
   * Lets the child end after what it was given, so that the next lines meet a new one. iproute2
   * remembers which index a device's name had; a device made anew under its name is found only by a
   * child that has not seen the old one.
   */
  renew(): void {
    this.#child?.process.stdin.end();
    this.#child = undefined;
  }

  /** The same, with the new one started at once: what comes next does not wait for it. */
  replace(): void {
    if (this.#child === undefined) return;
    this.renew();
    this.#child = this.#start();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const process = this.#child?.process;
    if (process === undefined) return;
    const ended = new Promise((resolve) => process.once("close", resolve));
    this.renew();
    await ended;
  }

  #start(): Child {
    const env = { ...process.env, LC_ALL: "C" };
    const child: Child = {
      process: spawn(this.#tool, ["-force", "-batch", "-"], { env }),
      jobs: [],
      line: 0,
      output: "",
    };
    child.process.stderr.setEncoding("utf8").on("data", (text: string) => heard(child, text));
    child.process.stdout.resume();
    child.process.stdin.on("error", () => undefined);
    child.process.on("error", () => undefined);
    child.process.once("close", () => void this.#ended(child));
    return child;
  }

  async #ended(child: Child): Promise<void> {
    if (this.#child === child) this.#child = undefined;
    for (const job of child.jobs.splice(0)) job.done(await doAgain(this.#tool, job.lines));
  }
}

async function doAgain(
  tool: string,
  lines: readonly string[],
): Promise<ReadonlyMap<number, string>> {
  if (lines.length <= 1) {
    const reason = await runLine(tool, lines[0] ?? "");
    return new Map(reason === undefined ? [] : [[0, reason]]);
  }
  const half = Math.ceil(lines.length / 2);
  const failures = new Map<number, string>();
  for (const from of [0, half]) {
    const part = lines.slice(from, from === 0 ? half : undefined);
    const found = (await runWhole(tool, part)) ?? (await doAgain(tool, part));
    for (const [at, reason] of found) failures.set(from + at, reason);
  }
  return failures;
}

/** Runs lines in a child of their own: why each failed one did; undefined where the child ended. */
async function runWhole(
  tool: string,
  lines: readonly string[],
): Promise<ReadonlyMap<number, string> | undefined> {
  const job = { lines, firstLine: 1 };
  const input = `${lines.join("\n")}\nsync0x\n`;
  const said = await listen(tool, ["-force", "-batch", "-"], input);
  const at = said.indexOf(endOf(job));
  return at < 0 ? undefined : failuresIn(said.slice(0, at), job);
}

async function runLine(tool: string, line: string): Promise<string | undefined> {
  try {
    // A batch of one, because only a batch knows quotes.
    await run(tool, ["-batch", "-"], `${line}\n`);
    return undefined;
  } catch (error) {
    return describeError(error);
  }
}

function heard(child: Child, text: string): void {
  child.output += text;
  for (let job = child.jobs[0]; job !== undefined; job = child.jobs[0]) {
    const end = endOf(job);
    const at = child.output.indexOf(end);
    if (at < 0) return;
    const said = child.output.slice(0, at);
    child.output = child.output.slice(at + end.length);
    child.jobs.shift();
    job.done(failuresIn(said, job));
  }
}

/** What stands at the end of a job's answer: its nonsense word was refused. */
function endOf({ firstLine, lines }: Pick<Job, "firstLine" | "lines">): string {
  return `Command failed -:${firstLine + lines.length}\n`;
}

/**
 * Each failure is a reason, perhaps over several lines, and then the number of the line that
 * failed.
 */
function failuresIn(
  said: string,
  { firstLine }: Pick<Job, "firstLine">,
): ReadonlyMap<number, string> {
  const failures = new Map<number, string>();
  let reason: string[] = [];
  for (const line of said.split("\n")) {
    const number = /^Command failed -:([0-9]+)$/.exec(line)?.[1];
    if (number === undefined) {
      if (line !== "") reason.push(line);
      continue;
    }
    failures.set(Number(number) - firstLine, reason[0] ?? "refused");
    reason = [];
  }
  return failures;
}
