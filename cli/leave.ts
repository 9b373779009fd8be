/** `starling leave` */
import type { Command } from "commander";
import { clientOf, describe, waitOf, withJson, withWait } from "./options.ts";
import { printError, printJson, printLine } from "./terminal.ts";

type Options = { readonly json?: boolean; readonly force?: boolean; readonly wait?: number };

/** Adds what the command takes and does. */
export function defineLeave(command: Command): void {
  describe(command, {
    text:
      "Takes this host out of the cluster: withdraws its endpoints, hands its addresses to the others, " +
      "and ends its agent. Interrupted, it goes on when the agent starts again.",
    example: "starling leave && systemctl disable starling",
  });
  command.option("--force", "also the only admin, after which nobody can join");
  withJson(withWait(command)).action(async (options: Options) => {
    const answer = await clientOf(command).leave({
      force: options.force === true,
      ...waitOf(options),
    });
    if (options.json) printJson(answer);
    else if (answer.obstacle === undefined) {
      printLine("this host has left the cluster; started again, its agent joins again");
    }
    if (answer.obstacle === undefined) return;
    printError(`still leaving: ${answer.obstacle}`);
    process.exitCode = 1;
  });
}
