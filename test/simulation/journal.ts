/** The journal of a simulated machine: its disk decides what a crash leaves. */
import { MeshError } from "../../base/errors.ts";
import type { Journal, JournalOp, JournalRow, JournalTable } from "../../store/journal.ts";
import type { Disk } from "./disk.ts";

type Waiting = {
  readonly ops: readonly JournalOp[];
  readonly isDurable: boolean;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
};

export class SimulatedJournal implements Journal, AsyncDisposable {
  readonly #disk: Disk;
  readonly #isBroken: () => boolean;
  #queue: Waiting[] = [];
  #writing: Promise<void> | undefined;
  #isClosed = false;

  constructor(options: {
    readonly disk: Disk;
    /** Asked at each write: whether the disk refuses it. */
    readonly isBroken: () => boolean;
  }) {
    this.#disk = options.disk;
    this.#isBroken = options.isBroken;
  }

  async *load(table: JournalTable): AsyncGenerator<JournalRow, void, void> {
    yield* [...this.#disk.rows(table)].toSorted((a, b) =>
      Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)),
    );
  }

  append(ops: readonly JournalOp[], { isDurable }: { readonly isDurable: boolean }): Promise<void> {
    if (this.#isClosed)
      return Promise.reject(new MeshError("SHUTTING_DOWN", "the journal is closed"));
    return new Promise((done, failed) => {
      this.#queue.push({ ops, isDurable, done, failed });
      this.#writing ??= this.#drain();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    await this.#writing;
    this.#disk.append([], true);
  }

  /** A group of writes shares one sync; one that fails takes those with it that wait behind. */
  async #drain(): Promise<void> {
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const group = this.#queue.splice(0);
      if (this.#isBroken()) {
        const error = new MeshError("DATA_DIR_UNUSABLE", "the disk refuses to write");
        for (const { failed } of group) failed(error);
      } else {
        const isDurable = group.some((each) => each.isDurable);
        const ops = group.flatMap((each) => each.ops);
        this.#disk.append(ops, isDurable);
        for (const { done } of group) done();
      }
      await Promise.resolve();
    }
    this.#writing = undefined;
  }
}
