/** `starling members` */
import type { Command } from "commander";
import type { MemberView } from "../agent/view.ts";
import { clientOf, describe, withJson } from "./options.ts";
import { tableText } from "./table.ts";
import { printJson, printLine, stateText } from "./terminal.ts";
import { ago } from "./wording.ts";

/** The end of an id tells hosts apart; the start is the same for all. */
const shownOfId = 12;

/** Adds what the command takes and does. */
export function defineMembers(command: Command): void {
  withJson(
    describe(command, {
      text: "Lists the hosts of the cluster: who answers, for how long, and how fast.",
      example: "starling members",
    }),
  ).action(async (options: { json?: boolean }) => {
    const members = await clientOf(command).members();
    if (options.json) printJson(members);
    else printLine(membersText(members));
  });
}

function membersText(members: readonly MemberView[]): string {
  if (members.length === 0) return "not in a cluster yet: starling status says why";
  return tableText(
    ["id", "name", "vtep", "state", "since", "rtt"],
    members.map(({ id, name, isSelf, vtep, state, sinceMs, rttMs }) => [
      id.slice(-shownOfId),
      isSelf ? `${name} (this host)` : name,
      vtep,
      stateText(state),
      ago(sinceMs),
      rttMs === undefined ? "-" : `${rttMs.toFixed(1)}ms`,
    ]),
  );
}
