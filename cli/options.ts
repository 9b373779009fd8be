/** Options that several commands take, and what their words mean. */
import { type Command, InvalidArgumentError } from "commander";
import { ControlClient } from "../agent/control/client.ts";

const defaultWaitMs = 10_000;

/** `--wait [10s]`, read by `waitOf`. */
export function withWait(command: Command): Command {
  const text = "return when every reachable host's kernel has it (at most this long, default 10s)";
  return command.option("--wait [time]", text, parseTime);
}

/** Milliseconds to wait, or undefined. */
export function waitOf(options: { readonly wait?: number | true }): {
  readonly waitMs: number | undefined;
} {
  return { waitMs: options.wait === true ? defaultWaitMs : options.wait };
}

export function withJson(command: Command): Command {
  return command.option("--json", "print JSON");
}

/** Collects an option that may be given several times. */
export function collect(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value];
}

/** The client for the agent that `--socket` names. */
export function clientOf(command: Command): ControlClient {
  return new ControlClient(command.optsWithGlobals<{ socket: string }>().socket);
}

function parseTime(text: string): number {
  const match = /^([0-9]+)(ms|s|m)?$/.exec(text);
  const unit = { ms: 1, s: 1000, m: 60_000 }[match?.[2] ?? "s"];
  if (match === null || unit === undefined) {
    throw new InvalidArgumentError("a time looks like 500ms, 10s or 1m");
  }
  return Number(match[1]) * unit;
}
