/** `starling attach` and `starling detach` */
import { createHash } from "node:crypto";
import type { Command } from "commander";
import type { ControlClient } from "../agent/control/client.ts";
import type { EndpointView } from "../agent/view.ts";
import { MeshError } from "../base/errors.ts";
import { type Container, findContainer, interfacesOf } from "./containers.ts";
import { clientOf, collect, describe, required, waitOf, withJson, withWait } from "./options.ts";
import { printJson, printLine } from "./terminal.ts";
import { judgeWait, printWait } from "./wait.ts";

type Options = {
  readonly network?: string;
  readonly name?: string;
  readonly alias?: readonly string[];
  readonly ip?: readonly string[];
  readonly interface?: string;
  readonly json?: boolean;
  readonly wait?: number;
};

const refText = "its name or id in Docker or Podman, or pid:4711";

/** Somebody may put an interface into the container while we choose a name for ours. */
const tries = 8;

/** Adds what the command takes and does. */
export function defineAttach(command: Command): void {
  describe(command, {
    text:
      "Joins a running container of any engine to a network, with a further interface. It leaves " +
      "when the container stops.",
    example: "starling attach db --network web",
  });
  command
    .argument("<container>", refText)
    .option("--network <network>", "the network, by name or id")
    .option("--name <name>", "what the endpoint is called; else as the container")
    .option("--alias <name>", "what it is called too; may be repeated", collect)
    .option("--ip <address>", "this address instead of any; once for each family", collect)
    .option("--interface <name>", "what the interface is called inside; else the next ethN");
  withJson(withWait(command)).action(async (ref: string, options: Options) => {
    const network = required(command, "--network <network>", options.network);
    const client = clientOf(command);
    const { container, id } = await meet(client, ref, network);
    const known = await find(client, id);
    if (known !== undefined) requireSame(known, ref, options);
    const added = known
      ? { endpoint: known }
      : await attach(client, { container, id, network, options });
    if (options.json) printJson(added);
    else {
      const { endpoint } = added;
      const what = known === undefined ? "attached" : "is attached already";
      const names = `${endpoint.network.name} as ${endpoint.name ?? endpoint.id}`;
      printLine(
        `${ref} ${what} to ${names}: ${endpoint.interface} ${endpoint.addresses.join(", ")}`,
      );
      printWait(added.wait);
    }
    judgeWait(added.wait);
  });
}

/** Adds what the command takes and does. */
export function defineDetach(command: Command): void {
  describe(command, {
    text: `Takes a container out of a network that "starling attach" joined it to.`,
    example: "starling detach db --network web",
  });
  command
    .argument("<container>", refText)
    .option("--network <network>", "the network, by name or id");
  withJson(withWait(command)).action(async (ref: string, options: Options) => {
    const network = required(command, "--network <network>", options.network);
    const client = clientOf(command);
    const { id } = await meet(client, ref, network);
    if ((await find(client, id)) === undefined) {
      const message = `${ref} was not attached to ${network} by "starling attach"`;
      throw new MeshError("UNKNOWN_ENDPOINT", message);
    }
    const removed = await client.removeEndpoint(id, waitOf(options));
    if (options.json) printJson(removed);
    else {
      printLine(`${ref} detached from ${network}`);
      printWait(removed.wait);
    }
    judgeWait(removed.wait);
  });
}

/** The container, and the id that its endpoint in this network has: one process, one endpoint. */
async function meet(client: ControlClient, ref: string, network: string) {
  const [{ host }, { id: at }] = await Promise.all([client.status(), client.network(network)]);
  const container = await findContainer(ref);
  const { pid, startedAt } = container;
  const words = JSON.stringify(["attach", host.id, at, pid, startedAt]);
  return { container, id: createHash("sha256").update(words).digest("hex").slice(0, 16) };
}

async function find(client: ControlClient, id: string): Promise<EndpointView | undefined> {
  try {
    return await client.endpoint(id);
  } catch (error) {
    if (error instanceof MeshError && error.code === "UNKNOWN_ENDPOINT") return undefined;
    throw error;
  }
}

function requireSame(known: EndpointView, ref: string, options: Options): void {
  const { name = known.name, alias = known.aliases, ip = [], interface: device } = options;
  const ips = known.addresses.map((address) => address.split("/")[0] ?? "");
  const isSame =
    name === known.name &&
    [...alias].toSorted().join() === [...known.aliases].toSorted().join() &&
    ip.every((each) => ips.includes(each)) &&
    (device ?? known.interface) === known.interface;
  if (isSame) return;
  const message = `${ref} is attached to ${known.network.name} already, with other names or addresses; detach it first`;
  throw new MeshError("ENDPOINT_EXISTS", message);
}

async function attach(
  client: ControlClient,
  wish: {
    readonly container: Container;
    readonly id: string;
    readonly network: string;
    readonly options: Options;
  },
): Promise<Awaited<ReturnType<ControlClient["addEndpoint"]>>> {
  const { container, id, network, options } = wish;
  const { alias = [], ip = [] } = options;
  const { pid, name: called, ref } = container;
  const name = options.name ?? called;
  const body = {
    ...{ network, id, netns: `/proc/${pid}/ns/net`, owner: `attach/${ref}` },
    ...{ aliases: [...alias], addresses: [...ip], ...(name !== undefined && { name }) },
  };
  for (let attempt = 1; ; attempt += 1) {
    const device = options.interface ?? nextInterface(await interfacesOf(pid));
    try {
      return await client.addEndpoint({ ...body, interface: device }, waitOf(options));
    } catch (error) {
      const isTaken = error instanceof MeshError && error.code === "INTERFACE_TAKEN";
      if (!isTaken || options.interface !== undefined || attempt === tries) throw error;
    }
  }
}

/** `eth0` where there is none, else the number after the last. */
function nextInterface(names: readonly string[]): string {
  const numbers = names.flatMap((name) => /^eth([0-9]{1,6})$/.exec(name)?.[1] ?? []);
  return `eth${Math.max(-1, ...numbers.map(Number)) + 1}`;
}
