/** Parsers of what Docker says: its calls, its events, its containers and networks. */
import assert from "node:assert/strict";
import { bodies, readBody } from "../../plugins/docker-bodies.ts";
import { readContainer, readEvent, readNetwork } from "../../plugins/docker-engine.ts";
import { readRow, readWish, rowKey, rowOf } from "../../plugins/docker-network.ts";
import {
  container,
  dockerNetwork,
  dockerNetworkId,
  endpointDockerId,
  inspectedNetwork,
  web,
} from "../plugins/docker/samples.ts";
import type { Target } from "./campaign.ts";

const ids = { NetworkID: dockerNetworkId, EndpointID: endpointDockerId };
const part = {
  AddressSpace: "starling",
  Pool: "10.32.0.0/16",
  Gateway: "10.32.0.1/16",
  AuxAddresses: null,
};
const wish = {
  NetworkID: dockerNetworkId,
  Options: { "com.docker.network.generic": { "starling.network": "web" } },
  IPv4Data: [part],
  IPv6Data: [],
};
const calls: Record<keyof typeof bodies, object> = {
  CreateNetwork: wish,
  DeleteNetwork: { NetworkID: dockerNetworkId },
  CreateEndpoint: {
    ...ids,
    Interface: { Address: "10.32.0.2/16", AddressIPv6: "fd00::2/64", MacAddress: "" },
    Options: { "com.docker.network.portmap": [{ Proto: 6, Port: 80, HostPort: 8_080 }] },
  },
  Endpoint: ids,
  Join: { ...ids, SandboxKey: "/var/run/docker/netns/3c1d2e4f5a6b", Options: {} },
  RequestPool: { AddressSpace: "starling", Pool: "10.32.0.0/16", SubPool: "", V6: false },
  ReleasePool: { PoolID: "10.32.0.0/16" },
  RequestAddress: {
    PoolID: "10.32.0.0/16",
    Address: "10.32.0.2",
    Options: { RequestAddressType: "com.docker.network.gateway" },
  },
  ReleaseAddress: { PoolID: "10.32.0.0/16", Address: "10.32.0.2" },
};
const event = {
  Type: "network",
  Action: "connect",
  Actor: { ID: dockerNetworkId, Attributes: { container: endpointDockerId, name: "web" } },
};
const row = dockerNetwork({ called: "web", pools: web.subnets, network: web.id });

/** All of them. */
export const dockerTargets: readonly Target[] = [
  ...Object.entries(calls).map(([method, sample]) =>
    ofJson(`Docker's ${method}`, [sample], (text) => {
      const read = readBody(bodies[method as keyof typeof bodies], text);
      return "value" in read;
    }),
  ),
  ofJson("Docker's network, as it was asked for", [wish], (text) => {
    const read = readBody(bodies.CreateNetwork, text);
    if ("fault" in read) return false;
    const found = readWish(read.value);
    if ("reason" in found) return false;
    assert.deepEqual(readRow(rowKey(found.network.id), rowOf(found.network)), found.network);
    return true;
  }),
  ofJson("Docker's event", [event], (text) => readEvent(text) !== undefined),
  ofJson("Docker's container", [container()], (text) => readContainer(text) !== undefined),
  ofJson("Docker's network", [inspectedNetwork()], (text) => readNetwork(text) !== undefined),
  {
    name: "row of a network of Docker's",
    run: (mutation) => {
      const value = mutation.one([rowOf(row), rowOf(dockerNetwork())]);
      return (
        readRow(mutation.text([rowKey(dockerNetworkId)]), mutation.bytes([value])) !== undefined
      );
    },
  },
];

function ofJson(name: string, samples: readonly object[], take: (text: string) => boolean): Target {
  return { name, run: (mutation) => take(mutation.json(samples)) };
}
