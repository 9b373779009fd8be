/**
 * Prints what the kernel holds, by a long-lived shell that runs the same five commands whenever it
 * is sent an empty line. A process started from a hundred megabytes of Node stops everything else
 * for three milliseconds and costs as much; from a shell it costs a tenth. Nothing but constants
 * is ever given to that shell.
 *
 *   > (empty line)      < [{"ifname":...     RS 0 RS                        US
 *                       < (nothing)          RS 1 RS Error: No such file... US     and so on
 */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { MeshError } from "../../base/errors.ts";

/** What one command printed, or why it printed nothing. */
export type Printed = { readonly text: string } | { readonly reason: string };

/** What is read, and by which command. */
const commands = {
  /** Links with their addresses, neighbours and IPv4 routes: a JSON array in each line. */
  shown: "links",
  routes6: "ip -6 -j route show",
  fdb: "bridge -j fdb show",
  inet: "nft -j list table inet starling",
  bridge: "nft -j list table bridge starling",
} as const;
const parts = Object.keys(commands) as readonly (keyof typeof commands)[];

/** Everything, as printed. */
export type Readings = { readonly [part in keyof typeof commands]: Printed };

const script = `
export LC_ALL=C
exec 3>&1
links() { ip -d -j -batch - <<'END'
address show
neigh show nud permanent
route show
END
}
part() {
  complaint=$( { "$@" >&3; } 2>&1 )
  printf '\\036%s\\036%s\\037' "$?" "$complaint"
}
while read -r _; do
${parts.map((part) => `  part ${commands[part]}`).join("\n")}
done
`;

const outputBytes = 256 * 1024 * 1024;

type Job = {
  readonly done: (readings: Readings) => void;
  readonly failed: (error: MeshError) => void;
};

type Child = {
  readonly process: ChildProcessWithoutNullStreams;
  readonly jobs: Job[];
  /** What it has printed of the first job, in chunks: joined only once it is whole. */
  output: string[];
  bytes: number;
  ends: number;
};

/** One shell at a time, started when there is something to read. */
export class Reader implements AsyncDisposable {
  #child: Child | undefined;

  /** Throws a MeshError DATAPLANE_REFUSED when the shell ends before it has answered. */
  read(): Promise<Readings> {
    return new Promise((done, failed) => {
      this.#child ??= this.#start();
      this.#child.jobs.push({ done, failed });
      if (this.#child.jobs.length === 1) this.#child.process.stdin.write("\n");
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const process = this.#child?.process;
    if (process === undefined) return;
    const ended = new Promise((resolve) => process.once("close", resolve));
    process.stdin.end();
    await ended;
  }

  #start(): Child {
    const process = spawn("/bin/sh", ["-c", script]);
    const child: Child = { process, jobs: [], output: [], bytes: 0, ends: 0 };
    process.stdout.setEncoding("utf8").on("data", (text: string) => heard(child, text));
    process.stderr.resume();
    process.stdin.on("error", () => undefined);
    process.on("error", () => undefined);
    process.once("close", () => {
      if (this.#child === child) this.#child = undefined;
      const error = new MeshError("DATAPLANE_REFUSED", "the shell that reads the kernel ended");
      for (const { failed } of child.jobs.splice(0)) failed(error);
    });
    return child;
  }
}

function heard(child: Child, text: string): void {
  child.output.push(text);
  child.bytes += text.length;
  for (const character of text) if (character === "\x1f") child.ends += 1;
  if (child.bytes > outputBytes) child.process.kill();
  if (child.ends < parts.length) return;
  const job = child.jobs.shift();
  const answers = child.output.join("").split("\x1f");
  Object.assign(child, { output: [], bytes: 0, ends: 0 });
  if (child.jobs.length > 0) child.process.stdin.write("\n");
  const entries = parts.map((part, at) => [part, printed(commands[part], answers[at] ?? "")]);
  job?.done(Object.fromEntries(entries) as Readings);
}

/** What a shell says of a command that there is not (POSIX, 2.8.2). */
const notFound = "127";

function printed(command: string, answer: string): Printed {
  const [text = "", status, complaint = ""] = answer.split("\x1e");
  if (status === "0") return { text };
  const why = complaint.split("\n")[0] || `exit code ${status}`;
  return { reason: `${command}: ${status === notFound ? "it is not installed" : why}` };
}

/** What was printed. Throws a MeshError DATAPLANE_REFUSED with the tool's own words. */
export function textOf(printed: Printed): string {
  if ("text" in printed) return printed.text;
  throw new MeshError("DATAPLANE_REFUSED", printed.reason);
}
