/** Who looks at simulated hosts from outside, and decides what their disks do. */
import type { Effect } from "../../agent/effect.ts";
import type { JournalOp } from "../../store/journal.ts";
import type { SimulatedHost } from "./host.ts";

/** What becomes of a durable write: done; refused; or refused although it reached the disk. */
export type WriteFate = "done" | "refused" | "torn";

/** Who looks at a host from outside: what it does, and what its disk holds. */
export type Watcher = {
  /** An effect is about to be performed. */
  readonly does: (host: SimulatedHost, effect: Effect) => void;
  /**
   * The host takes these rows for written: its own if durable, else what others wrote. What reached
   * the disk without its knowing counts when it starts from there.
   */
  readonly wrote: (host: SimulatedHost, ops: readonly JournalOp[], isDurable: boolean) => void;
  readonly booted: (host: SimulatedHost) => void;
  /** Asked at each durable write. */
  readonly fate: (host: SimulatedHost) => WriteFate;
};

/** Looks at nothing; every write is done. */
export const nobody: Watcher = {
  does: () => undefined,
  wrote: () => undefined,
  booted: () => undefined,
  fate: () => "done",
};
