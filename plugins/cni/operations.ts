/** Does what a container runtime asks, through the agent of this host. */
import { createHash } from "node:crypto";
import { ControlClient } from "../../agent/control/client.ts";
import { defaultSocket } from "../../agent/control/doors.ts";
import type { EndpointView, NetworkView, StatusView } from "../../agent/view.ts";
import { type ErrorCode, MeshError } from "../../base/errors.ts";
import {
  type CniAttachment,
  type CniCall,
  type CniConfig,
  type CniFault,
  type cniCodes,
  fault,
} from "../cni-call.ts";
import { addResult, differenceOf, hasSubnets, versionResult } from "../cni-result.ts";
import { findInterface } from "./namespace.ts";

type Of<Kind extends CniCall["kind"]> = Extract<CniCall, { kind: Kind }>;

/** What came of a call; nothing is printed for some that were done. */
export type Outcome = { readonly kind: "done"; readonly result: object | undefined } | CniFault;

/** What somebody should read who looks into the runtime's log. */
export type Note = (text: string) => void;

const done: Outcome = { kind: "done", result: undefined };

/**
 * So long ADD waits for other hosts' kernels: a packet that comes before they know the way is lost.
 * They take milliseconds.
 */
const waitMs = 1_000;

/** Does it. Rejects only on a bug. */
export async function perform(call: CniCall, note: Note): Promise<Outcome> {
  if (call.kind === "VERSION") return { kind: "done", result: versionResult(call.version) };
  const client = new ControlClient(call.config.socket ?? defaultSocket);
  try {
    switch (call.kind) {
      case "ADD":
        return await add(client, call, note);
      case "DEL":
        return await del(client, call, note);
      case "CHECK":
        return await check(client, call);
      case "STATUS":
        return await status(client, call);
      case "GC":
        return await collect(client, call);
    }
  } catch (error) {
    if (error instanceof MeshError) return faultOf(error);
    throw error;
  }
}

async function add(client: ControlClient, call: Of<"ADD">, note: Note): Promise<Outcome> {
  const { config, containerId, ifname, netns, wish } = call;
  const { host, dns } = await memberOf(client);
  const network = await networkFor(client, config);
  if ("kind" in network) return network;
  const id = idOf(host.id, config, call);
  if ((await find(client, id)) !== undefined)
    return fault("refused", `${ifname} of container ${containerId} is there already; DEL it first`);
  const { name, mac, aliases, addresses } = wish;
  const { endpoint } = await client.addEndpoint(
    {
      ...{ network: network.id, id, netns, interface: ifname },
      ...{ owner: ownerOf(config, call), aliases: [...aliases], addresses: [...addresses] },
      ...(name !== undefined && { name }),
      ...(mac !== undefined && { mac }),
    },
    { waitMs },
  );
  const found = await findInterface(netns, ifname);
  if (found === undefined) note(`cannot look into ${netns}: the result has no routes`);
  const made = { ifname, netns, mac: endpoint.mac, mtu: network.mtu, gateways: network.gateways };
  const reached = { addresses: endpoint.addresses, defaults: found?.defaults ?? [] };
  const domain = dns.isOn ? network.name : undefined;
  return { kind: "done", result: addResult(config, { ...made, ...reached, domain }) };
}

/** Whatever is missing is gone as it should be; what an agent away does not hear it finds out. */
async function del(client: ControlClient, call: Of<"DEL">, note: Note): Promise<Outcome> {
  try {
    await client.removeEndpoint(idOf(await hostOf(client), call.config, call), {
      waitMs: undefined,
    });
  } catch (error) {
    const code = error instanceof MeshError ? error.code : "INTERNAL";
    if (code === "UNKNOWN_ENDPOINT") return done;
    if (!isLater(code)) throw error;
    const { message } = error as MeshError;
    note(`${message}; it withdraws the endpoint itself when the container's namespace is gone`);
  }
  return done;
}

async function check(client: ControlClient, call: Of<"CHECK">): Promise<Outcome> {
  const { config, containerId, ifname, netns, prevResult } = call;
  const endpoint = await find(client, idOf(await hostOf(client), config, call));
  if (endpoint === undefined) {
    const what = `${ifname} of container ${containerId} is no endpoint of ${config.network}`;
    return fault("notAsAdded", what);
  }
  const difference = differenceOf(prevResult, call, await findInterface(netns, ifname));
  return difference === undefined ? done : fault("notAsAdded", difference);
}

async function status(client: ControlClient, { config }: Of<"STATUS">): Promise<Outcome> {
  try {
    await hostOf(client);
    const network = await findNetwork(client, config);
    if (network !== undefined || config.subnets.length > 0) return done;
    const what = `there is no network ${config.network}, and no subnet to make it`;
    return fault("unavailable", what);
  } catch (error) {
    if (error instanceof MeshError) return fault("unavailable", error.message, error.code);
    throw error;
  }
}

