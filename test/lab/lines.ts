import { within } from "./within.ts";

type Search = { readonly withinMs: number; readonly from?: number };

/**
 * What a process prints, kept and awaitable: a log, a kernel monitor, a watch stream, a running
 * ping.
 */
export class Lines {
  readonly name: string;
  readonly #all: string[] = [];
  readonly #waiting: (() => void)[] = [];
  #end: string | undefined;

  constructor(name: string) {
    this.name = name;
  }

  get all(): readonly string[] {
    return this.#all;
  }

  get count(): number {
    return this.#all.length;
  }

  push(line: string): void {
    this.#all.push(line);
    this.#wake();
  }

  /** No more lines will come; whoever still waits is told so. */
  end(reason: string): void {
    this.#end ??= reason;
    this.#wake();
  }

  /**
   * Resolves when there are more than `count` lines. Rejects at the end of the stream or at the
   * deadline.
   */
  async after(count: number, withinMs: number): Promise<void> {
    const deadline = performance.now() + withinMs;
    while (this.#all.length <= count) {
      if (this.#end !== undefined) {
        throw new Error(`${this.name} ended (${this.#end}); last lines:\n${this.tail()}`);
      }
      await within(deadline - performance.now(), `a line of ${this.name}`, this.#next()).catch(
        (error: unknown) => {
          throw new Error(`last lines of ${this.name}:\n${this.tail()}`, { cause: error });
        },
      );
    }
  }

  /** The first line from the `from`-th on that matches, now or later. */
  async until(pattern: RegExp, options: Search): Promise<string> {
    return this.#all[await this.find(pattern, options)] ?? "";
  }

  /** The index of that line. */
  async find(pattern: RegExp, options: Search): Promise<number> {
    const deadline = performance.now() + options.withinMs;
    for (let at = options.from ?? 0; ; at += 1) {
      await this.after(at, deadline - performance.now()).catch((error: unknown) => {
        throw new Error(`no line of ${this.name} matches ${pattern}`, { cause: error });
      });
      if (pattern.test(this.#all[at] ?? "")) return at;
    }
  }

  /** Every line, past and to come, until the stream ends. */
  async *[Symbol.asyncIterator](): AsyncGenerator<string> {
    for (let at = 0; ; at += 1) {
      while (at >= this.#all.length) {
        if (this.#end !== undefined) return;
        await this.#next();
      }
      yield this.#all[at] ?? "";
    }
  }

  tail(count = 12): string {
    return this.#all.slice(-count).join("\n");
  }

  /** Settles at the next line or at the end. */
  #next(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
