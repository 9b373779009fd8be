/**
 * Tells a person what happens while it happens: numbered steps, one live line on a terminal, plain
 * lines elsewhere.
 */
import { styleText } from "node:util";

type Style = Parameters<typeof styleText>[0];

const frames = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const frameMs = 80;
const width = 88;

export class Story {
  readonly #startedAt = performance.now();
  readonly #out = process.stdout;
  #steps = 0;
  #held = 0;
  #broken: string[] = [];

  title(text: string): void {
    this.#print(`\n${paint("bold", text)}`);
  }

  /** Opens a step: what happens, and why it is worth a look. */
  step(what: string, why: string): void {
    this.#steps += 1;
    this.#print(`\n${paint("bold", `${this.#steps}. ${what}`)}`);
    for (const line of wrap(why, width - 3)) this.#print(`   ${paint("gray", line)}`);
  }

  /** Shows that something is under way, then how long it took. */
  async doing<T>(what: string, work: () => Promise<T>): Promise<T> {
    const startedAt = performance.now();
    const elapsed = (): string => seconds(performance.now() - startedAt);
    let frame = 0;
    const draw = (): void => {
      const sign = frames[frame++ % frames.length] ?? "";
      this.#out.write(`\r\u001b[K   ${paint("cyan", sign)} ${what} ${paint("gray", elapsed())}`);
    };
    const timer = this.#out.isTTY ? setInterval(draw, frameMs) : undefined;
    try {
      const value = await work();
      this.#clear();
      this.#print(`   ${paint("green", "•")} ${what} ${paint("gray", elapsed())}`);
      return value;
    } catch (error) {
      this.#clear();
      this.#print(`   ${paint("red", "✗")} ${what} ${paint("gray", elapsed())}`);
      throw error;
    } finally {
      clearInterval(timer);
    }
  }

  /** A line that only informs. */
  tell(text: string): void {
    for (const line of text.split("\n")) this.#print(`     ${line}`);
  }

  /** Something that must be true. One that is not makes the whole story fail. */
  claim(text: string, holds: boolean): void {
    if (holds) this.#held += 1;
    else this.#broken.push(text);
    this.#print(`   ${holds ? paint("green", "✔") : paint("red", "✗ NOT SO:")} ${text}`);
  }

  /** Says how it came out. Returns the exit code. */
  end(): number {
    const total = this.#held + this.#broken.length;
    const time = seconds(performance.now() - this.#startedAt);
    const verdict = `${this.#held} of ${total} claims held, in ${time}.`;
    this.#print(`\n${paint(this.#broken.length === 0 ? "green" : "red", verdict)}`);
    return this.#broken.length === 0 && total > 0 ? 0 : 1;
  }

  #print(line: string): void {
    this.#out.write(`${line}\n`);
  }

  #clear(): void {
    if (this.#out.isTTY) this.#out.write("\r\u001b[K");
  }
}

/** Colours on a terminal only, and none where the user wants none. */
export function paint(style: Style, text: string): string {
  return styleText(style, text, { stream: process.stdout });
}

export function seconds(ms: number): string {
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`;
}

function wrap(text: string, columns: number): string[] {
  const lines = [""];
  for (const word of text.split(" ")) {
    const line = lines[lines.length - 1] ?? "";
    if (line.length + word.length + 1 > columns) lines.push(word);
    else lines[lines.length - 1] = line === "" ? word : `${line} ${word}`;
  }
  return lines;
}
