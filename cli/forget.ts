/** `starling forget <host>` */
import type { Command } from "commander";
import type { ForgottenView } from "../agent/view.ts";
import { clientOf, describe, waitOf, withJson, withWait } from "./options.ts";
import { printable, printJson, printLine } from "./terminal.ts";
import { judgeWait, printWait } from "./wait.ts";
import { hostNames } from "./wording.ts";

type Options = { readonly json?: boolean; readonly force?: boolean; readonly wait?: number };

/** Adds what the command takes and does. */
export function defineForget(command: Command): void {
  describe(command, {
    text:
      "Forgets a host that is gone for good: its endpoints leave the map at once, its addresses pass " +
      "to the others once every one of them has acknowledged it. Asked again, it says how far that is.",
    example: "starling forget host-c --wait",
  });
  command
    .argument("<host>", "its name, its id, or the end of its id")
    .option("--force", "also while it answers: that cuts it off");
  withJson(withWait(command)).action(async (ref: string, options: Options) => {
    const force = options.force === true;
    const answer = await clientOf(command).forgetHost(ref, { force, ...waitOf(options) });
    if (options.json) printJson(answer);
    else {
      printLine(forgottenText(answer.forgotten));
      printWait(answer.wait);
    }
    judgeWait(answer.wait);
  });
}

function forgottenText({ host, endpoints, ...view }: ForgottenView): string {
  const name = printable(host.name);
  const { addresses, waitingFor, settledBy } = view;
  const ends = endpoints === 1 ? "its endpoint has" : `its ${endpoints} endpoints have`;
  const first = `host ${name} is forgotten; ${ends} left the map`;
  const words =
    addresses === "released"
      ? `its addresses have passed to others, settled by ${printable(settledBy?.name ?? "")}`
      : settledBy === undefined
        ? "its addresses are frozen, and whoever forgot it is gone: forget it again"
        : waitingFor.length === 0
          ? "its addresses pass to others now"
          : `its addresses are frozen until these hosts acknowledge it: ${hostNames(waitingFor)}`;
  return [first, words, warning(name)].join("\n");
}

/** The one case that no protocol without power over the host can cover. */
function warning(name: string): string {
  return [
    `Forgetting says that ${name} is off. If it still runs where nobody here can reach it, it and its`,
    "endpoints may go on using addresses that others get now; it stops when it hears of this.",
    `To come back, ${name} has to join as a new host, with an empty data directory.`,
  ].join("\n");
}
