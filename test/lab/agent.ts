import { join } from "node:path";
import { Api } from "./api.ts";
import type { Host } from "./host.ts";
import type { Lines } from "./lines.ts";
import { attempt, type Exit, type Process, type Result, run } from "./process.ts";
import { eventually, within } from "./within.ts";

export const starling = join(import.meta.dirname, "../../bin/starling");

export type AgentOptions = {
  /** Seeds; none founds a cluster or resumes the one on disk. */
  readonly join?: readonly string[];
  readonly token?: string;
  readonly purgeOnExit?: boolean;
  /** Another build than the checkout's own. */
  readonly program?: string | undefined;
  /** Further flags, as an operator would type them. */
  readonly flags?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
};

const startMs = 15_000;

/**
 * One `starling agent` on one host: the process, what it says, and its API. It may be ended and
 * started again.
 */
export class Agent implements AsyncDisposable {
  readonly host: Host;
  readonly api: Api;
  readonly #options: AgentOptions;
  #process: Process;

  /** Starts it; `ready()` waits. */
  constructor(host: Host, options: AgentOptions = {}) {
    this.host = host;
    this.#options = options;
    this.api = new Api(join(host.folder, "starling.sock"));
    this.#process = this.#start(options);
  }

  get pid(): number {
    return this.#process.pid;
  }

  get isRunning(): boolean {
    return this.#process.isRunning;
  }

  get exited(): Promise<Exit> {
    return this.#process.exited;
  }

  /** Its log since it was last started. */
  get log(): Lines {
    return this.#process.err;
  }

  /** Resolves when it serves its API; rejects with its last words where it ends before. */
  async ready(withinMs = startMs): Promise<this> {
    await this.log.until(/\bready\b/, { withinMs });
    await within(startMs, `status of ${this.host.name}`, this.api.status());
    return this;
  }

  /** Runs the `starling` command on this host, against this agent. */
  async cli(...args: string[]): Promise<string> {
    return run(this.#cli(args));
  }

  /** The same, whatever its exit code. */
  async tryCli(...args: string[]): Promise<Result> {
    return attempt(this.#cli(args));
  }

  /** The same with `--json`, parsed. */
  async json<T>(...args: string[]): Promise<T> {
    return JSON.parse(await this.cli(...args, "--json")) as T;
  }

  /** The join token of its cluster. */
  async token(): Promise<string> {
    return (await this.json<{ readonly token: string }>("token")).token;
  }

  /** The claim's value once it holds; asked again whenever the agent reports a change. */
  async eventually<T>(
    what: string,
    claim: (api: Api) => Promise<T | undefined | false>,
    withinMs = 10_000,
  ): Promise<T> {
    using watch = await this.api.watch();
    return await eventually(
      { what: `${this.host.name}: ${what}`, on: watch.events, withinMs },
      () => claim(this.api),
    );
  }

  /** SIGKILL: it has no say in it. */
  async kill(): Promise<void> {
    await this.#process.stop("SIGKILL");
  }

  /** SIGTERM: it may finish what it does. */
  async stop(): Promise<Exit> {
    return this.#process.stop("SIGTERM");
  }

  pause(): void {
    this.#process.kill("SIGSTOP");
  }

  resume(): void {
    this.#process.kill("SIGCONT");
  }

  /**
   * Starts it anew on the same data, without seeds or token unless they are given: it remembers.
   */
  async restart(options: AgentOptions = {}): Promise<this> {
    if (this.isRunning) await this.stop();
    const { join: _, token: __, ...kept } = this.#options;
    this.#process = this.#start({ ...kept, ...options });
    return this.ready();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process[Symbol.asyncDispose]();
  }

  #start(options: AgentOptions): Process {
    const { join: seeds = [], token, purgeOnExit, program = starling, flags = [], env } = options;
    const argv = [
      ...[program, "agent", "--name", this.host.name, "--bind", this.host.device],
      ...["--data-dir", this.host.dataDir, "--socket", this.api.socket],
      ...seeds.flatMap((seed) => ["--join", seed]),
      ...(token === undefined ? [] : ["--token", token]),
      ...(purgeOnExit === true ? ["--purge-on-exit"] : []),
      ...flags,
    ];
    return this.host.spawn(argv, env);
  }

  #cli(args: readonly string[]): string[] {
    return [...this.host.enter, starling, "--socket", this.api.socket, ...args];
  }
}
