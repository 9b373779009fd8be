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
type AddressRow = {
  readonly ifname: string;
  readonly mtu: number;
  readonly addr_info: readonly { readonly local?: string; readonly scope?: string }[];
};

/** Throws a MeshError UNDERLAY_UNKNOWN that says what was tried. */
export async function findUnderlay({ bind, seeds }: Wish): Promise<Underlay> {
  const rows = await addressRows();
  if (bind !== undefined) return bound(bind, rows);
  for (const seed of seeds) {
    const underlay = await towards(seed, rows);
    if (underlay !== undefined) return underlay;
  }
  const [route] = (await runJson("ip", ["route", "show", "default"])) as Route[];
  const first =
    rows.find(({ ifname }) => ifname === route?.dev) ??
    rows.find((row) => globalIp(row) !== undefined);
  const address = first && globalIp(first);
  if (first !== undefined && address !== undefined) {
    return { device: first.ifname, address, mtu: first.mtu };
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

function bound(bind: string, rows: readonly AddressRow[]): Underlay {
  const wanted = parseIp(bind);
  const row = rows.find(
    ({ ifname, addr_info }) =>
      ifname === bind || addr_info.some(({ local }) => local === wanted && wanted !== undefined),
  );
  const address = row && (wanted ?? globalIp(row));
  if (row !== undefined && address !== undefined)
    return { device: row.ifname, address, mtu: row.mtu };
  const why =
    row === undefined ? "is neither an interface nor an address of this host" : "has no address";
  const known = rows.map(({ ifname }) => ifname).join(", ");
  throw new MeshError("UNDERLAY_UNKNOWN", `--bind ${bind} ${why}; interfaces: ${known}`);
}

async function towards(seed: string, rows: readonly AddressRow[]): Promise<Underlay | undefined> {
  const target =
    isIP(seed) === 0
      ? await lookup(seed).then(
          ({ address }) => address,
          () => undefined,
        )
      : seed;
  if (target === undefined) return undefined;
  const [route] = (await runJson("ip", ["route", "get", target]).catch(() => [])) as Route[];
  const address = parseIp(route?.prefsrc ?? "");
  const row = rows.find(({ ifname }) => ifname === route?.dev);
  if (row === undefined || address === undefined || row.ifname === "lo") return undefined;
  return {
    device: row.ifname,
    address,
    mtu: Math.min(row.mtu, route?.metrics?.[0]?.mtu ?? row.mtu),
  };
}

async function addressRows(): Promise<AddressRow[]> {
  const rows = (await runJson("ip", ["address", "show", "up"])) as AddressRow[];
  return rows.filter(({ ifname }) => ifname !== "lo" && !looksOurs(ifname));
}

function globalIp({ addr_info }: AddressRow): Ip | undefined {
  const texts = addr_info.filter(({ scope }) => scope === "global").map(({ local }) => local ?? "");
  const ips = texts.map(parseIp).filter((ip) => ip !== undefined);
  return ips.find((ip) => !ip.includes(":")) ?? ips[0];
}
