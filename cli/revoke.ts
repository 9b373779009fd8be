/** `starling revoke` */
import type { Command } from "commander";
import type { RevocationView } from "../agent/view.ts";
import { clientOf, describe, required, withJson } from "./options.ts";
import { tableText } from "./table.ts";
import { printable, printJson, printLine } from "./terminal.ts";

type Options = { readonly json?: boolean; readonly force?: boolean; readonly list?: boolean };

/** The end of an id tells hosts apart; the start is the same for all. */
const shownOfId = 12;

/** Adds what the command takes and does. */
export function defineRevoke(command: Command): void {
  describe(command, {
    text:
      "Bans a host's key everywhere and for ever: its links are cut, its endpoints leave every map " +
      "and kernel. This cannot be undone; the machine can join again as another host.",
    example: "starling revoke host-b",
  });
  command
    .argument("[host]", "its name, its id, or the end of its id")
    .option("--force", "be it this host itself, or the only admin")
    .option("--list", "list what was revoked");
  withJson(command).action(async (ref: string | undefined, options: Options) => {
    const client = clientOf(command);
    if (options.list) {
      const all = await client.revocations();
      if (options.json) printJson(all);
      else printLine(revocationsText(all));
      return;
    }
    const host = required(command, "<host>", ref);
    const done = await client.revoke({ host, force: options.force === true });
    if (options.json) printJson(done);
    else printLine(`${printable(done.host.name)} ${done.isNew ? "is" : "was already"} revoked`);
  });
}

function revocationsText(all: readonly RevocationView[]): string {
  if (all.length === 0) return "nothing was revoked";
  return tableText(
    ["id", "name", "what", "by"],
    all.map(({ scope, host, by }) => [
      host.id.slice(-shownOfId),
      printable(host.name),
      scope === "host" ? "its key, for ever" : "its being an admin",
      printable(by?.name ?? "the root key"),
    ]),
  );
}
