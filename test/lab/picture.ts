import type { Endpoint } from "./endpoint.ts";
import type { Host } from "./host.ts";
import { type Tunnel, tunnelsOf } from "./kernel.ts";

/** What the picture shows of one host: all of it but the names is read from its kernel. */
export type Panel = {
  readonly host: Host;
  readonly endpoints: readonly Endpoint[];
  readonly tunnels: readonly Tunnel[];
};

const inner = 62;

/**
 * Hosts, their endpoints and, one line each, the tunnel every remote endpoint is reached through.
 */
export async function drawHosts(
  hosts: readonly Host[],
  endpoints: readonly Endpoint[],
): Promise<string> {
  const panels = await Promise.all(
    hosts.map(async (host) => ({
      host,
      endpoints: endpoints.filter((endpoint) => endpoint.view.host.name === host.name),
      tunnels: await tunnelsOf(host),
    })),
  );
  const byMac = new Map(endpoints.map((endpoint) => [endpoint.view.mac as string, endpoint]));
  return panels.map((panel) => drawPanel(panel, byMac).join("\n")).join("\n");
}

function drawPanel(panel: Panel, byMac: ReadonlyMap<string, Endpoint>): string[] {
  const { host, endpoints, tunnels } = panel;
  const lines = endpoints.map(
    (endpoint) =>
      `● ${endpoint.name.padEnd(8)} ${endpoint.address.padEnd(13)} ${endpoint.view.mac}`,
  );
  for (const { device, vni, vtep, entries } of tunnels) {
    lines.push(`└─ ${device}: VXLAN ${vni}, this end ${vtep}`);
    for (const { mac, vtep: far } of entries.toSorted((a, b) => a.vtep.localeCompare(b.vtep))) {
      const name = byMac.get(mac)?.name ?? "?";
      lines.push(`   ═══> ${far.padEnd(13)} for ${name.padEnd(8)} ${mac}`);
    }
  }
  return box(`host ${host.name}  ${host.address}`, lines);
}

function box(title: string, lines: readonly string[]): string[] {
  const top = `┌─ ${title} ${"─".repeat(Math.max(0, inner - title.length - 2))}┐`;
  const rows = lines.map((line) => `│ ${line.padEnd(inner)}│`);
  return [top, ...rows, `└${"─".repeat(inner + 1)}┘`];
}
