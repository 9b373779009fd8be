/** `starling admin ...` */
import type { Command } from "commander";
import type { AdminView } from "../agent/view.ts";
import { clientOf, describe, withJson } from "./options.ts";
import { tableText } from "./table.ts";
import { printable, printJson, printLine } from "./terminal.ts";

type Options = { readonly json?: boolean; readonly force?: boolean };

/** The end of an id tells hosts apart; the start is the same for all. */
const shownOfId = 12;

/** Adds what the command takes and does. */
export function defineAdmin(command: Command): void {
  defineAdd(command.command("add"));
  defineRemove(command.command("rm"));
  defineList(command.command("ls"));
}

function defineAdd(command: Command): void {
  describe(command, {
    text: "Makes a member an admin: it may let hosts in and revoke them. Only root on an admin may.",
    example: "starling admin add host-b",
  });
  command.argument("<host>", "its name, its id, or the end of its id");
  withJson(command).action(async (ref: string, options: Options) => {
    const done = await clientOf(command).addAdmin(ref);
    if (options.json) printJson(done);
    else printLine(`${printable(done.host.name)} is ${done.isNew ? "now" : "already"} an admin`);
  });
}

function defineRemove(command: Command): void {
  describe(command, {
    text: "Makes an admin a mere member again. Hosts that it let in, as far as known here, stay.",
    example: "starling admin rm host-b",
  });
  command
    .argument("<host>", "its name, its id, or the end of its id")
    .option("--force", "be it the only admin");
  withJson(command).action(async (ref: string, options: Options) => {
    const done = await clientOf(command).removeAdmin(ref, { force: options.force === true });
    if (options.json) printJson(done);
    else
      printLine(
        `${printable(done.host.name)} ${done.isNew ? "is no admin any more" : "was no admin"}`,
      );
  });
}

function defineList(command: Command): void {
  describe(command, { text: "Lists the admins of the cluster.", example: "starling admin ls" });
  withJson(command).action(async (options: Options) => {
    const admins = await clientOf(command).admins();
    if (options.json) printJson(admins);
    else printLine(adminsText(admins));
  });
}

function adminsText(admins: readonly AdminView[]): string {
  if (admins.length === 0) return "no admin is known here: nobody can join";
  return tableText(
    ["id", "name", "appointed by"],
    admins.map(({ id, name, isSelf, through, holdsRoot }) => [
      id.slice(-shownOfId),
      `${printable(name)}${isSelf ? " (this host)" : ""}${holdsRoot ? ", holds the root key" : ""}`,
      printable(through.at(-1)?.name ?? "the root key"),
    ]),
  );
}
