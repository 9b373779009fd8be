/** `starling status` */
import type { Command } from "commander";
import type { StatusView } from "../agent/view.ts";
import { clientOf, describe, withJson } from "./options.ts";
import { listText } from "./table.ts";
import { coloured, printable, printJson, printLine, stateText } from "./terminal.ts";
import { duration } from "./wording.ts";

/** Adds what the command takes and does. */
export function defineStatus(command: Command): void {
  withJson(
    describe(command, {
      text: "Shows what the agent of this host says about itself, with warnings to read.",
      example: "starling status",
    }),
  ).action(async (options: { json?: boolean }) => {
    const status = await clientOf(command).status();
    if (options.json) printJson(status);
    else printLine(statusText(status));
  });
}

function statusText(status: StatusView): string {
  const { host, underlay, members, endpoints, store, kernel } = status;
  const run = `up ${duration(status.uptimeMs)}, version ${status.version}`;
  const rows: readonly (readonly [string, string])[] = [
    ["host", `${host.name} (${host.id})`],
    ["state", `${stateText(status.state)}, ${run}`],
    ["cluster", status.cluster?.slice(0, 16) ?? "none yet"],
    ["agent", host.address],
    ["underlay", `${underlay.device}, VTEP ${underlay.vtep}, MTU ${underlay.mtu}`],
    ["members", membersText(members)],
    ["networks", String(status.networks)],
    ["endpoints", `${endpoints.local} here, ${endpoints.total} in all`],
    ["map", `${store.records} records of ${store.origins} hosts, root ${store.root.slice(0, 12)}`],
    ["own", `epoch ${store.epoch}, seq ${store.seq}`],
    ["kernel", `${stateText(kernel.isInSync ? "in sync" : "pending")}, ${kernel.repairs} repairs`],
    ["names", namesText(status.dns)],
    ...warningsOf(status).map((text) => ["warning", text] as const),
  ];
  return listText(rows);
}

function namesText({ isOn, serving, upstreams, ...counts }: StatusView["dns"]): string {
  if (!isOn) return "off";
  const where = serving.length === 0 ? "no network here" : `at ${serving.join(", ")}`;
  const others = upstreams.length === 0 ? "nobody" : upstreams.join(", ");
  const { answered, forwarded, refused } = counts;
  return `${where}; ${answered} answered, ${forwarded} asked of ${others}, ${refused} refused`;
}

function membersText({ alive, suspect, unreachable }: StatusView["members"]): string {
  const lost = `${unreachable} unreachable`;
  return `${alive} alive, ${suspect} suspect, ${unreachable > 0 ? coloured(lost, "bad") : lost}`;
}

function warningsOf({ joining, warnings, kernel }: StatusView): string[] {
  const { failures, conflicts } = kernel;
  const all = [...warnings, ...failures, ...conflicts];
  if (joining !== undefined) all.unshift(`joining: ${joining}`);
  return all.map((text) => coloured(printable(text), "doubtful"));
}
