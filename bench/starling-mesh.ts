import { dockerFlags } from "../test/docker/cluster.ts";
import type { Engine } from "../test/docker/engine.ts";
import type { Agent } from "../test/lab/agent.ts";
import { sees } from "../test/lab/cluster.ts";
import type { Lab } from "../test/lab/lab.ts";
import type { Monitor } from "../test/lab/monitor.ts";
import { type DockerMesh, openEnds, openEngines } from "./docker-mesh.ts";
import { NameProbe } from "./name-probe.ts";
import { withDescendants } from "./usage.ts";

const network = "web";
/** The network's first address: on every host the nearest host's own. */
const gateway = "10.32.0.1";

export type StarlingMeshOptions = {
  readonly names: readonly string[];
  readonly program: string | undefined;
  readonly stack: AsyncDisposableStack;
};

/** Our agents beside the engines, joined from the first host's address. */
export async function openStarling(
  lab: Lab,
  { names, program, stack }: StarlingMeshOptions,
): Promise<DockerMesh> {
  const engines = await openEngines(lab, names, stack);
  const [first, runner, ...others] = engines;
  const agents = await joinAll(engines, program);
  const create = ["network", "create", "-d", "starling", "--ipam-driver", "starling"];
  for (const engine of engines) {
    await engine.docker(
      ...create,
      "--subnet",
      "10.32.0.0/16",
      "-o",
      "starling.network=web",
      network,
    );
  }
  const ends = await openEnds(engines, network);
  const tables: Monitor[] = [];
  for (const { host } of [first, ...others]) tables.push(await host.monitor("fdb"));
  const own = (ends[1]?.address ?? "").split(".").slice(0, 2).join(".");
  return {
    ...{ product: "starling", network, engines, ends, tables },
    links: await runner.host.monitor("link"),
    names: stack.use(new NameProbe(ends[0].enter, gateway)),
    address: (at) => `${own}.${100 + (at >> 8)}.${at & 255}`,
    nameOf: (container) => `${container}.${network}.starling`,
    processes: () => [...withDescendants(first.pid), ...withDescendants(agents[0]?.pid ?? 0)],
  };
}

async function joinAll(engines: readonly Engine[], program: string | undefined): Promise<Agent[]> {
  const agents: Agent[] = [];
  for (const engine of engines) {
    const [founder] = agents;
    const joining =
      founder === undefined ? {} : { join: [founder.host.address], token: await founder.token() };
    const agent = engine.host.startAgent({ ...joining, program, flags: dockerFlags(engine) });
    agents.push(await agent.ready());
  }
  for (const agent of agents) await sees(agent, agents.length);
  return agents;
}
