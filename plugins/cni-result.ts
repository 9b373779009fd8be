/**
 * What a CNI plugin answers: results of ADD in the shape of each version, and what of a result is
 * no longer so. https://www.cni.dev/docs/spec/ (1.1.0), section 5; before 1.0.0 an address says its
 * family, before 1.1.0 an interface says no MTU.
 */
import { type Cidr, parseIp } from "../base/address.ts";
import {
  type CniConfig,
  type CniFault,
  type CniVersion,
  cniVersions,
  type PrevResult,
} from "./cni-call.ts";

/** What an agent made. */
export type Made = {
  readonly ifname: string;
  readonly netns: string;
  readonly mac: string;
  readonly mtu: number;
  /** With prefix length. */
  readonly addresses: readonly string[];
  readonly gateways: readonly string[];
  /** Those of the gateways that the container's default routes lead to. */
  readonly defaults: readonly string[];
  /** The network whose names the gateways answer; undefined where nobody answers any. */
  readonly domain: string | undefined;
};

/** An interface as the kernel shows it. */
export type Found = {
  readonly mac: string;
  readonly addresses: readonly string[];
  readonly defaults: readonly string[];
};

/** The result of ADD: that of the plugins before us, and ours. */
export function addResult({ version, dns, prevResult }: CniConfig, made: Made): object {
  const { interfaces, ips, routes, ...others } = prevResult ?? {};
  const before = { interfaces: interfaces ?? [], ips: ips ?? [], routes: routes ?? [] };
  const { ifname, netns, mac, mtu, addresses, gateways, defaults } = made;
  // Where nobody says whom to ask for names, the gateways are asked, which know the endpoints.
  const search = made.domain === undefined ? [] : [`${made.domain}.starling`, "starling"];
  const names = search.length === 0 ? {} : { nameservers: gateways, search };
  const isNewest = version === "1.1.0";
  const own = { name: ifname, mac, ...(isNewest && { mtu }), sandbox: netns };
  const at = before.interfaces.length;
  const addressOf = (address: string) => {
    const gateway = gateways.find((each) => isSix(each) === isSix(address));
    const family = hasFamily(version) ? { version: isSix(address) ? "6" : "4" } : {};
    return { ...family, address, ...(gateway !== undefined && { gateway }), interface: at };
  };
  const routeOf = (gw: string) => ({ dst: isSix(gw) ? "::/0" : "0.0.0.0/0", gw });
  return {
    dns: names,
    ...others,
    cniVersion: version,
    interfaces: [...before.interfaces, own],
    ips: [...before.ips, ...addresses.map(addressOf)],
    routes: [...before.routes, ...defaults.map(routeOf)],
    ...(dns !== undefined && { dns }),
  };
}

/** What of the result is no longer so, or undefined where all is. */
export function differenceOf(
  result: PrevResult,
  { ifname, netns }: { readonly ifname: string; readonly netns: string },
  found: Found | undefined,
): string | undefined {
  if (found === undefined) return `there is no interface ${ifname} in ${netns}`;
  const interfaces = result.interfaces ?? [];
  const at = interfaces.findIndex((each) => each.name === ifname && each["sandbox"] === netns);
  const own = interfaces[at];
  if (own === undefined) return `prevResult has no interface ${ifname} in ${netns}`;
  const { mac } = own;
  if (typeof mac === "string" && mac.toLowerCase() !== found.mac)
    return `${ifname} has MAC ${found.mac}, not ${mac}`;
  const ips = (result.ips ?? []).filter((each) => each["interface"] === at);
  const lost = ips.find(({ address }) => !found.addresses.includes(canonical(address)));
  if (lost !== undefined) return `${ifname} has no address ${lost.address}`;
  const gateways = ips.map((each) => each["gateway"]);
  const defaults = (result.routes ?? []).filter(
    ({ dst, gw }) => ["0.0.0.0/0", "::/0"].includes(dst) && gateways.includes(gw),
  );
  const gone = defaults.find(({ gw }) => !found.defaults.includes(String(gw)));
  return gone === undefined ? undefined : `the default route over ${gone["gw"]} is gone`;
}

/** The answer to VERSION. */
export function versionResult(version: string): object {
  return { cniVersion: version, supportedVersions: cniVersions };
}

/** The answer that says why there is no result. */
export function faultResult(version: string, { code, msg, details }: CniFault): object {
  return { cniVersion: version, code, msg, ...(details !== undefined && { details }) };
}

/** Whether a network has the subnets that a configuration asks for; one that asks for none has. */
export function hasSubnets(has: readonly string[], asked: readonly Cidr[]): boolean {
  return asked.length === 0 || [...has].toSorted().join() === [...asked].toSorted().join();
}

function hasFamily(version: CniVersion): boolean {
  return cniVersions.indexOf(version) < cniVersions.indexOf("1.0.0");
}

function canonical(address: string): string {
  const [ip = "", prefix] = address.split("/");
  return `${parseIp(ip) ?? ip}/${prefix}`;
}

function isSix(address: string): boolean {
  return address.includes(":");
}
