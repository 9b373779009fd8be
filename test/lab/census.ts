/**
 * What one host's kernel holds, as comparable lines: ours, by name and mark, and everybody else's.
 * Read with the operator's own tools; the agent is not asked.
 */
import type { Host } from "./host.ts";

/** Sorted lines; no line says anything that changes by itself. */
export type Census = { readonly ours: readonly string[]; readonly foreign: readonly string[] };

type Link = {
  readonly ifname: string;
  readonly ifalias?: string;
  readonly address: string;
  readonly mtu: number;
  readonly flags: readonly string[];
  readonly master?: string;
  readonly addr_info: readonly Address[];
  readonly linkinfo?: {
    readonly info_kind?: string;
    readonly info_data?: {
      readonly id?: number;
      readonly local?: string;
      readonly local6?: string;
      readonly port?: number;
    };
    readonly info_slave_data?: { readonly learning?: boolean; readonly flood?: boolean };
  };
};
type Address = { readonly local: string; readonly prefixlen: number; readonly scope: string };
type Neighbour = { readonly dst: string; readonly dev: string; readonly lladdr: string };
type Fdb = {
  readonly mac: string;
  readonly ifname: string;
  readonly dst?: string;
  readonly master?: string;
  readonly state?: string;
};
type Element = number | string | { readonly concat: readonly (number | string)[] };
type Rule = {
  readonly family: string;
  readonly table?: string;
  readonly name?: string;
  readonly chain?: string;
  readonly hook?: string;
  readonly policy?: string;
  readonly elem?: readonly Element[];
};
type Ruleset = Readonly<Record<"table" | "chain" | "rule" | "set", Rule | undefined>>;

/** The census of a host. */
export async function takeCensus(host: Host): Promise<Census> {
  const [links, neighbours, fdb, ruleset] = await Promise.all([
    read<Link>(host, "ip -d -j address show"),
    read<Neighbour>(host, "ip -j neigh show nud permanent"),
    read<Fdb>(host, "bridge -j fdb show"),
    host.run(["nft", "-j", "list", "ruleset"]),
  ]);
  const own = new Set(links.filter(isOwn).map(({ ifname }) => ifname));
  const rules = (JSON.parse(ruleset) as { readonly nftables: readonly Ruleset[] }).nftables;
  const rows = [
    ...links.flatMap((link) =>
      linkLines(link).map((line) => [own.has(link.ifname), line] as const),
    ),
    ...neighbours.map((row) => {
      return [own.has(row.dev), `neighbour ${row.dev} ${row.dst} ${row.lladdr}`] as const;
    }),
    ...fdb.flatMap((row) => fdbLines(row).map((line) => [own.has(row.ifname), line] as const)),
    ...rules.flatMap(ruleLines),
  ];
  const lines = (isOurs: boolean) => rows.flatMap(([is, line]) => (is === isOurs ? [line] : []));
  return { ours: lines(true).toSorted(), foreign: lines(false).toSorted() };
}

/** A device without our mark is another's, whatever it is called. */
function isOwn({ ifname, ifalias }: Link): boolean {
  return /^(slx?-\d+|slp[0-9a-f]{12})$/.test(ifname) && ifalias?.startsWith("starling ") === true;
}

function linkLines(link: Link): string[] {
  const { ifname, address, mtu, flags, master, linkinfo = {}, addr_info } = link;
  const { id, local, local6, port: udp } = linkinfo.info_data ?? {};
  const vxlan = linkinfo.info_kind === "vxlan" ? ` vni ${id} of ${local ?? local6}:${udp}` : "";
  const state = flags.includes("UP") ? "up" : "down";
  const { learning, flood } = linkinfo.info_slave_data ?? {};
  const port = learning === false && flood === false ? " closed" : "";
  // A port's own MAC is the kernel's choice and means nothing.
  const mac = linkinfo.info_kind === "veth" ? "" : ` mac ${address}`;
  return [
    `link ${ifname} ${state} on ${master ?? "none"}${port} mtu ${mtu}${mac}${vxlan}`,
    ...addr_info
      .filter(({ scope }) => scope === "global")
      .map(({ local: ip, prefixlen }) => `address ${ifname} ${ip}/${prefixlen}`),
  ];
}

/** Groups that a device listens to, and a port's own MAC, come and go with other things. */
function fdbLines({ mac, ifname, dst, master, state }: Fdb): string[] {
  if (dst !== undefined) return [`frames ${ifname} ${mac} to ${dst}`];
  return master !== undefined && state === "static" ? [`bridged ${ifname} ${mac}`] : [];
}

function ruleLines(row: Ruleset): (readonly [boolean, string])[] {
  const { chain, rule, set, table } = row;
  const one = table ?? chain ?? rule ?? set;
  if (one === undefined) return [];
  const isOurs = (one.table ?? one.name) === "starling";
  if (!isOurs) return [[false, JSON.stringify(row).replace(/"handle": ?\d+/g, "")]];
  if (chain?.hook !== undefined) {
    return [[true, `chain ${chain.family} ${chain.name} at ${chain.hook} ${chain.policy}`]];
  }
  if (rule !== undefined) return [[true, `rule ${rule.family} ${rule.chain}`]];
  return (set?.elem ?? []).map((element) => [true, `${set?.name} ${elementText(element)}`]);
}

function elementText(element: Element): string {
  return typeof element === "object" ? element.concat.join(" ") : `${element}`;
}

async function read<Row extends object>(host: Host, command: string): Promise<readonly Row[]> {
  const text = await host.run(command.split(" "));
  const rows = text.trim() === "" ? [] : (JSON.parse(text) as Row[]);
  // iproute2 pads filtered lists with empty objects.
  return rows.filter((row) => Object.keys(row).length > 0);
}
