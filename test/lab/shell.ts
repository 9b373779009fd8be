/** Runs one command of the system's tools to its end, without a shell. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** What it printed. Words are parted by spaces; those of `more` may have some. */
export function sh(command: string, more: readonly string[] = [], input = ""): string {
  const [tool = "", ...args] = command.split(" ");
  const options = { encoding: "utf8", input, stdio: ["pipe", "pipe", "pipe"] } as const;
  return execFileSync(tool, [...args, ...more], { ...options, stdio: [...options.stdio] });
}

/** The processes that this one has started and that have not ended. */
export function children(): readonly number[] {
  const text = readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, "utf8");
  return text.split(" ").filter(Boolean).map(Number);
}
