/** Says who has programmed a change, and who has not. */
import type { WaitReport } from "../agent/view.ts";
import { printError, printLine } from "./terminal.ts";
import { hostNames } from "./wording.ts";

/** For people: the hosts whose kernels have it. */
export function printWait(wait: WaitReport | undefined): void {
  if (wait === undefined) return;
  const { programmed, unreachable, ms } = wait;
  if (programmed.length > 0) {
    printLine(`in the kernel of ${hostNames(programmed)} after ${ms} ms`);
  }
  if (unreachable.length > 0) {
    printLine(`not reachable, will have it when they are back: ${hostNames(unreachable)}`);
  }
}

/** Fails the command where a reachable host has not programmed the change in time. */
export function judgeWait(wait: WaitReport | undefined): void {
  if (wait === undefined || wait.missing.length === 0) return;
  const names = hostNames(wait.missing);
  const what = `done, but after ${wait.ms} ms not yet in the kernel of ${names}`;
  printError(`${what}; "starling status" there says why`);
  process.exitCode = 1;
}
