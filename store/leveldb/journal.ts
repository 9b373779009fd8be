/**
 * The journal on LevelDB. What it guards against was measured (research note): LevelDB serves
 * altered bytes, opens without rows it has lost, and after a failed write acknowledges writes that
 * are then gone. The data directory:
 *
 *   store/            LevelDB (database.ts), its rows checked one by one (row.ts)
 *   store.seal-a, -b  what must be in it (seal.ts); without them nothing was ever stored here
 *   store.damaged-n   folders that were not what they should be (recovery.ts)
 *   lock              whose directory it is (lock.ts)
 */
import { mkdir } from "node:fs/promises";
import { describeError, MeshError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import type { Journal, JournalOp, JournalRow, JournalTable } from "../journal.ts";
import type { Database, Write } from "./database.ts";
import { type Damage, examine } from "./examine.ts";
import { lockFolder } from "./lock.ts";
import { damageNote, type Recovered, type Rows, recover, refuseNewer } from "./recovery.ts";
import { retally, storedRow, type Tally } from "./row.ts";
import { readSeals, type Seal, type SealFiles } from "./seal.ts";
import { type Upgrade, upgrades } from "./upgrade.ts";

/** The journal, and what came of its disk. */
export type OpenedJournal = Journal &
  AsyncDisposable & {
    /** What was lost; undefined where nothing was. The caller starts a new epoch. */
    readonly damage: Damage | undefined;
  };

/** Changes per batch: LevelDB copies a batch in one go, and who waits for it waits for all. */
const groupOps = 8_192;

/** Throws a MeshError: DATA_DIR_UNUSABLE, DATA_DIR_LOCKED. */
export function openJournal(options: {
  readonly directory: string;
  readonly log: Log;
}): Promise<OpenedJournal> {
  return openUpgraded({ ...options, steps: upgrades });
}

/** The same in the format that these upgrades lead to. */
export async function openUpgraded(options: {
  readonly directory: string;
  readonly log: Log;
  readonly steps: readonly Upgrade[];
}): Promise<OpenedJournal> {
  const { directory, log, steps } = options;
  await using stack = new AsyncDisposableStack();
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await refuseNewer(directory, steps);
    stack.use(await lockFolder(directory));
    const recovered = await recover(directory, steps);
    const { damage } = recovered;
    if (damage !== undefined)
      log.error("store was damaged", { path: damage.movedTo, reason: damage.description });
    return new LevelJournal({ directory, log, recovered, lock: stack.move() });
  } catch (cause) {
    if (cause instanceof MeshError) throw cause;
    const advice = "it must be a folder this user can write to, on a disk with space (--data-dir)";
    throw new MeshError("DATA_DIR_UNUSABLE", `cannot use ${directory}: ${advice}`, { cause });
  }
}

type Batch = {
  readonly ops: readonly JournalOp[];
  readonly isDurable: boolean;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
};

/** What a group changes, what undoes it, and the seal after it. */
type Step = { readonly writes: readonly Write[]; readonly undo: readonly Write[]; seal: Seal };

class LevelJournal implements OpenedJournal {
  readonly damage: Damage | undefined;
  readonly #directory: string;
  readonly #log: Log;
  readonly #lock: AsyncDisposable;
  readonly #seals: SealFiles;
  #database: Database;
  /** Of everything acknowledged. */
  #seal: Seal;
  /** The number that the files beside LevelDB hold. */
  #sealed: number;
  /** As read on opening, until the first append. */
  #rows: Rows | undefined;
  #queue: Batch[] = [];
  #writing: Promise<void> | undefined;
  /** A group failed, and nobody knows whether it is on disk: how to undo it. */
  #undo: readonly Write[] | undefined;
  /** Acknowledged changes are gone: only a restart can go on from there. */
  #lost: MeshError | undefined;
  /** A failure that its callers are about to hear of. */
  #untold: MeshError | undefined;
  /** The damage is kept in mind on disk. */
  #isNoted: boolean;
  #isClosed = false;

  constructor(options: {
    readonly directory: string;
    readonly log: Log;
    readonly recovered: Recovered;
    readonly lock: AsyncDisposable;
  }) {
    const { damage, database, rows, seal, seals } = options.recovered;
    this.#directory = options.directory;
    this.#log = options.log;
    this.#lock = options.lock;
    this.damage = damage;
    this.#database = database;
    this.#rows = rows;
    this.#seals = seals;
    this.#seal = seal;
    this.#sealed = seal.sequence;
    this.#isNoted = damage !== undefined;
  }

  async *load(table: JournalTable): AsyncGenerator<JournalRow, void, void> {
    yield* this.#rows?.get(table) ?? (await this.#database.read(table)).rows;
  }

