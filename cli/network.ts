/** `starling network ...` */
import type { Command } from "commander";
import type { NetworkView } from "../agent/view.ts";
import { clientOf, collect, describe, required, waitOf, withJson, withWait } from "./options.ts";
import { listText, tableText } from "./table.ts";
import { coloured, printable, printJson, printLine } from "./terminal.ts";
import { judgeWait, printWait } from "./wait.ts";

type Options = {
  readonly subnet?: readonly string[];
  readonly json?: boolean;
  readonly force?: boolean;
  readonly wait?: number;
};

/** Adds what the command takes and does. */
export function defineNetwork(command: Command): void {
  defineCreate(command.command("create"));
  defineList(command.command("ls"));
  defineInspect(command.command("inspect"));
  defineRemove(command.command("rm"));
}

function defineCreate(command: Command): void {
  describe(command, {
    text: "Creates a network that every host can attach to.",
    example: "starling network create web --subnet 10.32.0.0/16 --wait",
  });
  command
    .argument("<name>", "lower-case letters, digits and hyphens")
    .option("--subnet <cidr>", "its subnet; once for IPv4, once for IPv6", collect);
  withJson(withWait(command)).action(async (name: string, options: Options) => {
    const subnets = [...required(command, "--subnet <cidr>", options.subnet)];
    const created = await clientOf(command).createNetwork({ name, subnets }, waitOf(options));
    if (options.json) printJson(created);
    else {
      const { network } = created;
      printLine(`network ${name} created: ${network.subnets.join(", ")}, VNI ${network.vni}`);
      const [gateway] = network.gateways;
      printLine(`names are answered at ${gateway}: docker run --network ${name} --dns ${gateway}`);
      printWait(created.wait);
    }
    judgeWait(created.wait);
  });
}

function defineList(command: Command): void {
  describe(command, { text: "Lists all networks.", example: "starling network ls" });
  withJson(command).action(async (options: Options) => {
    const networks = await clientOf(command).networks();
    if (options.json) printJson(networks);
    else printLine(networksText(networks));
  });
}

function defineInspect(command: Command): void {
  describe(command, { text: "Shows one network.", example: "starling network inspect web" });
  command.argument("<network>", "its name, its id, or the start of its id");
  withJson(command).action(async (ref: string, options: Options) => {
    const network = await clientOf(command).network(ref);
    if (options.json) printJson(network);
    else printLine(networkText(network));
  });
}

function defineRemove(command: Command): void {
  describe(command, {
    text: "Removes a network, from any host.",
    example: "starling network rm web --wait",
  });
  command
    .argument("<network>", "its name, its id, or the start of its id")
    .option("--force", "also with endpoints in it, which lose their connection");
  withJson(withWait(command)).action(async (ref: string, options: Options) => {
    const force = options.force === true;
    const removed = await clientOf(command).removeNetwork(ref, { force, ...waitOf(options) });
    if (options.json) printJson(removed);
    else {
      printLine(`network ${ref} removed`);
      printWait(removed.wait);
    }
    judgeWait(removed.wait);
  });
}

function networksText(networks: readonly NetworkView[]): string {
  if (networks.length === 0) {
    return "no networks yet: starling network create web --subnet 10.32.0.0/16";
  }
  const table = tableText(
    ["id", "name", "vni", "subnets", "endpoints", "free here", "created by"],
    networks.map((network) => [
      network.id,
      network.conflict === undefined ? network.name : `${network.name} (!)`,
      String(network.vni),
      network.subnets.join(", "),
      String(network.endpoints),
      String(network.freeHere),
      network.createdBy.name,
    ]),
  );
  const notes = networks.flatMap(({ name, id, conflict }) =>
    conflict === undefined
      ? []
      : [coloured(`(!) ${name} ${id.slice(0, 4)}: ${printable(conflict)}`, "doubtful")],
  );
  return [table, ...notes].join("\n");
}

function networkText(network: NetworkView): string {
  const { conflict, createdBy } = network;
  return listText([
    ["id", network.id],
    ["name", network.name],
    ["vni", String(network.vni)],
    ["subnets", network.subnets.join(", ")],
    ["gateways", network.gateways.join(", ")],
    ["mtu", `${network.mtu} on this host`],
    ["endpoints", String(network.endpoints)],
    ["addresses", `${network.freeHere} free here, ${network.addresses} in all`],
    ["created by", `${createdBy.name} (${createdBy.id})`],
    ...(conflict === undefined
      ? []
      : [["conflict", coloured(printable(conflict), "doubtful")] as const]),
  ]);
}
