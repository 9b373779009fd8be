/** `starling endpoint ...` */
import { resolve } from "node:path";
import { type Command, Option } from "commander";
import type { EndpointView } from "../agent/view.ts";
import { clientOf, collect, describe, required, waitOf, withJson, withWait } from "./options.ts";
import { listText, tableText } from "./table.ts";
import { printJson, printLine, stateText } from "./terminal.ts";
import { judgeWait, printWait } from "./wait.ts";

type Options = {
  readonly network?: string;
  readonly netns?: string;
  readonly pid?: string;
  readonly name?: string;
  readonly alias?: readonly string[];
  readonly ip?: readonly string[];
  readonly mac?: string;
  readonly interface: string;
  readonly json?: boolean;
  readonly wait?: number;
};

const refText = "its id, the start of its id, its name, or name.network";

/** Adds what the command takes and does. */
export function defineEndpoint(command: Command): void {
  defineAdd(command.command("add"));
  defineList(command.command("ls"));
  defineInspect(command.command("inspect"));
  defineRemove(command.command("rm"));
}

/** Where a namespace is: a name stands for the place where `ip netns` keeps it. */
export function namespacePath(name: string): string {
  return name.includes("/") ? resolve(name) : `/run/netns/${name}`;
}

function defineAdd(command: Command): void {
  describe(command, {
    text: "Puts an interface into a network namespace of this host, and joins it to a network.",
    example: "starling endpoint add --network web --netns db --name db --wait",
  });
  command
    .option("--network <network>", "the network, by name or id")
    .addOption(new Option("--netns <name>", "the namespace, by name or path").conflicts("pid"))
    .option("--pid <pid>", "the namespace of this process")
    .option("--name <name>", "what the endpoint is called")
    .option("--alias <name>", "what it is called too; may be repeated", collect)
    .option("--ip <address>", "this address instead of any; once for each family", collect)
    .option("--mac <address>", "this Ethernet address instead of a random one")
    .option("--interface <name>", "what the interface is called inside", "eth0");
  withJson(withWait(command)).action(async (options: Options) => {
    const network = required(command, "--network <network>", options.network);
    const { interface: device, name, mac, alias = [], ip = [] } = options;
    const added = await clientOf(command).addEndpoint(
      {
        ...{ network, netns: placeOf(options, command), interface: device },
        ...{ addresses: [...ip], aliases: [...alias] },
        ...(name !== undefined && { name }),
        ...(mac !== undefined && { mac }),
      },
      waitOf(options),
    );
    if (options.json) printJson(added);
    else {
      const { endpoint, wait } = added;
      printLine(
        `endpoint ${endpoint.name ?? endpoint.id} added to ${endpoint.network.name}: ${endpoint.addresses.join(", ")}`,
      );
      printWait(wait);
    }
    judgeWait(added.wait);
  });
}

function placeOf({ netns, pid }: Options, command: Command): string {
  if (netns !== undefined) return namespacePath(netns);
  if (pid === undefined) return command.error("error: give --netns NAME or --pid PID");
  if (!/^[1-9][0-9]{0,9}$/.test(pid)) return command.error(`error: ${pid} is no process id`);
  return `/proc/${pid}/ns/net`;
}

function defineList(command: Command): void {
  describe(command, {
    text: "Lists the endpoints of all hosts.",
    example: "starling endpoint ls --network web",
  });
  command.option("--network <network>", "only those in this network");
  withJson(command).action(async (options: { network?: string; json?: boolean }) => {
    const endpoints = await clientOf(command).endpoints(options.network);
    if (options.json) printJson(endpoints);
    else printLine(endpointsText(endpoints, options.network));
  });
}

function defineInspect(command: Command): void {
  describe(command, { text: "Shows one endpoint.", example: "starling endpoint inspect db.web" });
  command.argument("<endpoint>", refText);
  withJson(command).action(async (ref: string, options: Options) => {
    const endpoint = await clientOf(command).endpoint(ref);
    if (options.json) printJson(endpoint);
    else printLine(endpointText(endpoint));
  });
}

function defineRemove(command: Command): void {
  describe(command, {
    text: "Removes an endpoint of this host, and its interface with it.",
    example: "starling endpoint rm db --wait",
  });
  command.argument("<endpoint>", refText);
  withJson(withWait(command)).action(async (ref: string, options: Options) => {
    const removed = await clientOf(command).removeEndpoint(ref, waitOf(options));
    if (options.json) printJson(removed);
    else {
      printLine(`endpoint ${ref} removed`);
      printWait(removed.wait);
    }
    judgeWait(removed.wait);
  });
}

function endpointsText(endpoints: readonly EndpointView[], network: string | undefined): string {
  if (endpoints.length === 0) {
    return `no endpoints yet: starling run --network ${network ?? "web"} -- sh`;
  }
  return tableText(
    ["id", "name", "network", "addresses", "host", "state"],
    endpoints.map((endpoint) => [
      endpoint.id,
      namesText(endpoint),
      endpoint.network.name,
      endpoint.addresses.join(", "),
      endpoint.isLocal ? `${endpoint.host.name} (this host)` : endpoint.host.name,
      stateText(endpoint.state),
    ]),
  );
}

/** Its name, and in brackets what it is called too. */
function namesText({ name = "-", aliases }: EndpointView): string {
  return aliases.length === 0 ? name : `${name} (${aliases.join(", ")})`;
}

function endpointText(endpoint: EndpointView): string {
  const { host, aliases, netns, interface: device, link, owner } = endpoint;
  const place = [
    ["namespace", netns],
    ["interface", device],
    ["link", link],
    ["owner", owner],
  ] as const;
  return listText([
    ["id", endpoint.id],
    ["name", endpoint.name ?? "-"],
    ["aliases", aliases.length === 0 ? "-" : aliases.join(", ")],
    ["network", endpoint.network.name],
    ["addresses", endpoint.addresses.join(", ")],
    ["mac", endpoint.mac],
    ["host", endpoint.isLocal ? `${host.name} (this host)` : host.name],
    ["state", stateText(endpoint.state)],
    ...place.flatMap(([name, text]) => (text === undefined ? [] : [[name, text] as const])),
  ]);
}
