import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { Lines } from "./lines.ts";
import { within } from "./within.ts";

export type Exit = { readonly code: number | undefined; readonly signal: string | undefined };
export type Result = Exit & { readonly stdout: string; readonly stderr: string };
export type RunOptions = {
  /** Text for its standard input. */
  readonly input?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly withinMs?: number;
};

const defaultWithinMs = 20_000;

/**
 * Runs a command to its end and returns its standard output. Throws where it fails, with what it
 * said.
 */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<string> {
  const result = await attempt(argv, options);
  if (result.code === 0) return result.stdout;
  const said = `${result.stderr}${result.stdout}`.trim();
  throw new Error(`${argv.join(" ")}: exit ${result.code ?? result.signal}: ${said}`);
}

/**
 * Runs a command to its end, whatever that is; it is killed and the promise rejects when the time
 * is up.
 */
export async function attempt(argv: readonly string[], options: RunOptions = {}): Promise<Result> {
  const child = start(argv, options.env);
  const output = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"] as const) {
    child[stream]?.setEncoding("utf8").on("data", (text: string) => {
      output[stream] += text;
    });
  }
  // A command that ends before it has read all is judged by its exit code, not by our broken pipe.
  child.stdin?.on("error", () => undefined).end(options.input ?? "");
  try {
    const exit = await within(options.withinMs ?? defaultWithinMs, argv.join(" "), ended(child));
    return { ...exit, ...output };
  } finally {
    child.kill("SIGKILL");
  }
}

/** A command that keeps running: its lines as they come, and its end. */
export class Process implements AsyncDisposable {
  readonly pid: number;
  readonly exited: Promise<Exit>;
  readonly out: Lines;
  readonly err: Lines;
  readonly #child: ChildProcess;

  constructor(argv: readonly string[], env?: NodeJS.ProcessEnv) {
    const name = argv.find((part) => !part.includes("nsenter") && !part.startsWith("--")) ?? "";
    this.#child = start(argv, env);
    this.pid = this.#child.pid ?? -1;
    this.out = new Lines(name);
    this.err = new Lines(`${name} (errors)`);
    for (const [stream, lines] of [
      [this.#child.stdout, this.out],
      [this.#child.stderr, this.err],
    ] as const) {
      if (stream === null) continue;
      createInterface({ input: stream }).on("line", (line) => lines.push(line));
    }
    this.exited = ended(this.#child);
    this.exited.then(
      ({ code, signal }) => this.#end(`exit ${code ?? signal}`),
      (error: unknown) => this.#end(String(error)),
    );
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  write(text: string): void {
    this.#child.stdin?.write(text);
  }

  /** Asks it to end and waits; insists after five seconds. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<Exit> {
    this.kill(signal);
    const insist = setTimeout(() => this.kill("SIGKILL"), 5_000);
    try {
      return await this.exited;
    } finally {
      clearTimeout(insist);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.isRunning) return;
    // A stopped process takes no other signal than this one.
    this.kill("SIGKILL");
    await this.exited;
  }

  #end(reason: string): void {
    this.out.end(reason);
    this.err.end(reason);
  }
}

function start(argv: readonly string[], env?: NodeJS.ProcessEnv): ChildProcess {
  const [command = "", ...rest] = argv;
  return spawn(command, rest, {
    stdio: ["pipe", "pipe", "pipe"],
    env: { ...process.env, ...env },
  });
}

/** Settles when the process has ended and all it printed has been read. */
function ended(child: ChildProcess): Promise<Exit> {
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) =>
      resolve({ code: code ?? undefined, signal: signal ?? undefined }),
    );
  });
}
