/**
 * Runs lines of iproute2 inside another network namespace. Forking a process as large as the agent
 * takes longer than all the kernel does for an endpoint, so the next child is forked beforehand: a
 * shell that waits for a path and then becomes `ip` in that namespace.
 *
 *   fork -> sh: read path .... (idle) .... path, lines -> exec nsenter [-> sh: let IPv6 in] -> exec ip -batch -
 */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { MeshError } from "../../base/errors.ts";
import { run } from "./run.ts";

/**
 * The rest of its input, which `read` leaves alone, is for `ip`. Container engines turn IPv6 off in
 * namespaces whose own networks have none: it is let in on the one interface that asks for it.
 */
const script = `
read -r netns six || exit 1
[ -n "$six" ] || exec nsenter --net="$netns" ip -batch -
exec nsenter --net="$netns" sh -c '
  echo 0 2>/dev/null >"/proc/sys/net/ipv6/conf/$0/disable_ipv6"; exec ip -batch -' "$six"`;

/** Forking stops the agent for 2 ms: not while what follows an endpoint is under way. */
const restMs = 20;

/** One child waits at most. It ends with us: its input does. */
export class Visitor implements AsyncDisposable {
  #waiting: ChildProcessWithoutNullStreams | undefined;
  #isClosed = false;

  /** Forks the next child, where none waits. */
  prepare(): void {
    if (this.#waiting !== undefined || this.#isClosed) return;
    const child = spawn("sh", ["-c", script], { env: { ...process.env, LC_ALL: "C" } });
    this.#waiting = child;
    const forget = () => {
      if (this.#waiting === child) this.#waiting = undefined;
    };
    child.once("error", forget).once("close", forget);
    child.stdin.on("error", () => undefined);
  }

  /**
   * `six`: an interface there that is to have IPv6. Path and interface have no spaces. Throws a
   * MeshError DATAPLANE_REFUSED with the tool's own words.
   */
  async run(netns: string, lines: readonly string[], six = ""): Promise<void> {
    const text = `${netns} ${six}\n${lines.join("\n")}\n`;
    const child = this.#waiting;
    this.#waiting = undefined;
    setTimeout(() => this.prepare(), restMs).unref();
    if (child === undefined) await run("sh", ["-c", script], text);
    else await visit(child, text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    const child = this.#waiting;
    if (child === undefined) return;
    const closed = new Promise((resolve) => child.once("close", resolve));
    child.stdin.end();
    await closed;
  }
}

function visit(child: ChildProcessWithoutNullStreams, input: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = "";
    child.stdout.resume();
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
    child.once("close", (code) => {
      if (code === 0) return resolve();
      const why = said.trim().split("\n")[0] || `ended with ${code}`;
      reject(new MeshError("DATAPLANE_REFUSED", why));
    });
    child.stdin.end(input);
  });
}
