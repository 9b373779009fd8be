import type { Engine } from "../test/docker/engine.ts";
import type { Lab } from "../test/lab/lab.ts";
import { Monitor, type MonitorKind } from "../test/lab/monitor.ts";
import { type DockerMesh, openEnds, openEngines } from "./docker-mesh.ts";
import { NameProbe } from "./name-probe.ts";
import { withDescendants } from "./usage.ts";

const network = "web";
/** Where Docker answers names inside every container. */
const resolver = "127.0.0.11";

/**
 * Docker's own overlay: the first host is the manager, the others are workers, and an attachable
 * network takes ordinary containers.
 */
export async function openSwarm(
  lab: Lab,
  names: readonly string[],
  stack: AsyncDisposableStack,
): Promise<DockerMesh> {
  const engines = await openEngines(lab, names, stack);
  const [manager, runner, ...others] = engines;
  await manager.docker("swarm", "init", "--advertise-addr", manager.host.address);
  const token = await manager.docker("swarm", "join-token", "-q", "worker");
  for (const worker of [runner, ...others]) {
    await worker.docker("swarm", "join", "--token", token, `${manager.host.address}:2377`);
  }
  const overlay = ["--driver", "overlay", "--attachable", "--subnet", "10.40.0.0/16"];
  await manager.docker("network", "create", ...overlay, network);
  const ends = await openEnds(engines, network);
  const links = stack.use(await openMonitor(runner, "link"));
  const tables: Monitor[] = [];
  for (const engine of [manager, ...others]) {
    tables.push(stack.use(await openMonitor(engine, "fdb")));
  }
  return {
    ...{ product: "swarm", network, engines, ends, links, tables },
    names: stack.use(new NameProbe(ends[0].enter, resolver)),
    address: (at) => `10.40.${100 + (at >> 8)}.${at & 255}`,
    nameOf: (container) => container,
    processes: () => withDescendants(manager.pid),
  };
}

/** In the namespace in which dockerd keeps this overlay's bridge and VXLAN device. */
async function openMonitor(engine: Engine, kind: MonitorKind): Promise<Monitor> {
  const id = await engine.docker("network", "inspect", "-f", "{{.Id}}", network);
  const inside = ["nsenter", `--net=${engine.namespaces}/1-${id.slice(0, 10)}`];
  return Monitor.open({ enter: [...engine.enter, ...inside], kind, device: "br0" });
}
