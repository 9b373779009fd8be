/**
 * An interface in somebody's network namespace, and its port on our bridge: a veth pair whose far
 * end is made in the namespace straight away. All of it or nothing.
 */
import { stat } from "node:fs/promises";
import { describeError, MeshError } from "../../base/errors.ts";
import type { EndpointId } from "../../base/id.ts";
import type { Attachment } from "../dataplane.ts";
import { portName } from "../names.ts";
import { portSet } from "./commands.ts";
import { run } from "./run.ts";

/** The inode behind a path of a network namespace, or undefined where there is none. */
export async function netnsInode(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).ino;
  } catch {
    return undefined;
  }
}

/** Throws a MeshError: NETNS_MISSING, INTERFACE_TAKEN, DATAPLANE_REFUSED. */
export async function attach(attachment: Attachment): Promise<{ readonly netnsInode: number }> {
  const inode = await netnsInode(attachment.netns);
  if (inode === undefined || !/^\/[^\s"']+$/.test(attachment.netns)) {
    throw new MeshError("NETNS_MISSING", `there is no network namespace ${attachment.netns}`);
  }
  await makePair(attachment);
  try {
    await Promise.all([configureInside(attachment), guardPort(attachment)]);
  } catch (error) {
    await detach(attachment.endpoint);
    throw error;
  }
  return { netnsInode: inode };
}

/**
 * The pair, its near end on the bridge already. A process of its own, since names of ports come
 * back (see Batch).
 */
async function makePair(attachment: Attachment): Promise<void> {
  const { vni, endpoint, mac, mtu, netns, interface: name } = attachment;
  const far = `peer name ${name} address ${mac} mtu ${mtu} netns ${netns}`;
  const lines = [
    `link add name ${portName(endpoint)} mtu ${mtu} type veth ${far}`,
    ...portSet(vni, attachment).ip,
  ];
  try {
    await run("ip", ["-batch", "-"], `${lines.join("\n")}\n`);
  } catch (error) {
    const reason = describeError(error);
    if (reason.includes("File exists")) {
      const message = `namespace ${netns} has an interface ${name} already; name another with --interface`;
      throw new MeshError("INTERFACE_TAKEN", message);
    }
    await detach(endpoint);
    const what = `cannot make an interface in ${netns}: ${reason}`;
    throw new MeshError("DATAPLANE_REFUSED", what, { cause: error });
  }
}

async function detach(endpoint: EndpointId): Promise<void> {
  await run("ip", ["link", "del", "dev", portName(endpoint)]).catch(() => undefined);
}

async function configureInside(attachment: Attachment): Promise<void> {
  const { netns, interface: name, addresses, gateways } = attachment;
  const lines = [
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
    const what = `cannot configure ${name} in ${netns}: ${describeError(error)}`;
    throw new MeshError("DATAPLANE_REFUSED", what, { cause: error });
  }
}

/** A second process, while the first configures the namespace. */
async function guardPort(attachment: Attachment): Promise<void> {
  const { bridge } = portSet(attachment.vni, attachment);
  await run("bridge", ["-batch", "-"], `${bridge.join("\n")}\n`);
}
