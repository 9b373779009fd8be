/** What people see: tables, colours, times; and JSON for programs. */
import { styleText } from "node:util";
import Table from "cli-table3";
import type { WaitReport } from "../agent/view.ts";

/** One line for people on standard output. */
export function printLine(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** One line on standard error, with our name in front. */
export function printError(message: string): void {
  process.stderr.write(`starling: ${message}\n`);
}

export function printJson(value: unknown): void {
  printLine(JSON.stringify(value, undefined, process.stdout.isTTY ? 2 : undefined));
}

/** Columns as `docker` draws them: no borders, two spaces, headings in capitals. */
export function printTable(head: readonly string[], rows: readonly (readonly string[])[]): void {
  const none = { mid: "", "left-mid": "", "mid-mid": "", "right-mid": "" };
  const chars = {
    ...none,
    top: "",
    "top-mid": "",
    "top-left": "",
    "top-right": "",
    bottom: "",
    "bottom-mid": "",
    "bottom-left": "",
    "bottom-right": "",
    left: "",
    right: "",
    middle: "  ",
  };
  const style = { head: [], border: [], "padding-left": 0, "padding-right": 0 };
  const table = new Table({ head: head.map((title) => title.toUpperCase()), chars, style });
  table.push(...rows.map((row) => [...row]));
  const lines = table.toString().split("\n");
  printLine(lines.map((line) => line.trimEnd()).join("\n"));
}

/** The word in the colour of how well it is. */
export function stateText(state: string): string {
  const isGood = state === "alive" || state === "up" || state === "member" || state === "in sync";
  const colour = isGood ? "green" : state === "unreachable" ? "red" : "yellow";
  return process.stdout.isTTY ? styleText(colour, state) : state;
}

/** `3m`, `2h`: the two places that matter do not fit a column, so one. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))}ms`;
  const seconds = Math.floor(ms / 1000);
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}

/** Says who has programmed a change; the command fails if somebody who could have has not. */
export function printWait(wait: WaitReport | undefined): void {
  if (wait === undefined) return;
  const names = (hosts: readonly { readonly name: string }[]) =>
    hosts
      .map(({ name }) => name)
      .toSorted()
      .join(", ");
  printLine(`in the kernel of ${names(wait.programmed)} after ${wait.ms} ms`);
  if (wait.unreachable.length > 0) printLine(`not reachable: ${names(wait.unreachable)}`);
}

/** Sets the exit code where a reachable host has not programmed the change. */
export function judgeWait(wait: WaitReport | undefined): void {
  if (wait === undefined || wait.missing.length === 0) return;
  const names = wait.missing
    .map(({ name }) => name)
    .toSorted()
    .join(", ");
  printError(`not yet in the kernel of ${names}; "starling status" there says why`);
  process.exitCode = 1;
}
