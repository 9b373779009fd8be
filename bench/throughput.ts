/**
 * TCP between two endpoints against the best that this kernel can do: a VXLAN made by hand between
 * the same two hosts, over the same cable, at the same MTU, through a bridge and a veth pair as
 * ours. Runs alternate, so that a busy machine hurts both alike.
 */
import { formCluster } from "../test/lab/cluster.ts";
import type { Host } from "../test/lab/host.ts";
import { Lab } from "../test/lab/lab.ts";
import { addNamespace, enterNamespace } from "../test/lab/namespace.ts";
import { Process, run } from "../test/lab/process.ts";
import { median } from "./quantiles.ts";
import { printTable, printTargets, writeResults } from "./report.ts";

export type ThroughputOptions = { readonly rounds: number; readonly seconds: number };

/** Two ends of a wire under test. */
export type Ends = {
  readonly client: readonly string[];
  readonly server: readonly string[];
  readonly address: string;
};
type Path = Ends & { readonly name: string };

const handMade = { vni: 999, mac: (end: number) => `02:ba:5e:00:00:0${end}` };

export async function benchThroughput({ rounds, seconds }: ThroughputOptions): Promise<void> {
  await using lab = await Lab.open({ hosts: ["a", "b"] });
  const paths = await layPaths(lab);
  const figures = new Map(paths.map(({ name }) => [name, [] as number[]]));
  for (let round = 0; round < rounds; round += 1) {
    const order = round % 2 === 0 ? paths : paths.toReversed();
    for (const path of order) figures.get(path.name)?.push(await measureTcp(path, seconds));
  }
  const medians = Object.fromEntries([...figures].map(([name, all]) => [name, median(all)]));
  const ratio = (medians["starling"] ?? 0) / (medians["by hand"] ?? Number.NaN);
  printTable(
    ["Gbit/s, TCP", "median", "each run"],
    [...figures].map(([name, all]) => [
      name,
      (medians[name] ?? 0).toFixed(2),
      all.map((figure) => figure.toFixed(2)).join(" "),
    ]),
  );
  printTargets([
    { what: "starling / by hand", measured: ratio, limit: 0.98, unit: "", kind: "at least" },
  ]);
  writeResults("throughput", {
    rounds,
    seconds,
    medians,
    ratio,
    runs: Object.fromEntries(figures),
  });
}

async function layPaths(lab: Lab): Promise<readonly Path[]> {
  const cluster = await formCluster(lab);
  const [a, b] = [lab.host("a"), lab.host("b")];
  await cluster.network("web", "10.32.0.0/16");
  const near = await cluster.endpoint("a", { network: "web", name: "near" });
  const far = await cluster.endpoint("b", { network: "web", name: "far" });
  const mtu = Number(/mtu (\d+)/.exec(await near.run(["ip", "link", "show", "dev", "eth0"]))?.[1]);
  process.stdout.write(`endpoints' MTU ${mtu}, underlay's 1500\n`);
  await Promise.all([buildByHand(a, b, 1, mtu), buildByHand(b, a, 2, mtu)]);
  return [
    { name: "bare underlay", client: a.enter, server: b.enter, address: b.address },
    { name: "by hand", client: handEnd(1), server: handEnd(2), address: "10.99.0.2" },
    { name: "starling", client: near.enter, server: far.enter, address: far.address },
  ];
}

/**
 * One host's end: namespace --veth-- bridge -- VXLAN, with the other end's entries written down.
 */
async function buildByHand(host: Host, peer: Host, end: number, mtu: number): Promise<void> {
  const other = 3 - end;
  await addNamespace(`hand${end}`);
  const link = (words: string): string => `link ${words}\n`;
  await host.run(["ip", "-batch", "-"], {
    input: [
      link(`add name hbr mtu ${mtu} type bridge mcast_snooping 0`),
      link(
        `add name hvx mtu ${mtu} type vxlan id ${handMade.vni} dstport 4789 local ${host.address} nolearning`,
      ),
      link("set dev hvx master hbr up"),
      link("set dev hbr up"),
    ].join(""),
  });
  // The pair is made on the host; the far end moves by the namespace's name, which all of the lab
  // shares.
  await host.run([
    ...[
      "ip",
      "link",
      "add",
      "name",
      "hport",
      "mtu",
      `${mtu}`,
      "type",
      "veth",
      "peer",
      "name",
      "eth0",
    ],
    ...["mtu", `${mtu}`, "address", handMade.mac(end), "netns", `hand${end}`],
  ]);
  await host.run(["ip", "link", "set", "dev", "hport", "master", "hbr", "up"]);
  await host.run(["bridge", "fdb", "add", handMade.mac(other), "dev", "hvx", "dst", peer.address]);
  await host.run(["bridge", "fdb", "add", handMade.mac(other), "dev", "hvx", "master", "static"]);
  await run([...handEnd(end), "ip", "-batch", "-"], {
    input: [
      `addr add 10.99.0.${end}/24 dev eth0\n`,
      link("set dev eth0 up"),
      `neigh add 10.99.0.${other} lladdr ${handMade.mac(other)} dev eth0\n`,
    ].join(""),
  });
}

function handEnd(end: number): readonly string[] {
  return enterNamespace(`hand${end}`);
}

/** Gbit/s as received. */
export async function measureTcp(path: Ends, seconds: number): Promise<number> {
  const { client, server, address } = path;
  await using listener = new Process([
    ...server,
    "iperf3",
    "--server",
    "--one-off",
    "--forceflush",
  ]);
  await listener.out.until(/Server listening/, { withinMs: 5_000 });
  const argv = [...client, "iperf3", "--client", address, "--time", `${seconds}`, "--json"];
  const text = await run(argv, { withinMs: seconds * 1_000 + 10_000 });
  const { end } = JSON.parse(text) as { end: { sum_received: { bits_per_second: number } } };
  return end.sum_received.bits_per_second / 1e9;
}
