/** `starling token` */
import type { Command } from "commander";
import { clientOf, describe, withJson } from "./options.ts";
import { printJson, printLine } from "./terminal.ts";

/** Adds what the command takes and does. */
export function defineToken(command: Command): void {
  withJson(
    describe(command, {
      text: "Prints what to run on a host that is to join. Only root on the founding host may.",
      example: "ssh host-b sudo $(sudo starling token)",
    }),
  ).action(async (options: { json?: boolean }) => {
    const token = await clientOf(command).token();
    if (options.json) printJson(token);
    else printLine(token.command);
  });
}
