/**
 * An interface in somebody's network namespace, and its port on our bridge: a veth pair. All of it
 * or nothing.
 *
 * One process in the namespace makes the pair, its near end straight in ours, and configures the
 * far end; then two lines to children that run already put the near end on the bridge.
 */
import { stat } from "node:fs/promises";
import { describeError, MeshError } from "../../base/errors.ts";
import type { EndpointId } from "../../base/id.ts";
import type { Attachment } from "../dataplane.ts";
import { portName } from "../names.ts";
import type { Batch } from "./batch.ts";
import { portSet } from "./commands.ts";
import { run } from "./run.ts";

export type Batches = { readonly ip: Batch; readonly bridge: Batch };

/** The inode behind a path of a network namespace, or undefined where there is none. */
export async function netnsInode(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).ino;
  } catch {
    return undefined;
  }
}

/** Makes interfaces. One for each dataplane: it remembers which ports its children have seen. */
export class Attacher {
  readonly #batches: Batches;
  readonly #seen = new Set<EndpointId>();

  constructor(batches: Batches) {
    this.#batches = batches;
  }

  /** Throws a MeshError: NETNS_MISSING, INTERFACE_TAKEN, DATAPLANE_REFUSED. */
  async attach(attachment: Attachment): Promise<{ readonly netnsInode: number }> {
    const { netns, endpoint } = attachment;
    const inode = await netnsInode(netns);
    if (inode === undefined || !/^\/[^\s"']+$/.test(netns)) {
      throw new MeshError("NETNS_MISSING", `there is no network namespace ${netns}`);
    }
    await makePair(attachment);
    try {
      await this.#joinBridge(attachment);
    } catch (error) {
      await detach(endpoint);
      throw error;
    }
    return { netnsInode: inode };
  }

  async #joinBridge(attachment: Attachment): Promise<void> {
    const { endpoint, vni } = attachment;
    const { ip, bridge } = this.#batches;
    // A port made anew has the old one's name and another index, which a child that saw the old one
    // does not know.
    if (this.#seen.has(endpoint)) {
      ip.renew();
      bridge.renew();
    }
    this.#seen.add(endpoint);
    const lines = portSet(vni, attachment);
    const failures = [
      ...(await ip.run(lines.ip)).values(),
      ...(await bridge.run(lines.bridge)).values(),
    ];
    const [reason] = failures;
    if (reason === undefined) return;
    throw new MeshError(
      "DATAPLANE_REFUSED",
      `cannot put ${portName(endpoint)} on its bridge: ${reason}`,
    );
  }
}

async function makePair(attachment: Attachment): Promise<void> {
  const { endpoint, mac, mtu, netns, interface: name, addresses, gateways } = attachment;
  const near = `peer name ${portName(endpoint)} mtu ${mtu} netns ${process.pid}`;
  const lines = [
    `link add name ${name} address ${mac} mtu ${mtu} type veth ${near}`,
    "link set dev lo up",
    `link set dev ${name} up`,
    ...addresses.map(
      (address) => `address add ${address} dev ${name}${address.includes(":") ? " nodad" : ""}`,
    ),
    ...gateways.map((gateway) => `route replace default via ${gateway} dev ${name}`),
  ];
  try {
    await run("nsenter", [`--net=${netns}`, "ip", "-batch", "-"], `${lines.join("\n")}\n`);
  } catch (error) {
    const reason = describeError(error);
    if (reason.includes("File exists")) {
      const message = `namespace ${netns} has an interface ${name} already; name another with --interface`;
      throw new MeshError("INTERFACE_TAKEN", message);
    }
    await detach(endpoint);
    const what = `cannot make ${name} in ${netns}: ${reason}`;
    throw new MeshError("DATAPLANE_REFUSED", what, { cause: error });
  }
}

async function detach(endpoint: EndpointId): Promise<void> {
  await run("ip", ["link", "del", "dev", portName(endpoint)]).catch(() => undefined);
}