/** Goes on past what cannot be removed, and names the first. */
async function collect(client: ControlClient, { config, valid }: Of<"GC">): Promise<Outcome> {
  const owners = new Set(valid.map((attachment) => ownerOf(config, attachment)));
  const prefix = `cni/${config.name}/`;
  const stale = (await client.endpoints()).filter(({ isLocal, owner = "" }) => {
    return isLocal && owner.startsWith(prefix) && !owners.has(owner);
  });
  const ends = await Promise.allSettled(
    stale.map(({ id }) => client.removeEndpoint(id, { waitMs: undefined })),
  );
  const failed = ends.find((end): end is PromiseRejectedResult => {
    const { reason } = end as { readonly reason?: unknown };
    const isGone = reason instanceof MeshError && reason.code === "UNKNOWN_ENDPOINT";
    return end.status === "rejected" && !isGone;
  });
  if (failed !== undefined) throw failed.reason;
  return done;
}

async function hostOf(client: ControlClient): Promise<string> {
  return (await memberOf(client)).host.id;
}

/** The agent of this host. Throws a MeshError where it cannot do anything now. */
async function memberOf(client: ControlClient): Promise<StatusView> {
  const status = await client.status();
  if (status.state === "member") return status;
  const message = `the agent is not yet a member of a cluster (${status.joining ?? "it starts"})`;
  throw new MeshError("NOT_A_MEMBER", message);
}

async function networkFor(
  client: ControlClient,
  config: CniConfig,
): Promise<NetworkView | CniFault> {
  const { network: name, subnets } = config;
  const known = await findNetwork(client, config);
  if (known === undefined && subnets.length === 0) {
    const what = `there is no network ${name}; create it, or say its subnet in the configuration`;
    return fault("badConfig", what);
  }
  const network = known ?? (await makeNetwork(client, config));
  if (hasSubnets(network.subnets, subnets)) return network;
  const has = network.subnets.join(" and ");
  return fault("badConfig", `network ${name} has the subnet ${has}, not ${subnets.join(" and ")}`);
}

async function makeNetwork(client: ControlClient, config: CniConfig): Promise<NetworkView> {
  const { network: name, subnets } = config;
  try {
    return (await client.createNetwork({ name, subnets: [...subnets] }, { waitMs })).network;
  } catch (error) {
    // Another container, or another host, was first.
    const isTaken =
      error instanceof MeshError && ["NAME_TAKEN", "SUBNET_OVERLAP"].includes(error.code);
    if (!isTaken) throw error;
    const made = await findNetwork(client, config);
    if (made === undefined) throw error;
    return made;
  }
}

function findNetwork(client: ControlClient, config: CniConfig): Promise<NetworkView | undefined> {
  return unless("UNKNOWN_NETWORK", client.network(config.network));
}

function find(client: ControlClient, id: string): Promise<EndpointView | undefined> {
  return unless("UNKNOWN_ENDPOINT", client.endpoint(id));
}

async function unless<Value>(code: ErrorCode, asked: Promise<Value>): Promise<Value | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof MeshError && error.code === code) return undefined;
    throw error;
  }
}

/** The same interface has the same id, so that DEL finds it; another host's has another. */
function idOf(host: string, config: CniConfig, attachment: CniAttachment): string {
  const words = JSON.stringify([host, ownerOf(config, attachment)]);
  return createHash("sha256").update(words).digest("hex").slice(0, 16);
}

function ownerOf({ name }: CniConfig, { containerId, ifname }: CniAttachment): string {
  return `cni/${name}/${containerId}/${ifname}`.slice(0, 256);
}

const later: readonly ErrorCode[] = [
  ...(["AGENT_UNREACHABLE", "NOT_A_MEMBER", "NOT_COMPARED", "OWN_RECORDS_AWAITED"] as const),
  ...(["SHUTTING_DOWN", "TIMED_OUT", "ADDRESSES_EXHAUSTED"] as const),
];
const misconfigured: readonly ErrorCode[] = [
  ...(["BAD_REQUEST", "UNKNOWN_NETWORK", "SUBNET_MALFORMED", "SUBNET_TOO_SMALL"] as const),
  ...(["SUBNET_OVERLAP", "ADDRESS_OUTSIDE"] as const),
];

function isLater(code: ErrorCode): boolean {
  return later.includes(code);
}

function faultOf({ code, message }: MeshError): CniFault {
  if (isLater(code)) return fault("tryLater", message, code);
  if (misconfigured.includes(code)) return fault("badConfig", message, code);
  const own: { readonly [Code in ErrorCode]?: keyof typeof cniCodes } = {
    NETNS_MISSING: "badNamespace",
    NOT_PERMITTED: "ioFailure",
    INTERNAL: "internal",
  };
  return fault(own[code] ?? "refused", message, code);
}
