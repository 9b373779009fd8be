/** Runs the `starling` command as an operator would, against the agent of a simulated desk. */
import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";

export const starling = join(import.meta.dirname, "../../bin/starling");

export type Exit = {
  readonly code: number | string;
  readonly stdout: string;
  readonly stderr: string;
};

export type Running = {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly exited: Promise<Exit>;
  /** Resolves when standard output and error hold the text. */
  readonly said: (text: string) => Promise<void>;
};

export type StartOptions = {
  /** All of its standard input. */
  readonly input?: string;
  /** Its standard input stays open, for more. */
  readonly stays?: boolean;
  readonly env?: NodeJS.ProcessEnv;
};

/** Starts a command. */
export function start(
  argv: readonly string[],
  { input = "", stays = false, env = {} }: StartOptions = {},
): Running {
  const [command = "", ...rest] = argv;
  // Whoever runs the tests may have an agent of their own, and colours.
  const own = { STARLING_SOCKET: undefined, FORCE_COLOR: undefined, ...env };
  const child = spawn(command, rest, { env: { ...process.env, ...own } });
  const output = { stdout: "", stderr: "" };
  const changed = new EventTarget();
  for (const stream of ["stdout", "stderr"] as const) {
    child[stream].setEncoding("utf8").on("data", (text: string) => {
      output[stream] += text;
      changed.dispatchEvent(new Event("more"));
    });
  }
  child.stdin.on("error", () => undefined);
  if (stays) child.stdin.write(input);
  else child.stdin.end(input);
  const exited = new Promise<Exit>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve({ code: code ?? signal ?? "", ...output }));
  });
  const said = (text: string) =>
    new Promise<void>((resolve, reject) => {
      const look = () => {
        if (`${output.stdout}${output.stderr}`.includes(text)) resolve();
      };
      changed.addEventListener("more", look);
      exited.then(
        (exit) => reject(new Error(`never said ${text}: ${JSON.stringify(exit)}`)),
        reject,
      );
      look();
    });
  return { child, pid: child.pid ?? -1, exited, said };
}

/** Runs `starling` with these words to its end. */
export function run(words: readonly string[], options?: StartOptions): Promise<Exit> {
  return start([starling, ...words], options).exited;
}
