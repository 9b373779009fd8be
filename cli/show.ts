/** Commands that only look: status, members, token, watch. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import type { ControlClient } from "../agent/control/client.ts";
import type { StatusView, WatchEvent } from "../agent/view.ts";
import { MeshError } from "../base/errors.ts";
import { clientOf, withJson } from "./options.ts";
import { duration, printError, printJson, printLine, printTable, stateText } from "./output.ts";

export function defineStatus(command: Command): void {
  withJson(command).action(async (options: { json?: boolean }) => {
    const status = await clientOf(command).status();
    if (options.json) printJson(status);
    else printStatus(status);
  });
}

export function defineMembers(command: Command): void {
  withJson(command).action(async (options: { json?: boolean }) => {
    const members = await clientOf(command).members();
    if (options.json) {
      printJson(members);
      return;
    }
    printTable(
      ["id", "name", "address", "vtep", "state", "since", "rtt"],
      members.map((member) => [
        member.id.slice(-12),
        member.isSelf ? `${member.name} (this host)` : member.name,
        member.address,
        member.vtep,
        stateText(member.state),
        `${duration(member.sinceMs)} ago`,
        member.rttMs === undefined ? "-" : `${member.rttMs.toFixed(1)}ms`,
      ]),
    );
  });
}

export function defineToken(command: Command): void {
  withJson(command).action(async (options: { json?: boolean }) => {
    const token = await clientOf(command).token();
    if (options.json) printJson(token);
    else printLine(token.command);
  });
}

const retryMs = 1_000;

export function defineWatch(command: Command): void {
  withJson(command).action(async (options: { json?: boolean }) => {
    const client = clientOf(command);
    const show = (event: WatchEvent) => {
      if (options.json) printJson(event);
      else printLine(describeEvent(event));
    };
    await follow(client, show, () => undefined);
    for (;;) {
      printError("the agent has gone; waiting for it");
      while (!(await isThere(client))) await sleep(retryMs);
      await follow(client, show, () => printError("the agent is back"));
    }
  });
}

/** Shows events until the agent goes. Throws where it cannot be reached at all. */
async function follow(
  client: ControlClient,
  show: (event: WatchEvent) => void,
  began: () => void,
): Promise<void> {
  try {
    for await (const event of client.watch()) {
      if (event === undefined) began();
      else show(event);
    }
  } catch (error) {
    // A connection cut in the middle is an agent that has gone.
    if (error instanceof MeshError) throw error;
  }
}

function isThere(client: ControlClient): Promise<boolean> {
  return client.status().then(
    () => true,
    () => false,
  );
}

function printStatus(status: StatusView): void {
  const { host, underlay, members, endpoints, store, kernel } = status;
  const kernelState = kernel.isInSync ? "in sync" : "pending";
  const rows: readonly (readonly [string, string])[] = [
    ["host", `${host.name} (${host.id})`],
    ["cluster", status.cluster?.slice(0, 16) ?? "none"],
    [
      "state",
      `${stateText(status.state)}, up ${duration(status.uptimeMs)}, version ${status.version}`,
    ],
    ["agent", `${host.address}`],
    ["underlay", `${underlay.device}, VTEP ${underlay.vtep}, MTU ${underlay.mtu}`],
    [
      "members",
      `${members.alive} alive, ${members.suspect} suspect, ${members.unreachable} unreachable`,
    ],
    ["networks", String(status.networks)],
    ["endpoints", `${endpoints.local} here, ${endpoints.total} in all`],
    [
      "store",
      `epoch ${store.epoch}, seq ${store.seq}, ${store.records} records of ${store.origins} hosts, root ${store.root.slice(0, 12)}`,
    ],
    ["kernel", `${stateText(kernelState)}, ${kernel.repairs} repairs`],
  ];
  for (const [name, text] of rows) printLine(`${name.padEnd(10)} ${text}`);
  const joining = status.joining === undefined ? [] : [`joining: ${status.joining}`];
  for (const text of [...joining, ...status.warnings, ...kernel.failures, ...kernel.conflicts]) {
    printLine(`${"warning".padEnd(10)} ${text}`);
  }
}

function describeEvent(event: WatchEvent): string {
  switch (event.kind) {
    case "member":
      return `host ${event.member.name} is ${event.member.state}`;
    case "network":
      return `network ${event.network.name} ${event.change}`;
    case "endpoint": {
      const { name, id, network, host, addresses } = event.endpoint;
      return `endpoint ${name ?? id} ${event.change}: ${addresses.join(", ")} in ${network.name} on ${host.name}`;
    }
    case "kernel":
      return `kernel repaired, ${event.repairs} changes so far`;
  }
}
