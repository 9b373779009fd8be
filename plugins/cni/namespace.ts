/** An interface in a container's network namespace, as iproute2 shows it. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { parseIp } from "../../base/address.ts";
import type { Found } from "../cni-result.ts";

type LinkRow = {
  readonly address?: string;
  readonly addr_info?: readonly { readonly local?: string; readonly prefixlen?: number }[];
};
type RouteRow = { readonly gateway?: string };

/** Undefined where there is no such interface, or no such namespace. */
export async function findInterface(netns: string, ifname: string): Promise<Found | undefined> {
  const [links, ...routes] = await Promise.all([
    ask<LinkRow>(netns, "address", "show", "dev", ifname),
    ask<RouteRow>(netns, "-4", "route", "show", "default", "dev", ifname),
    ask<RouteRow>(netns, "-6", "route", "show", "default", "dev", ifname),
  ]);
  const [link] = links;
  if (link === undefined) return undefined;
  const addresses = (link.addr_info ?? []).map(({ local = "", prefixlen }) => {
    return `${parseIp(local) ?? local}/${prefixlen}`;
  });
  const defaults = routes.flat().flatMap(({ gateway }) => parseIp(gateway ?? "") ?? []);
  return { mac: link.address ?? "", addresses, defaults };
}

async function ask<Row>(netns: string, ...words: readonly string[]): Promise<readonly Row[]> {
  const argv = [`--net=${netns}`, "ip", "-j", ...words];
  try {
    const { stdout } = await promisify(execFile)("nsenter", argv);
    return stdout.trim() === "" ? [] : (JSON.parse(stdout) as readonly Row[]);
  } catch {
    return [];
  }
}
