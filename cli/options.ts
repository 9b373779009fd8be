/** Options that several commands take, and what their words mean. */
import { type Command, InvalidArgumentError } from "commander";
import { ControlClient } from "../agent/control/client.ts";
import { defaultSocket } from "../agent/control/doors.ts";

/** Describes a command, with an example; `--socket` may stand behind its name, too. */
export function describe(
  command: Command,
  { text, example }: { readonly text: string; readonly example: string },
): Command {
  return command
    .description(text)
    .option("--socket <path>", "the agent's socket (STARLING_SOCKET)")
    .addHelpText("after", `\nExample:\n  ${example}`);
}

/** `--json`. */
export function withJson(command: Command): Command {
  return command.option("--json", "print JSON");
}

/** `--wait=30s`, read by `waitOf`; without a time it is 10 s (see command-line.ts). */
export function withWait(command: Command): Command {
  const text = "return when every reachable host's kernel has it, or after this time (10s)";
  return command.option("--wait [time]", text, parseTime);
}

/** Milliseconds to wait, or undefined. */
export function waitOf({ wait }: { readonly wait?: number }): {
  readonly waitMs: number | undefined;
} {
  return { waitMs: wait };
}

/**
 * The value of an option that must be there. Commander's own check comes before that for unknown
 * options, and would hide a typing error.
 */
export function required<Value>(command: Command, flags: string, value: Value | undefined): Value {
  return value ?? command.error(`error: ${flags} is missing`);
}

/** Collects an option that may be given several times. */
export function collect(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value];
}

/** Where the agent serves that the command is meant for. */
export function socketOf(command: Command): string {
  const { socket } = command.optsWithGlobals<{ socket?: string }>();
  return socket ?? (process.env["STARLING_SOCKET"] || defaultSocket);
}

/** The client for that agent. */
export function clientOf(command: Command): ControlClient {
  return new ControlClient(socketOf(command));
}

function parseTime(text: string): number {
  const [, digits, unit = "s"] = /^([0-9]{1,6})(ms|s|m)?$/.exec(text) ?? [];
  const ms = Number(digits) * (unit === "m" ? 60_000 : unit === "s" ? 1_000 : 1);
  if (ms <= 600_000) return ms;
  throw new InvalidArgumentError("A time looks like 500ms, 10s or 1m, and is 10m at most.");
}
