/**
 * An interface and its port on our bridge: a veth pair, its far end in somebody's network namespace
 * or, as a link, left beside the port. All of it or nothing.
 *
 *   make the pair, its far end straight in the namespace --> name, mark, enslave and start the near end
 *     --> configure the far end (a process in the namespace; of a link nothing) | close the port (bridge)
 *
 * The first two are lines to a child that runs already and goes on if we are killed: there is never
 * a port of our name without our mark.
 */
import { stat } from "node:fs/promises";
import type { Ip } from "../../base/address.ts";
import { describeError, MeshError } from "../../base/errors.ts";
import type { EndpointId } from "../../base/id.ts";
import type { Attachment, InterfacePlace } from "../dataplane.ts";
import { bridgeName, endpointMark, looksOurs, ownDevice, portName } from "../names.ts";
import type { Batch } from "./batch.ts";
import { portSet } from "./commands.ts";
import { run, runJson } from "./run.ts";
import type { Visitor } from "./visitor.ts";

/** The children that take our lines. */
export type Batches = { readonly ip: Batch; readonly bridge: Batch };

/**
 * iproute2 keeps every namespace open that it was told of, until it ends: none of them could go,
 * and after a thousand no other can be opened. So often is the child that makes pairs replaced.
 */
const namespacesHeldMs = 1_000;

/** The inode behind a path of a namespace, or undefined where there is none. */
export async function netnsInode(path: string): Promise<number | undefined> {
  try {
    // A namespace's file outlives it as an empty one; only nsfs has what is alive.
    const [there, own] = await Promise.all([stat(path), stat("/proc/self/ns/net")]);
    return there.dev === own.dev ? there.ino : undefined;
  } catch {
    return undefined;
  }
}

/** Makes interfaces. One for each dataplane: it remembers which ports its children have seen. */
export class Attacher {
  readonly #batches: Batches;
  readonly #visitor: Visitor;
  readonly #seen = new Set<EndpointId>();
  #count = 0;
  #release: NodeJS.Timeout | undefined;

  constructor(batches: Batches, visitor: Visitor) {
    this.#batches = batches;
    this.#visitor = visitor;
  }

  /** Throws a MeshError: BAD_REQUEST, NETNS_MISSING, INTERFACE_TAKEN, DATAPLANE_REFUSED. */
  async attach(attachment: Attachment): Promise<{ readonly netnsInode: number | undefined }> {
    const { place, endpoint } = attachment;
    const inode = await checkedInode(place);
    this.#meetAnew(endpoint);
    if (place.kind === "netns") this.#releaseLater();
    await this.#makePair(attachment);
    const outcomes = await Promise.allSettled([
      place.kind === "netns" ? this.#configure(attachment, place) : undefined,
      this.#close(attachment),
    ]);
    const failure = outcomes.find(({ status }) => status === "rejected");
    if (failure?.status === "rejected") {
      await detach(endpoint);
      throw failure.reason;
    }
    return { netnsInode: inode };
  }