  append(ops: readonly JournalOp[], { isDurable }: { readonly isDurable: boolean }): Promise<void> {
    if (this.#isClosed)
      return Promise.reject(new MeshError("SHUTTING_DOWN", "the journal is closed"));
    if (this.#untold !== undefined) return Promise.reject(this.#untold);
    this.#rows = undefined;
    return new Promise((done, failed) => {
      this.#queue.push({ ops, isDurable, done, failed });
      this.#writing ??= this.#drain();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await using stack = new AsyncDisposableStack();
    stack.use(this.#lock);
    stack.use(this.#seals);
    stack.defer(() => this.#database.close());
    await this.#writing;
    const isSealed = this.#seal.sequence === this.#sealed;
    if (isSealed || this.#undo !== undefined || this.#lost !== undefined) return;
    const seal = this.#next(this.#seal.tables);
    await this.#write({ writes: [], undo: [], seal }, true).catch((error: unknown) => {
      this.#log.warn("store could not be sealed", { reason: describeError(error) });
    });
  }

  /** What comes in one turn of the loop shares a batch; what comes during it shares the next. */
  async #drain(): Promise<void> {
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const group = this.#takeGroup();
      try {
        if (this.#lost !== undefined) throw this.#lost;
        if (this.#undo !== undefined) await this.#reopen(this.#undo);
        await this.#commit(group);
        for (const { done } of group) done();
      } catch (cause) {
        this.#refuse(group, cause);
      }
    }
    this.#writing = undefined;
  }

  /** Refuses these and all that wait behind them: they may build on what failed. */
  #refuse(group: readonly Batch[], cause: unknown): void {
    const what = `cannot write to the store in ${this.#directory}`;
    const error = this.#lost ?? new MeshError("DATA_DIR_UNUSABLE", what, { cause });
    this.#log.error("append failed", { path: this.#directory, reason: describeError(cause) });
    // What is appended before the callers hear of it may build on it too. Their turn comes after
    // the microtasks that are waiting now.
    this.#untold = error;
    queueMicrotask(() => {
      this.#untold = undefined;
    });
    for (const { failed } of [...group, ...this.#queue.splice(0)]) failed(error);
  }

  #takeGroup(): Batch[] {
    let count = 0;
    let ops = 0;
    for (const batch of this.#queue) {
      ops += batch.ops.length;
      if (count > 0 && ops > groupOps) break;
      count += 1;
    }
    return this.#queue.splice(0, count);
  }

  async #commit(group: readonly Batch[]): Promise<void> {
    const isDurable = group.some((batch) => batch.isDurable);
    const step = await this.#stepOf(group.flatMap(({ ops }) => ops));
    const isSettling = isDurable && this.#isNoted;
    const { writes, undo, seal } = step;
    await this.#write(
      isSettling
        ? {
            writes: [...writes, damageNote(undefined)],
            undo: [...undo, damageNote(this.damage)],
            seal,
          }
        : step,
      isDurable,
    );
    if (isSettling) this.#isNoted = false;
  }

  /** Once the first byte may be on disk, only success or an undoing makes the state known again. */
  async #write({ writes, undo, seal }: Step, isDurable: boolean): Promise<void> {
    this.#undo = undo;
    await this.#database.write(writes, { seal, isDurable });
    if (isDurable) {
      await this.#seals.write(seal);
      this.#sealed = seal.sequence;
    }
    this.#seal = seal;
    this.#undo = undefined;
  }

  async #stepOf(ops: readonly JournalOp[]): Promise<Step> {
    const [writes, undo]: [Write[], Write[]] = [[], []];
    const tallied = async (table: JournalTable): Promise<Tally> => {
      // Of several changes of a key in one group, the last is what remains.
      const last = new Map(ops.filter((op) => op.table === table).map((op) => [op.key, op.value]));
      const keys = [...last.keys()];
      const before = keys.length === 0 ? [] : await this.#database.stored(table, keys);
      return keys.reduce((tally, key, at) => {
        const value = last.get(key);
        const stored = value === undefined ? undefined : storedRow(table, key, value);
        writes.push({ table, key, stored });
        undo.push({ table, key, stored: before[at] });
        return retally(tally, before[at], stored);
      }, this.#seal.tables[table]);
    };
    const tables = { origins: await tallied("origins"), local: await tallied("local") };
    return { writes, undo, seal: this.#next(tables) };
  }

  #next(tables: Seal["tables"]): Seal {
    return { ...this.#seal, sequence: this.#seal.sequence + 1, tables };
  }

  /**
   * After a failed write LevelDB acknowledges writes that it then loses; a fresh handle does not.
   * What was acknowledged must be there, and the failed group, if it is there, is undone: a caller
   * who was told of a failure may write something else in its place.
   */
  async #reopen(undo: readonly Write[]): Promise<void> {
    await this.#database.close();
    const found = await examine(this.#directory, await readSeals(this.#directory));
    const { database, isUsable, faults, truth } = found;
    if (database !== undefined) this.#database = database;
    if (
      truth === undefined ||
      !isUsable ||
      faults.length > 0 ||
      truth.sequence < this.#seal.sequence
    ) {
      const what = `changes that were acknowledged are missing in ${this.#directory}`;
      this.#lost = new MeshError(
        "STORE_DAMAGED",
        `${what} (${faults.join("; ")}); restart the agent`,
      );
      throw this.#lost;
    }
    this.#seal = { ...this.#seal, sequence: truth.sequence };
    await this.#write({ writes: undo, undo, seal: this.#next(this.#seal.tables) }, true);
    this.#log.warn("store reopened after a failed write", { path: this.#directory });
  }
}
