/** What is said of containers on the mesh, and how it is asked: as users would, from outside. */
import assert from "node:assert/strict";
import type { EndpointView } from "../../agent/view.ts";
import type { DockerCluster, DockerHost } from "./cluster.ts";
import type { Engine } from "./engine.ts";

export const create = ["network", "create", "-d", "starling", "--ipam-driver", "starling"];

/** Makes a network of the mesh known to every engine, with the same words on each. */
export async function createEverywhere(
  cluster: DockerCluster,
  name: string,
  ...flags: string[]
): Promise<void> {
  for (const { engine } of cluster.hosts) {
    await engine.docker(...create, ...flags, "-o", `starling.network=${name}`, name);
  }
}

/** A container's address in a network, of the family asked for. */
export async function addressOf(
  engine: Engine,
  container: string,
  network: string,
  field: "IPAddress" | "GlobalIPv6Address" | "MacAddress" = "IPAddress",
): Promise<string> {
  const format = `{{(index .NetworkSettings.Networks "${network}").${field}}}`;
  return engine.docker("inspect", "-f", format, container);
}

/** The container gets an answer from there, in so many seconds at most. */
export async function reaches(engine: Engine, from: string, to: string): Promise<void> {
  await engine.exec(from, "ping", "-c", "1", "-W", "5", to);
}

/** Whether anything answers there within a second. */
export async function isSilent(engine: Engine, from: string, to: string): Promise<boolean> {
  const result = await engine.tryDocker("exec", from, "ping", "-c", "1", "-W", "1", to);
  return result.code !== 0;
}

/** Resolves when every agent shows exactly these endpoints in the network, by name. */
export async function showsOnly(
  cluster: DockerCluster,
  network: string,
  names: readonly string[],
): Promise<void> {
  const wanted = names.toSorted().join(" ");
  for (const { agent } of cluster.hosts) {
    let shown = "";
    const seen = agent.eventually(`${network} holds: ${wanted}`, async (api) => {
      shown = namesIn(await api.endpoints(), network);
      return shown === wanted;
    });
    await seen.catch((error: unknown) => {
      throw new Error(`${agent.host.name} shows: ${shown}`, { cause: error });
    });
  }
}

function namesIn(endpoints: readonly EndpointView[], network: string): string {
  const inside = endpoints.filter((endpoint) => endpoint.network.name === network);
  return inside
    .map(({ name, id }) => name ?? id)
    .toSorted()
    .join(" ");
}

/** On every host there are as many of our ports as endpoints live there, and no forgotten link. */
export async function linksMatch(cluster: DockerCluster): Promise<void> {
  for (const { host, agent } of cluster.hosts) {
    const wanted = await localEndpoints(cluster, host.name);
    const what = `${host.name} has ${wanted} ports`;
    await agent.eventually(what, async () => (await portsOf({ host })).length === wanted);
  }
}

async function localEndpoints(cluster: DockerCluster, name: string): Promise<number> {
  const endpoints = await cluster.at(name).agent.api.endpoints();
  return endpoints.filter(({ isLocal }) => isLocal).length;
}

/** Our ends of containers' interfaces on a host, by name. */
export async function portsOf({ host }: Pick<DockerHost, "host">): Promise<readonly string[]> {
  const text = await host.run(["ip", "-o", "link", "show", "type", "veth"]);
  return [...text.matchAll(/^\d+: (slp[0-9a-f]{12})@/gm)].map(([, name = ""]) => name);
}

/** Where a command is given, and how long it may take until it is refused: 5 s, as promised. */
type Asked = { readonly engine: Engine; readonly withinMs?: number };

/** The command fails, for all of these reasons, and in time. */
export async function isRefused(
  { engine, withinMs = 5_000 }: Asked,
  args: readonly string[],
  ...reasons: RegExp[]
): Promise<void> {
  const start = performance.now();
  const result = await engine.tryDocker(...args);
  const ms = performance.now() - start;
  assert.notEqual(result.code, 0, `docker ${args.join(" ")} was accepted`);
  for (const reason of reasons) assert.match(result.stderr, reason);
  assert.ok(ms < withinMs, `refused after ${ms.toFixed(0)} ms: ${result.stderr}`);
}
