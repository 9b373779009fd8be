/** Our bridges and VXLAN devices: made with their mark, or found to be ours, or left alone. */
import { writeFile } from "node:fs/promises";
import { parseIp } from "../../base/address.ts";
import { describeError } from "../../base/errors.ts";
import type { Segment } from "../dataplane.ts";
import { bridgeName, ownDevice, segmentMark, vxlanName } from "../names.ts";
import {
  bridgeCreate,
  bridgeSet,
  type DeviceOp,
  type Lines,
  vxlanCreate,
  vxlanSet,
} from "./commands.ts";
import { run, runJson } from "./run.ts";

/** What makes a device as wanted once it is there, or why it cannot be. */
export type Ensured =
  | { readonly kind: "made" | "found"; readonly lines: Lines }
  | { readonly kind: "refused"; readonly reason: string };

type Link = {
  readonly ifalias?: string;
  readonly address: string;
  readonly linkinfo?: {
    readonly info_data?: {
      readonly local?: string;
      readonly local6?: string;
      readonly port?: number;
    };
  };
};

/** Makes the device, or finds it. What it should be beyond being there is in the lines. */
export function ensureDevice({ kind, segment }: DeviceOp): Promise<Ensured> {
  return kind === "bridge-set" ? ensureBridge(segment) : ensureVxlan(segment);
}

async function ensureBridge(segment: Segment): Promise<Ensured> {
  const device = bridgeName(segment.vni);
  const reason = await make(segment, device, bridgeCreate(segment));
  if (reason === undefined) {
    await refuseAdverts(device);
    return { kind: "made", lines: bridgeSet(segment, true) };
  }
  const link = await find(device, reason);
  if ("kind" in link) return link;
  return { kind: "found", lines: bridgeSet(segment, link.address === segment.gatewayMac) };
}

async function ensureVxlan(segment: Segment): Promise<Ensured> {
  const device = vxlanName(segment.vni);
  const create = vxlanCreate(segment);
  const reason = await make(segment, device, create);
  if (reason === undefined) return { kind: "made", lines: vxlanSet(segment) };
  const link = await find(device, reason);
  if ("kind" in link) return link;
  const settings = link.linkinfo?.info_data;
  const local = parseIp(settings?.local ?? settings?.local6 ?? "");
  if (local === segment.vtep && settings?.port === segment.vxlanPort)
    return { kind: "found", lines: vxlanSet(segment) };
  // Address and port of a VXLAN device cannot be changed.
  const again = await make(segment, device, `link del dev ${device}\n${create}`);
  return again === undefined
    ? { kind: "made", lines: vxlanSet(segment) }
    : { kind: "refused", reason: again };
}

/**
 * Makes and marks a device in one process, which goes on when we are killed: no device stays
 * without its mark. Without -force it ends at the first failure, so what is there is not touched.
 */
async function make({ vni }: Segment, device: string, lines: string): Promise<string | undefined> {
  const mark = `link set dev ${device} alias "${segmentMark(vni)}"`;
  try {
    await run("ip", ["-batch", "-"], `${lines}\n${mark}\n`);
    return undefined;
  } catch (error) {
    return describeError(error);
  }
}

/** The device that stood in the way of making one, if it is ours. */
async function find(
  device: string,
  reason: string,
): Promise<Link | Extract<Ensured, { kind: "refused" }>> {
  if (!reason.includes("exists")) return { kind: "refused", reason };
  const shown = await runJson("ip", ["-d", "link", "show", "dev", device]).catch(() => []);
  const [link] = shown as Link[];
  // The kernel says "exists" of a name, and of a VNI and port together.
  if (link === undefined) {
    return { kind: "refused", reason: `${reason}: perhaps another device has its VNI and port` };
  }
  const isOurs = ownDevice(device, link.ifalias) !== undefined;
  return isOurs ? link : { kind: "refused", reason: `${device} exists and is not ours` };
}

/**
 * No endpoint is to be this host's router. The guard sees to it as well, where there is nftables;
 * where neither can be had the dump says that there is no guard.
 */
async function refuseAdverts(device: string): Promise<void> {
  await writeFile(`/proc/sys/net/ipv6/conf/${device}/accept_ra`, "0").catch(() => undefined);
}
