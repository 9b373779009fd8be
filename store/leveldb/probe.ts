/**
 * Whether LevelDB survives reading its own folder. On some damage (a page of zeros in a table) it
 * ends the whole process by an assertion, which nothing can catch; an agent that died of it would
 * die of it at every start. So each opening leaves a mark while it lasts, and where one finds the
 * mark of an earlier one, a child process goes first.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { rm, writeFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { exists } from "./exists.ts";

const markName = "store.opening";

/** Leaves the mark; disposing takes it away. */
export async function markOpening(directory: string): Promise<AsyncDisposable> {
  const mark = join(directory, markName);
  await writeFile(mark, "");
  return { [Symbol.asyncDispose]: () => rm(mark, { force: true }) };
}

/** Why the folder must not be opened here, or undefined where it can be. */
export async function deadlyFault(directory: string): Promise<string | undefined> {
  if (!(await exists(join(directory, markName)))) return undefined;
  const script = join(import.meta.dirname, `probing${extname(import.meta.filename)}`);
  const child = fork(script, [directory], { stdio: "ignore", execArgv: [] });
  const [, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
  return signal === null ? undefined : `LevelDB dies of reading it (${signal})`;
}
