/**
 * A place where namespaces may be made without leaving a trace: a network and mount namespace with
 * a `/run` of its own (and a user namespace where we are not root). All of it ends with the test.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { type Exit, type Running, type StartOptions, start } from "./command.ts";

export class Wall implements AsyncDisposable {
  readonly #keeper;
  readonly #enter: readonly string[];

  private constructor(keeper: ReturnType<typeof spawn>) {
    this.#keeper = keeper;
    const user = isRoot() ? [] : ["--user", "--preserve-credentials"];
    this.#enter = ["nsenter", "--target", `${keeper.pid}`, ...user, "--net", "--mount", "--"];
  }

  static async open(): Promise<Wall> {
    const script = "mount -t tmpfs -o mode=755 tmpfs /run && echo ready && exec cat";
    const user = isRoot() ? [] : ["--map-root-user"];
    // Each of these becomes the next, and the last ends with its standard input: with us.
    const words = [...user, "--net", "--mount", "sh", "-c", script];
    const keeper = spawn("unshare", words, { stdio: ["pipe", "pipe", "inherit"] });
    await once(keeper.stdout, "data");
    return new Wall(keeper);
  }

  start(argv: readonly string[], options?: StartOptions): Running {
    return start([...this.#enter, ...argv], options);
  }

  run(argv: readonly string[], options?: StartOptions): Promise<Exit> {
    return this.start(argv, options).exited;
  }

  /** The named network namespaces inside. */
  async namespaces(): Promise<readonly string[]> {
    const { stdout } = await this.run(["sh", "-c", "ls /run/netns 2>/dev/null"]);
    return stdout.split("\n").filter(Boolean);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#keeper, "exit");
    this.#keeper.kill("SIGKILL");
    await ended;
  }
}

function isRoot(): boolean {
  return process.geteuid?.() === 0;
}
