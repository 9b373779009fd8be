/** What people and programs read: lines, errors, colours, JSON. */
import { styleText } from "node:util";

/** One line on standard output. */
export function printLine(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** One line on standard error, with our name in front. */
export function printError(message: string): void {
  process.stderr.write(`starling: ${printable(message)}\n`);
}

/** JSON: for people in many lines, for programs in one. */
export function printJson(value: unknown): void {
  printLine(JSON.stringify(value, undefined, process.stdout.isTTY ? 2 : undefined));
}

/** A terminal obeys control characters, and texts come from other hosts. */
export function printable(text: string): string {
  return text.replace(/\p{C}/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}

const colours = {
  good: "green",
  bad: "red",
  doubtful: "yellow",
  faint: "gray",
} as const;

/** The text in the colour of how well it is; plain where nobody looks at it. */
export function coloured(text: string, mood: keyof typeof colours): string {
  return process.stdout.isTTY ? styleText(colours[mood], text) : text;
}

/** The word for a state, in its colour. */
export function stateText(state: string): string {
  if (["alive", "up", "member", "in sync"].includes(state)) return coloured(state, "good");
  if (state === "unreachable") return coloured(state, "bad");
  return coloured(state, ["left", "retired"].includes(state) ? "faint" : "doubtful");
}

/** Whoever stops reading (`starling watch | head -1`) has had enough: that is no failure. */
export function quietOnBrokenPipe(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    process.exit();
  });
}
