import { Engine } from "../test/docker/engine.ts";
import type { Lab } from "../test/lab/lab.ts";
import type { Monitor } from "../test/lab/monitor.ts";
import { IgnorantServer } from "./ignorant-server.ts";
import type { NameProbe } from "./name-probe.ts";

/** A product that joins the containers of several Docker engines, set up and in use. */
export type DockerMesh = {
  readonly product: "starling" | "swarm";
  /** The network's name on every engine. */
  readonly network: string;
  readonly engines: readonly Engine[];
  /** Containers that were there before, one on each engine: from the first, others are sought. */
  readonly ends: readonly End[];
  readonly names: NameProbe;
  /** Links of the second host, where its own ends of containers' interfaces are. */
  readonly links: Monitor;
  /** The forwarding table of each other host. */
  readonly tables: readonly Monitor[];
  /** The `at`-th address that a container on the second host may ask for. */
  address(at: number): string;
  /** The name under which a container is looked for. */
  nameOf(container: string): string;
  /** The processes this needs on the host where it needs most. */
  processes(): readonly number[];
};

/** A container's network, entered from outside, and its address there. */
export type End = { readonly enter: readonly string[]; readonly address: string };

/** One engine on each of these hosts of the lab; the stack stops them. */
export async function openEngines(
  lab: Lab,
  names: readonly string[],
  stack: AsyncDisposableStack,
): Promise<readonly [Engine, Engine, ...Engine[]]> {
  const hosts = names.map((name) => lab.host(name));
  for (const host of hosts) stack.use(await IgnorantServer.open(host));
  const engines = await Promise.all(
    hosts.map((host) => Engine.open(host, { flags: ["--dns", host.address] })),
  );
  for (const engine of engines) stack.use(engine);
  const [first, second, ...others] = engines;
  if (first === undefined || second === undefined) throw new Error("this needs two hosts or more");
  return [first, second, ...others];
}

/** A container on each engine, in turn, as a network's first. */
export async function openEnds(
  engines: readonly Engine[],
  network: string,
): Promise<readonly [End, ...End[]]> {
  const ends: End[] = [];
  for (const engine of engines) {
    await engine.sleeper("--name", "base", "--network", network);
    const fields = `{{.State.Pid}} {{(index .NetworkSettings.Networks "${network}").IPAddress}}`;
    const [pid, address = ""] = (await engine.docker("inspect", "-f", fields, "base")).split(" ");
    ends.push({ enter: ["nsenter", `--net=/proc/${pid}/ns/net`], address });
  }
  const [first, ...others] = ends;
  if (first === undefined) throw new Error("this needs an engine");
  // Its kernel asks again for a neighbour it does not know after 5 ms instead of a second: else
  // every delay would be measured in whole seconds.
  const often = "echo 5 > /proc/sys/net/ipv4/neigh/eth0/retrans_time_ms";
  await engines[0]?.host.run([...first.enter, "sh", "-c", often]);
  return [first, ...others];
}