  /**
   * A port made anew has the old one's name and another index, which a child that saw the old one
   * does not know.
   */
  #meetAnew(endpoint: EndpointId): void {
    if (this.#seen.has(endpoint)) {
      this.#batches.ip.renew();
      this.#batches.bridge.renew();
    }
    this.#seen.add(endpoint);
  }

  #releaseLater(): void {
    this.#release ??= setTimeout(() => {
      this.#release = undefined;
      this.#batches.ip.replace();
    }, namespacesHeldMs).unref();
  }

  async #makePair(attachment: Attachment): Promise<void> {
    const { endpoint, vni, mac, mtu, place } = attachment;
    this.#count += 1;
    // A name that nobody has: naming and marking is then one message to the kernel.
    const near = `slt${process.pid.toString(36)}-${this.#count.toString(36)}`;
    const { name, where, into } = farEnd(place);
    const far = `peer name ${name} address ${mac} mtu ${mtu}${into}`;
    const port = portName(endpoint);
    const failures = await this.#batches.ip.run([
      `link add name ${near} mtu ${mtu} type veth ${far}`,
      `link set dev ${near} name ${port} alias "${endpointMark(endpoint)}" addrgenmode none master ${bridgeName(vni)} up`,
    ]);
    const [first, second] = [failures.get(0), failures.get(1)];
    if (first?.includes("exists")) {
      const message = `${where} has an interface ${name} already; name another`;
      throw new MeshError("INTERFACE_TAKEN", message);
    }
    if (first !== undefined) throw refused(`cannot make ${name} in ${where}: ${first}`);
    if (second === undefined) return;
    await this.#batches.ip.run([`link del dev ${near}`]);
    await detach(endpoint);
    throw refused(`cannot put ${port} on ${bridgeName(vni)}: ${second}`);
  }

  async #configure(
    { addresses, gateways }: Attachment,
    { netns, interface: name }: Extract<InterfacePlace, { kind: "netns" }>,
  ): Promise<void> {
    const lines = [
      "link set dev lo up",
      `link set dev ${name} up`,
      ...addresses.map(
        (address) => `address add ${address} dev ${name}${address.includes(":") ? " nodad" : ""}`,
      ),
      ...gateways.map((gateway) => defaultRoute(gateway, name)),
    ];
    const hasSix = addresses.some((address) => address.includes(":"));
    try {
      await this.#visitor.run(netns, lines, hasSix ? name : "");
    } catch (cause) {
      // The namespace has an IPv6 default route: the one thing here that may be there before us.
      const isKept = lines.at(-1)?.startsWith("route add default") === true;
      if (isKept && describeError(cause).includes("File exists")) return;
      throw refused(`cannot configure ${name} in ${netns}: ${describeError(cause)}`);
    }
  }

  /** The bridge learns nothing from the port and floods no unknown frame into it. */
  async #close(attachment: Attachment): Promise<void> {
    const { bridge } = portSet(attachment.vni, attachment);
    const [reason] = (await this.#batches.bridge.run(bridge)).values();
    if (reason !== undefined)
      throw refused(`cannot close ${portName(attachment.endpoint)}: ${reason}`);
  }
}

/** The namespace's inode; of a link undefined. What a place says goes into a line of words. */
async function checkedInode(place: InterfacePlace): Promise<number | undefined> {
  const { name, where } = farEnd(place);
  if (!/^[A-Za-z0-9_.-]{1,15}$/.test(name) || (place.kind === "link" && looksOurs(name))) {
    throw new MeshError("BAD_REQUEST", `${name} is no name for an interface in ${where}`);
  }
  if (place.kind === "link") return undefined;
  const { netns } = place;
  const inode = /^\/[^\s"'\\]+$/.test(netns) ? await netnsInode(netns) : undefined;
  if (inode === undefined) {
    throw new MeshError("NETNS_MISSING", `there is no network namespace ${netns}`);
  }
  return inode;
}

/**
 * Whoever has a default route already keeps it. In IPv4 another can be appended; in IPv6 that would
 * share the traffic between both, so it is added or is not.
 */
function defaultRoute(gateway: Ip, device: string): string {
  return gateway.includes(":")
    ? `route add default via ${gateway} dev ${device}`
    : `route append default via ${gateway} dev ${device}`;
}

function farEnd(place: InterfacePlace): {
  readonly name: string;
  readonly where: string;
  readonly into: string;
} {
  if (place.kind === "link") return { name: place.link, where: "this host", into: "" };
  const { netns, interface: name } = place;
  return { name, where: `namespace ${netns}`, into: ` netns ${netns}` };
}

/** Removes the endpoint's port, and with it the far end; a device that is not ours stays. */
async function detach(endpoint: EndpointId): Promise<void> {
  const port = portName(endpoint);
  const shown = await runJson("ip", ["link", "show", "dev", port]).catch(() => []);
  const [link] = shown as { readonly ifalias?: string }[];
  if (link === undefined || ownDevice(port, link.ifalias) === undefined) return;
  await run("ip", ["link", "del", "dev", port]).catch(() => undefined);
}

function refused(message: string): MeshError {
  return new MeshError("DATAPLANE_REFUSED", message);
}
