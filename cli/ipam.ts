/** `starling ipam` */
import type { Command } from "commander";
import type { RangeView, ShareView, SubnetView } from "../agent/view.ts";
import { clientOf, describe, withJson } from "./options.ts";
import { tableText } from "./table.ts";
import { coloured, printable, printJson, printLine } from "./terminal.ts";

/** More ranges than this are counted: a host that was asked often has hundreds. */
const rangesShown = 4;

/** Adds what the command takes and does. */
export function defineIpam(command: Command): void {
  describe(command, {
    text: "Shows who has which addresses: of each network, each host's ranges and what is free in them.",
    example: "starling ipam web",
  });
  command.argument("[network]", "its name, its id, or the start of its id");
  withJson(command).action(async (network: string | undefined, options: { json?: boolean }) => {
    const subnets = await clientOf(command).ipam(network);
    if (options.json) printJson(subnets);
    else printLine(subnetsText(subnets));
  });
}

function subnetsText(subnets: readonly SubnetView[]): string {
  if (subnets.length === 0) {
    return "no networks yet: starling network create web --subnet 10.32.0.0/16";
  }
  const rows = subnets.flatMap((subnet) => subnet.shares.map((share) => rowOf(subnet, share)));
  const head = ["network", "subnet", "host", "state", "size", "used", "resting", "free", "ranges"];
  return [tableText(head, rows), ...subnets.flatMap(noteOf)].join("\n");
}

function rowOf({ network, subnet }: SubnetView, share: ShareView): string[] {
  const { host, ranges, size, used, resting, free } = share;
  return [
    network.name,
    subnet,
    host.name,
    stateOf(ranges),
    amount(size),
    amount(used),
    amount(resting),
    amount(free),
    rangesText(ranges),
  ];
}

/** The state of most of a host's ranges is that of all, but for some that are held back. */
function stateOf(ranges: readonly RangeView[]): string {
  const states = new Set(ranges.map(({ state }) => state));
  const words = [...states].toSorted().reverse().join(", ");
  return coloured(words, states.has("unreachable") || states.has("frozen") ? "doubtful" : "good");
}

function rangesText(ranges: readonly RangeView[]): string {
  const shown = ranges.slice(0, rangesShown).map(({ block }) => block as string);
  const rest = ranges.length - shown.length;
  return rest > 0 ? `${shown.join(" ")} and ${rest} more` : shown.join(" ");
}

/** What of the free space nobody here can have. */
function noteOf({ network, subnet, free, frozen, unreachable }: SubnetView): string[] {
  const name = `${printable(network.name)} ${subnet}`;
  const notes = [
    frozen > 0 ? `${amount(frozen)} frozen` : "",
    unreachable > 0 ? `${amount(unreachable)} of hosts that do not answer` : "",
  ].filter(Boolean);
  if (notes.length === 0) return [];
  return [coloured(`(!) ${name}: of ${amount(free)} free, ${notes.join(", ")}`, "doubtful")];
}

/** A count, or of an IPv6 network its order: 2^63. */
function amount(count: number): string {
  return count < 2 ** 32 ? String(count) : `2^${Math.log2(count).toFixed(1).replace(/\.0$/, "")}`;
}
