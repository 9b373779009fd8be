/** `starling network ...` */
import type { Command } from "commander";
import type { NetworkView } from "../agent/view.ts";
import { clientOf, collect, waitOf, withJson, withWait } from "./options.ts";
import { judgeWait, printJson, printLine, printTable, printWait } from "./output.ts";

type Options = {
  readonly subnet: readonly string[];
  readonly json?: boolean;
  readonly force?: boolean;
  readonly wait?: number | true;
};

export function defineNetwork(command: Command): void {
  defineCreate(command);
  const list = command.command("ls").description("list all networks");
  withJson(list).action(async (options: Options) => {
    const networks = await clientOf(list).networks();
    if (options.json) printJson(networks);
    else printNetworks(networks);
  });
  const inspect = command.command("inspect").argument("<network>").description("show one network");
  withJson(inspect).action(async (ref: string) => printJson(await clientOf(inspect).network(ref)));
  const remove = command
    .command("rm")
    .argument("<network>")
    .description("remove a network")
    .option("--force", "also with endpoints in it, which go as well");
  withJson(withWait(remove)).action(async (ref: string, options: Options) => {
    const force = options.force === true;
    const removed = await clientOf(remove).removeNetwork(ref, { force, ...waitOf(options) });
    if (options.json) printJson(removed);
    else {
      printLine(`network ${ref} removed`);
      printWait(removed.wait);
    }
    judgeWait(removed.wait);
  });
}

function defineCreate(command: Command): void {
  const create = command
    .command("create")
    .argument("<name>")
    .description("create a network: starling network create web --subnet 10.32.0.0/16")
    .requiredOption("--subnet <cidr>", "its subnet; once for IPv4, once for IPv6", collect);
  withJson(withWait(create)).action(async (name: string, options: Options) => {
    const body = { name, subnets: [...options.subnet] };
    const created = await clientOf(create).createNetwork(body, waitOf(options));
    if (options.json) printJson(created);
    else {
      const { vni, subnets } = created.network;
      printLine(`network ${name} created: ${subnets.join(", ")}, VNI ${vni}`);
      printWait(created.wait);
    }
    judgeWait(created.wait);
  });
}

function printNetworks(networks: readonly NetworkView[]): void {
  if (networks.length === 0) {
    printLine("no networks yet: starling network create web --subnet 10.32.0.0/16");
    return;
  }
  printTable(
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
  for (const { name, id, conflict } of networks) {
    if (conflict !== undefined) printLine(`(!) ${name} ${id}: ${conflict}`);
  }
}
