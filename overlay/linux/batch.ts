/**
 * A long-lived `ip -force -batch -` or `bridge -force -batch -`: 70,000 changes a second against
 * 435 with a process each. On success a batch prints nothing, so after the lines a nonsense word is
 * sent: it comes back at once, on stderr.
 *
 *   > neigh replace 10.32.0.9 lladdr ...          <
 *   > sync7x                                      < Object "sync7x" is unknown, try "ip help".
 *                                                 < Command failed -:2
 *
 * Some failures end the child in spite of -force. What was not yet known to be done is then run
 * again line by line, each in a process of its own: every line is idempotent.
 */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { describeError } from "../../base/errors.ts";
import { run } from "./run.ts";

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
    for (const job of child.jobs.splice(0)) job.done(await this.#oneByOne(job.lines));
  }

  async #oneByOne(lines: readonly string[]): Promise<ReadonlyMap<number, string>> {
    const failures = new Map<number, string>();
    for (const [at, line] of lines.entries()) {
      try {
        await run(this.#tool, line.split(" "));
      } catch (error) {
        failures.set(at, describeError(error));
      }
    }
    return failures;
  }
}

function heard(child: Child, text: string): void {
  child.output += text;
  for (let job = child.jobs[0]; job !== undefined; job = child.jobs[0]) {
    const end = `Command failed -:${job.firstLine + job.lines.length}\n`;
    const at = child.output.indexOf(end);
    if (at < 0) return;
    const said = child.output.slice(0, at);
    child.output = child.output.slice(at + end.length);
    child.jobs.shift();
    job.done(failuresIn(said, job));
  }
}

/**
 * Each failure is a reason, perhaps over several lines, and then the number of the line that
 * failed.
 */
function failuresIn(said: string, { firstLine }: Job): ReadonlyMap<number, string> {
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
