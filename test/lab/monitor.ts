import { Lines } from "./lines.ts";
import { Process, run } from "./process.ts";

/**
 * What one kernel announced, and when by the machine's one wall clock: milliseconds with
 * microseconds behind.
 */
export type Notice = { readonly at: number; readonly text: string };

export type MonitorKind = "fdb" | "link";

const tools = {
  fdb: ["bridge", "-timestamp", "monitor", "fdb"],
  link: ["ip", "-timestamp", "monitor", "link"],
} as const;

/**
 * A kernel's own announcements in one namespace. All hosts of a lab share one clock, so their times
 * compare.
 */
export class Monitor implements AsyncDisposable {
  /** One line for each notice, in step with `notices`. */
  readonly lines: Lines;
  readonly notices: Notice[] = [];
  readonly #process: Process;

  private constructor(process: Process, name: string) {
    this.#process = process;
    this.lines = new Lines(name);
  }

  /** Resolves when the kernel is known to report to it: a change of ours has come back. */
  static async open(options: {
    readonly enter: readonly string[];
    readonly kind: MonitorKind;
    readonly device: string;
  }): Promise<Monitor> {
    const { enter, kind, device } = options;
    // The tools print local time.
    const process = new Process([...enter, ...tools[kind]], { TZ: "UTC" });
    const monitor = new Monitor(process, `${kind} monitor`);
    const seen = process.out.after(0, 5_000);
    seen.catch(() => undefined);
    let isHeard = false;
    const heard = seen.finally(() => {
      isHeard = true;
    });
    while (!isHeard) {
      for (const mark of marks(kind, device)) await run([...enter, ...mark]);
    }
    await heard;
    void monitor.#read();
    return monitor;
  }

  /** The first notice from the `from`-th on that matches, now or later. */
  async until(
    pattern: RegExp,
    options: { readonly withinMs: number; readonly from?: number },
  ): Promise<Notice> {
    const notice = this.notices[await this.lines.find(pattern, options)];
    if (notice === undefined) throw new Error(`${this.lines.name}: a line without a notice`);
    return notice;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Notice> {
    let at = 0;
    for await (const _ of this.lines) {
      const notice = this.notices[at++];
      if (notice !== undefined) yield notice;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process[Symbol.asyncDispose]();
  }

  /**
   * A time stands on a line of its own and holds for the lines that follow; indented lines belong
   * to the one above.
   */
  async #read(): Promise<void> {
    let at = 0;
    for await (const text of this.#process.out) {
      const time = parseTimestamp(text);
      if (time !== undefined) at = time;
      else if (text.trim() !== "" && !/^\s/.test(text)) {
        this.notices.push({ at, text });
        this.lines.push(text);
      }
    }
    this.lines.end("its process ended");
  }
}

/** Harmless changes that the kernel announces and that end as they began. */
function marks(kind: MonitorKind, device: string): string[][] {
  if (kind === "link") {
    return [
      ["ip", "link", "set", "dev", device, "alias", "lab"],
      ["ip", "link", "set", "dev", device, "alias", ""],
    ];
  }
  const entry = ["02:00:00:00:ff:ff", "dev", device];
  return [
    ["bridge", "fdb", "replace", ...entry],
    ["bridge", "fdb", "del", ...entry],
  ];
}

/** `Timestamp: Tue Nov 24 09:01:40 2026 645757 usec` as milliseconds since 1970, or undefined. */
export function parseTimestamp(line: string): number | undefined {
  const match = /^Timestamp: \w+ (\w+ +\d+ [\d:]+ \d+) (\d+) usec$/.exec(line);
  if (match === null) return undefined;
  return Date.parse(`${match[1]} UTC`) + Number(match[2]) / 1000;
}
