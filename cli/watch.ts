/** `starling watch` */
import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import type { ControlClient } from "../agent/control/client.ts";
import type { WatchEvent } from "../agent/view.ts";
import { MeshError } from "../base/errors.ts";
import { clientOf, describe, withJson } from "./options.ts";
import { coloured, printable, printError, printJson, printLine, stateText } from "./terminal.ts";

/** Between two looks for an agent that has gone. */
const retryMs = 250;

/** Adds what the command takes and does. */
export function defineWatch(command: Command): void {
  withJson(
    describe(command, {
      text: "Prints every change as it comes, until interrupted; waits for an agent that restarts.",
      example: "starling watch --json | jq .kind",
    }),
  ).action(async (options: { json?: boolean }) => {
    const show = (event: WatchEvent) => {
      if (options.json) printJson(event);
      else printLine(`${coloured(timeOfDay(new Date()), "faint")}  ${eventText(event)}`);
    };
    await watchForEver(clientOf(command), show);
  });
}

/** Throws where there is no agent to begin with. */
async function watchForEver(
  client: ControlClient,
  show: (event: WatchEvent) => void,
): Promise<never> {
  let isFirst = true;
  for (;;) {
    try {
      for await (const event of client.watch()) {
        if (event !== undefined) show(event);
        else if (!isFirst) printError("the agent is back; what changed meanwhile is not shown");
      }
      isFirst = false;
      printError("the agent has ended; waiting for it to come back");
    } catch (error) {
      if (isFirst || !isAway(error)) throw error;
      await sleep(retryMs);
    }
  }
}

function isAway(error: unknown): boolean {
  return error instanceof MeshError && error.code === "AGENT_UNREACHABLE";
}

function timeOfDay(now: Date): string {
  return now.toTimeString().slice(0, "12:34:56".length);
}

function eventText(event: WatchEvent): string {
  switch (event.kind) {
    case "member":
      return `host ${printable(event.member.name)} is ${stateText(event.member.state)}`;
    case "network":
      return `network ${printable(event.network.name)} ${event.change}`;
    case "endpoint": {
      const { name, id, network, host, addresses } = event.endpoint;
      const where = `${addresses.join(", ")} in ${network.name} on ${host.name}`;
      return printable(`endpoint ${name ?? id} ${event.change}: ${where}`);
    }
    case "kernel":
      return `kernel put right: ${event.repairs} repairs so far`;
  }
}
