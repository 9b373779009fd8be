/**
 * What a host's kernel holds, read with the operator's own tools: the judge that does not ask the
 * agent.
 */
import type { Host } from "./host.ts";

/** An entry of a VXLAN device's forwarding table: frames for `mac` leave towards `vtep`. */
export type ForwardingEntry = { readonly mac: string; readonly vtep: string };

export type Tunnel = {
  readonly device: string;
  readonly vni: number;
  /** This host's end. */
  readonly vtep: string;
  readonly entries: readonly ForwardingEntry[];
};

type LinkRow = {
  readonly ifname: string;
  readonly linkinfo?: { readonly info_data?: { readonly id?: number } & Readonly<Ends> };
};
type Ends = { local?: string; local6?: string };
type FdbRow = { readonly mac: string; readonly dst?: string };

/** Every VXLAN device of the host with its forwarding entries. */
export async function tunnelsOf(host: Host): Promise<readonly Tunnel[]> {
  const links = parse<LinkRow>(
    await host.run(["ip", "-json", "-details", "link", "show", "type", "vxlan"]),
  );
  return Promise.all(
    links.map(async ({ ifname, linkinfo }) => {
      const { id = 0, local, local6 } = linkinfo?.info_data ?? {};
      const rows = parse<FdbRow>(await host.run(["bridge", "-json", "fdb", "show", "dev", ifname]));
      const entries = rows.flatMap(({ mac, dst }) =>
        dst === undefined ? [] : [{ mac, vtep: dst }],
      );
      return { device: ifname, vni: id, vtep: local ?? local6 ?? "", entries };
    }),
  );
}

/** Everything in the host that an agent could have made or changed, as comparable lines. */
export async function kernelState(host: Host): Promise<readonly string[]> {
  const dumps = await Promise.all([
    host.run(["ip", "-oneline", "link", "show"]),
    host.run(["ip", "-oneline", "address", "show"]),
    host.run(["ip", "neighbour", "show", "nud", "permanent"]),
    host.run(["bridge", "fdb", "show"]),
    host.run(["nft", "list", "ruleset"]),
  ]);
  const lines = dumps.flatMap((dump) => dump.split("\n")).filter((line) => line !== "");
  // Whether the kernel still looks for a duplicate of its own address is a matter of the second we
  // ask in.
  return lines.map((line) => line.replace(" tentative", ""));
}

function parse<Row extends object>(json: string): readonly Row[] {
  // With nothing to list, some versions print nothing at all, and some an empty object.
  if (json.trim() === "") return [];
  return (JSON.parse(json) as Row[]).filter((row) => Object.keys(row).length > 0);
}
