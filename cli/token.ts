/** `starling token ...` */
import { type Command, InvalidArgumentError } from "commander";
import type { PrintedToken } from "../agent/control/client.ts";
import type { TokenView } from "../agent/view.ts";
import { clientOf, describe, withJson } from "./options.ts";
import { tableText } from "./table.ts";
import { coloured, printJson, printLine } from "./terminal.ts";
import { duration } from "./wording.ts";

type Options = { readonly json?: boolean; readonly uses?: number; readonly expires?: number };

const hourMs = 3_600_000;

/** Adds what the command takes and does. */
export function defineToken(command: Command): void {
  withJson(
    describe(command, {
      text:
        "Prints what to run on hosts that are to join: a token for up to 1,000 hosts within a day. " +
        "Only root on an admin may.",
      example: "ssh host-b sudo $(sudo starling token)",
    }),
  ).action(async (options: Options) => print(await clientOf(command).token(), options));
  defineCreate(command.command("create"));
  defineList(command.command("ls"));
  defineRemove(command.command("rm"));
}

function defineCreate(command: Command): void {
  describe(command, {
    text: "Makes a token and prints what to run on the host that is to join.",
    example: "starling token create --uses 3 --expires 30m",
  });
  command
    .option("--uses <count>", "how many hosts it lets in (1)", parseUses)
    .option("--expires <time>", "until when: 30m, 1h, 7d (1h)", parseExpiry);
  withJson(command).action(async (_: Options) => {
    const { uses = 1, expires = hourMs, ...options } = command.optsWithGlobals<Options>();
    print(await clientOf(command).createToken({ uses, expires }), options);
  });
}

function defineList(command: Command): void {
  describe(command, { text: "Lists the tokens of this host.", example: "starling token ls" });
  withJson(command).action(async () => {
    const tokens = await clientOf(command).tokens();
    if (command.optsWithGlobals<Options>().json) printJson(tokens);
    else printLine(tokensText(tokens));
  });
}

function defineRemove(command: Command): void {
  describe(command, {
    text: "Closes a token for good. Hosts that it let in stay.",
    example: "starling token rm 4f2a",
  });
  command.argument("<token>", "its id, or the start of it");
  withJson(command).action(async (ref: string) => {
    const removed = await clientOf(command).removeToken(ref);
    if (command.optsWithGlobals<Options>().json) printJson(removed);
    else printLine(`token ${removed.id} removed`);
  });
}

function print(token: PrintedToken, { json }: Options): void {
  if (json) printJson(token);
  else printLine(token.command);
}

function tokensText(tokens: readonly TokenView[]): string {
  if (tokens.length === 0) return "no tokens: starling token create makes one";
  return tableText(
    ["id", "state", "used", "expires"],
    tokens.map(({ id, state, uses, used, expiresInMs }) => [
      id,
      coloured(state, state === "open" ? "good" : "faint"),
      `${used} of ${uses}`,
      expiresInMs > 0 ? `in ${duration(expiresInMs)}` : `${duration(-expiresInMs)} ago`,
    ]),
  );
}

function parseUses(text: string): number {
  if (/^[1-9][0-9]{0,3}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("A number of hosts, from 1 on.");
}

function parseExpiry(text: string): number {
  const [, digits, unit = "m"] = /^([1-9][0-9]{0,5})(s|m|h|d)$/.exec(text) ?? [];
  const ms = Number(digits) * ({ s: 1_000, m: 60_000, h: hourMs, d: 24 * hourMs }[unit] ?? 0);
  if (ms <= 365 * 24 * hourMs) return ms;
  throw new InvalidArgumentError("A time looks like 30m, 1h or 7d, and is a year at most.");
}
