/** The signals that we get, held back for whoever they are meant for. */
import { readFileSync } from "node:fs";
import { constants } from "node:os";

const caught = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"] as const;

/** Those that ask to end. */
const ending: readonly NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"];

/** From its making until disposed no signal ends this process. */
export class HeldSignals implements Disposable {
  /** The first that asked us to end, if one has. */
  ended: NodeJS.Signals | undefined;
  #target: ((signal: NodeJS.Signals) => void) | undefined;
  readonly #take = (signal: NodeJS.Signals) => {
    if (ending.includes(signal)) this.ended ??= signal;
    // The terminal has told every process of its foreground: twice would be once too often.
    const isTold = (signal === "SIGINT" || signal === "SIGQUIT") && isInForeground();
    if (!isTold) this.#target?.(signal);
  };

  constructor() {
    for (const signal of caught) process.on(signal, this.#take);
  }

  /** From now on they are passed on. */
  passTo(target: (signal: NodeJS.Signals) => void): void {
    this.#target = target;
  }

  [Symbol.dispose](): void {
    for (const signal of caught) process.off(signal, this.#take);
  }
}

/** What a shell says of a process that a signal has ended. */
export function exitCodeOf(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal];
}

/** Whether the terminal's keys go to our process group: proc_pid_stat(5), fields 5, 7 and 8. */
function isInForeground(): boolean {
  const stat = readFileSync("/proc/self/stat", "utf8");
  // The second field is a name in brackets, with any characters in it.
  const [, , group, , terminal, foreground] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return terminal !== "0" && group === foreground;
}
