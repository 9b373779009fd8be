/** `starling endpoint ...` */
import { type Command, Option } from "commander";
import type { EndpointView } from "../agent/view.ts";
import { clientOf, collect, waitOf, withJson, withWait } from "./options.ts";
import { judgeWait, printJson, printLine, printTable, printWait, stateText } from "./output.ts";

type Options = {
  readonly network: string;
  readonly netns?: string;
  readonly pid?: string;
  readonly name?: string;
  readonly ip?: readonly string[];
  readonly mac?: string;
  readonly interface: string;
  readonly json?: boolean;
  readonly wait?: number | true;
};

export function defineEndpoint(command: Command): void {
  defineAdd(command);
  const list = command
    .command("ls")
    .description("list endpoints of all hosts")
    .option("--network <network>", "only of this network");
  withJson(list).action(async (options: { network?: string; json?: boolean }) => {
    const endpoints = await clientOf(list).endpoints(options.network);
    if (options.json) printJson(endpoints);
    else printEndpoints(endpoints);
  });
  const inspect = command
    .command("inspect")
    .argument("<endpoint>")
    .description("show one endpoint");
  withJson(inspect).action(async (ref: string) => printJson(await clientOf(inspect).endpoint(ref)));
  const remove = command
    .command("rm")
    .argument("<endpoint>")
    .description("remove an endpoint of this host");
  withJson(withWait(remove)).action(async (ref: string, options: Options) => {
    const removed = await clientOf(remove).removeEndpoint(ref, waitOf(options));
    if (options.json) printJson(removed);
    else {
      printLine(`endpoint ${ref} removed`);
      printWait(removed.wait);
    }
    judgeWait(removed.wait);
  });
}

/** Where `--netns` and `--pid` point: a name stands for the place where `ip netns` keeps it. */
export function netnsPath(netns: string): string {
  return netns.startsWith("/") ? netns : `/run/netns/${netns}`;
}

function defineAdd(command: Command): void {
  const add = command
    .command("add")
    .description(
      "put an interface into a namespace: starling endpoint add --network web --netns db",
    )
    .requiredOption("--network <network>", "the network, by name or id")
    .addOption(new Option("--netns <name>", "the namespace, by name or path").conflicts("pid"))
    .addOption(new Option("--pid <pid>", "the namespace of this process"))
    .option("--name <name>", "what the endpoint is called")
    .option("--ip <address>", "this address instead of any; once for each family", collect)
    .option("--mac <address>", "this Ethernet address instead of a random one")
    .option("--interface <name>", "what the interface is called inside", "eth0");
  withJson(withWait(add)).action(async (options: Options) => {
    const netns = placeOf(options, add);
    const added = await clientOf(add).addEndpoint(
      {
        network: options.network,
        netns,
        interface: options.interface,
        addresses: [...(options.ip ?? [])],
        ...(options.name !== undefined && { name: options.name }),
        ...(options.mac !== undefined && { mac: options.mac }),
      },
      waitOf(options),
    );
    if (options.json) printJson(added);
    else {
      const { name, id, addresses, network } = added.endpoint;
      printLine(`endpoint ${name ?? id} added to ${network.name}: ${addresses.join(", ")}`);
      printWait(added.wait);
    }
    judgeWait(added.wait);
  });
}

function placeOf({ netns, pid }: Options, command: Command): string {
  if (netns !== undefined) return netnsPath(netns);
  if (pid === undefined) command.error("error: give --netns NAME or --pid PID", { exitCode: 2 });
  if (!/^[1-9][0-9]*$/.test(pid)) command.error(`error: ${pid} is no process id`, { exitCode: 2 });
  return `/proc/${pid}/ns/net`;
}

function printEndpoints(endpoints: readonly EndpointView[]): void {
  if (endpoints.length === 0) {
    printLine("no endpoints yet: starling run --network web -- sh");
    return;
  }
  printTable(
    ["id", "name", "network", "addresses", "mac", "host", "state"],
    endpoints.map((endpoint) => [
      endpoint.id,
      endpoint.name ?? "-",
      endpoint.network.name,
      endpoint.addresses.join(", "),
      endpoint.mac,
      endpoint.isLocal ? `${endpoint.host.name} (this host)` : endpoint.host.name,
      stateText(endpoint.state),
    ]),
  );
}
