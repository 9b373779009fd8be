/**
 * What happened in a run, twice: as a number that two equal runs share, always; and as text, only
 * where somebody will read it.
 */

/** What is longer is cut. */
const lineLength = 180;

/** One line of a readable trace. */
export type TraceLine = { readonly at: number; readonly host: string; readonly text: string };

export class Trace {
  readonly #isKept: boolean;
  readonly #lines: TraceLine[] = [];
  #hash = 0x811c9dc5;

  constructor(options: { readonly isKept: boolean }) {
    this.#isKept = options.isKept;
  }

  /** Eight digits that stand for everything noted so far. */
  get hash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, "0");
  }

  get lines(): readonly TraceLine[] {
    return this.#lines;
  }

  /** The numbers go into the hash; the text is made only where it is kept. */
  note(at: number, host: number, size: number, text: () => string | undefined): void {
    let hash = this.#hash;
    hash = Math.imul(hash ^ Math.round(at * 1000), 0x01000193);
    hash = Math.imul(hash ^ (host + 1), 0x85ebca6b);
    hash = Math.imul(hash ^ size, 0xc2b2ae35);
    this.#hash = hash ^ (hash >>> 13);
    if (!this.#isKept) return;
    const line = text();
    if (line !== undefined)
      this.#lines.push({
        at,
        host: host === 0 ? "-" : `host-${host}`,
        text: line.slice(0, lineLength),
      });
  }

  /**
   * The last lines that have to do with what went wrong: faults, and whatever names the same hosts
   * and ids as the complaint.
   */
  relevant(complaint: string, most: number): string[] {
    const names = new Set(complaint.match(/host-\d+|[0-9a-f]{16}|\d+\.\d+\.\d+\.\d+/g) ?? []);
    const isRelevant = ({ host, text }: TraceLine) =>
      host === "-" || names.has(host) || [...names].some((name) => text.includes(name));
    const chosen = names.size === 0 ? this.#lines : this.#lines.filter(isRelevant);
    return chosen.slice(-most).map(({ at, host, text }) => {
      return `${(at / 1000).toFixed(4).padStart(10)} s  ${host.padEnd(8)} ${text}`;
    });
  }
}
