/** Which of this host's networks joins it to the others, and how much it carries. */
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { networkInterfaces } from "node:os";
import { type Ip, parseIp } from "../../base/address.ts";
import { MeshError } from "../../base/errors.ts";
import type { Underlay } from "../dataplane.ts";
import { looksOurs } from "../names.ts";
import { runJson } from "./run.ts";

type Wish = {
  /** An interface or an address of this host; undefined: routes decide. */
  readonly bind: string | undefined;
  /** Hosts to be reached: the first that has a route decides. */
  readonly seeds: readonly string[];
};

type Route = {
  readonly dev?: string;
  readonly prefsrc?: string;
  readonly metrics?: readonly { readonly mtu?: number }[];
};
type Device = {
  readonly ifname: string;
  readonly mtu: number;
  readonly addr_info: readonly { readonly local?: string; readonly scope?: string }[];
};

/**
 * The interface or address asked for; else the way to a seed; else the default route's; else any
 * global address. Throws a MeshError UNDERLAY_UNKNOWN that says what was tried.
 */
export async function findUnderlay({ bind, seeds }: Wish): Promise<Underlay> {
  const devices = await usableDevices();
  if (bind !== undefined) return bound(bind, devices);
  for (const seed of seeds) {
    const underlay = await towards(seed, devices);
    if (underlay !== undefined) return underlay;
  }
  for (const family of ["-4", "-6"]) {
    const [route] = await routes([family, "route", "show", "default"]);
    const underlay = along(route, devices);
    if (underlay !== undefined) return underlay;
  }
  for (const device of devices) {
    const underlay = on(device, globalIp(device));
    if (underlay !== undefined) return underlay;
  }
  const tried = seeds.length === 0 ? "" : `a route to ${seeds.join(", ")}, `;
  const message = `no address to build tunnels on: tried ${tried}the default route and every interface; name one with --bind`;
  throw new MeshError("UNDERLAY_UNKNOWN", message);
}

/** Every address of this host. */
export function ownAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((rows) =>
    (rows ?? []).map(({ address }) => address),
  );
}

function bound(bind: string, devices: readonly Device[]): Underlay {
  const wanted = parseIp(bind);
  const device = devices.find(
    (one) => one.ifname === bind || (wanted !== undefined && ipsOf(one).includes(wanted)),
  );
  const underlay = device && on(device, wanted ?? globalIp(device));
  if (underlay !== undefined) return underlay;
  const why =
    device === undefined
      ? "is neither an interface that is up nor an address of this host"
      : "has no address";
  const known = devices.map(({ ifname }) => ifname).join(", ") || "none";
  throw new MeshError("UNDERLAY_UNKNOWN", `--bind ${bind} ${why}; interfaces: ${known}`);
}

async function towards(seed: string, devices: readonly Device[]): Promise<Underlay | undefined> {
  const target = isIP(seed) === 0 ? await resolve(seed) : seed;
  if (target === undefined) return undefined;
  const [route] = await routes(["route", "get", target]);
  return along(route, devices);
}

function resolve(name: string): Promise<string | undefined> {
  return lookup(name).then(
    ({ address }) => address,
    () => undefined,
  );
}

function along(route: Route | undefined, devices: readonly Device[]): Underlay | undefined {
  const device = devices.find(({ ifname }) => ifname === route?.dev);
  if (route === undefined || device === undefined) return undefined;
  const underlay = on(device, parseIp(route.prefsrc ?? "") ?? globalIp(device));
  const mtu = Math.min(device.mtu, route.metrics?.[0]?.mtu ?? device.mtu);
  return underlay && { ...underlay, mtu };
}

function on(device: Device, address: Ip | undefined): Underlay | undefined {
  return address && { device: device.ifname, address, mtu: device.mtu };
}

async function routes(args: readonly string[]): Promise<readonly Route[]> {
  return (await runJson("ip", args).catch(() => [])) as Route[];
}

/** Devices that are up, without the loopback and without ours. */
async function usableDevices(): Promise<readonly Device[]> {
  const devices = (await runJson("ip", ["address", "show", "up"])) as Device[];
  return devices.filter(({ ifname }) => ifname !== "lo" && !looksOurs(ifname));
}

function globalIp({ addr_info }: Device): Ip | undefined {
  const texts = addr_info.filter(({ scope }) => scope === "global").map(({ local }) => local ?? "");
  const ips = texts.map(parseIp).filter((ip) => ip !== undefined);
  return ips.find((ip) => !ip.includes(":")) ?? ips[0];
}

function ipsOf({ addr_info }: Device): readonly (Ip | undefined)[] {
  return addr_info.map(({ local }) => parseIp(local ?? ""));
}
