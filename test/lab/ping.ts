import { attempt, Process } from "./process.ts";

export type PingReport = {
  readonly sent: number;
  readonly received: number;
  /** Median round trip of the answers, in milliseconds; undefined where there was none. */
  readonly rttMs: number | undefined;
};

export type PingOptions = { readonly count?: number; readonly intervalMs?: number };

/** A ping that runs beside the test, so that a gap in the traffic shows whenever it falls. */
export class Ping implements AsyncDisposable {
  readonly #process: Process;

  constructor(enter: readonly string[], address: string, intervalMs: number) {
    this.#process = new Process([...enter, "ping", "-i", `${intervalMs / 1000}`, address]);
  }

  /** Sends a fixed count and waits at most a second for the last answer. */
  static async run(
    enter: readonly string[],
    address: string,
    { count = 3, intervalMs = 10 }: PingOptions = {},
  ): Promise<PingReport> {
    const flags = ["-c", `${count}`, "-i", `${intervalMs / 1000}`, "-W", "1"];
    return parseReport((await attempt([...enter, "ping", ...flags, address])).stdout);
  }

  /** Resolves when `count` more answers have come. */
  async answered(count: number, withinMs = 5_000): Promise<void> {
    await this.#process.out.after(this.#process.out.count + count - 1, withinMs);
  }

  /** Ends it and says what came back. */
  async stop(): Promise<PingReport> {
    await this.#process.stop("SIGINT");
    return parseReport(this.#process.out.all.join("\n"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process[Symbol.asyncDispose]();
  }
}

/**
 * Reads what ping printed. A last question without an answer may still be under way, so it is not
 * counted.
 */
export function parseReport(text: string): PingReport {
  const counts = /(\d+) packets transmitted, (\d+) received/.exec(text);
  if (counts === null) throw new Error(`no ping report: ${text}`);
  const [sent, received] = [Number(counts[1]), Number(counts[2])];
  const answers = [...text.matchAll(/icmp_seq=(\d+) ttl=\d+ time=([\d.]+) ms/g)];
  const last = Math.max(0, ...answers.map((answer) => Number(answer[1])));
  const times = answers.map((answer) => Number(answer[2])).sort((a, b) => a - b);
  return {
    sent: sent === last + 1 && received > 0 ? last : sent,
    received,
    rttMs: times[Math.floor(times.length / 2)],
  };
}
