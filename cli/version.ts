/** `starling version` */
import type { Command } from "commander";
import { ControlClient } from "../agent/control/client.ts";
import { version } from "../base/version.ts";
import { describe, socketOf, withJson } from "./options.ts";
import { printJson, printLine } from "./terminal.ts";

/** Adds what the command takes and does. */
export function defineVersion(command: Command): void {
  withJson(
    describe(command, {
      text: "Prints the version of this command, and of the agent if it runs.",
      example: "starling version",
    }),
  ).action(async (options: { json?: boolean }) => {
    const agent = await agentVersion(socketOf(command));
    if (options.json) printJson({ command: version, node: process.versions.node, agent });
    else {
      printLine(`starling ${version} (node ${process.versions.node})`);
      if (agent !== undefined) printLine(`agent ${agent}`);
    }
  });
}

function agentVersion(socket: string): Promise<string | undefined> {
  return new ControlClient(socket, { answerMs: 1_000 }).status().then(
    (status) => status.version,
    () => undefined,
  );
}
