/** What dockerd calls for each container of a network, without the containers. */
import { randomBytes } from "node:crypto";
import type { DockerHost } from "./cluster.ts";
import { PluginClient } from "./plugin-client.ts";

/** One host's side: whom dockerd would call, and with what. */
export type Caller = {
  readonly at: DockerHost;
  readonly plugin: PluginClient;
  readonly pool: unknown;
  readonly network: string;
};
/** An endpoint as dockerd knows it. */
export type Attached = { readonly endpoint: string; readonly address: string };
const subnet = "10.32.0.0/16";
/** Calls under way at once on each host; dockerd makes as many as containers start at once. */
const width = 8;

/** A network of Docker's with one container, so that this host holds what goes on in it. */
export async function openCaller(at: DockerHost): Promise<Caller> {
  const create = ["network", "create", "-d", "starling", "--ipam-driver", "starling"];
  const web = ["--subnet", subnet, "-o", "starling.network=web", "web"];
  const network = await at.engine.docker(...create, ...web);
  await at.engine.sleeper("--name", "base", "--network", "web");
  const plugin = new PluginClient(`${at.engine.plugins}/starling.sock`);
  const asked = { AddressSpace: "", Pool: subnet, Options: { "starling.network": "web" } };
  const { PoolID: pool } = await plugin.ask("IpamDriver.RequestPool", asked);
  return { at, plugin, pool, network };
}

/** RequestAddress, CreateEndpoint and Join, so many times. */
export async function attachAll(
  { plugin, pool, network }: Caller,
  count: number,
): Promise<Attached[]> {
  return inTurns(Array.from({ length: count }), async () => {
    const endpoint = randomBytes(32).toString("hex");
    const free = await plugin.ask("IpamDriver.RequestAddress", { PoolID: pool, Address: "" });
    const address = String(free["Address"]);
    const ids = { NetworkID: network, EndpointID: endpoint };
    const wanted = { Interface: { Address: address, AddressIPv6: "", MacAddress: "" } };
    await plugin.ask("NetworkDriver.CreateEndpoint", { ...ids, ...wanted, Options: {} });
    await plugin.ask("NetworkDriver.Join", { ...ids, SandboxKey: "", Options: {} });
    return { endpoint, address };
  });
}

/** Leave, DeleteEndpoint and ReleaseAddress of each. */
export async function detachAll(
  { plugin, pool, network }: Caller,
  all: readonly Attached[],
): Promise<void> {
  await inTurns(all, async ({ endpoint, address }) => {
    const ids = { NetworkID: network, EndpointID: endpoint };
    await plugin.ask("NetworkDriver.Leave", ids);
    await plugin.ask("NetworkDriver.DeleteEndpoint", ids);
    const [ip] = address.split("/");
    await plugin.ask("IpamDriver.ReleaseAddress", { PoolID: pool, Address: ip });
  });
}

/** A few at a time, each as soon as one before it is done. */
async function inTurns<T, R>(items: readonly T[], act: (item: T) => Promise<R>): Promise<R[]> {
  const left = [...items];
  const done: R[] = [];
  const work = async (): Promise<void> => {
    for (;;) {
      if (left.length === 0) return;
      done.push(await act(left.pop() as T));
    }
  };
  await Promise.all(Array.from({ length: width }, work));
  return done;
}
