/** Docker's words, as engine 20.10 says them. */
import type { Cidr } from "../../../base/address.ts";
import type { NetworkId } from "../../../base/id.ts";
import type { Candidate, DockerNetwork } from "../../../plugins/docker-network.ts";

export const dockerNetworkId = "7d86d31b1478e7cca9ebed7e73aa0fdeec46c5ca29497431d3007d2d9e15ed99";
export const endpointDockerId = "b9ba5f60a7f28c4a1a7b37e0a1ebcb8a2c0f2e5d3f0c6a7b8d9e0f1a2b3c4d5e";
export const containerId = "3c1d2e4f5a6b7c8d9e0f1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f";

export const web: Candidate = {
  id: "00112233445566aa" as NetworkId,
  name: "web",
  subnets: ["10.32.0.0/16" as Cidr],
  conflict: undefined,
};

/** A network of Docker's, as it is before anything is known of it. */
export function dockerNetwork(change: Partial<DockerNetwork> = {}): DockerNetwork {
  return {
    id: dockerNetworkId,
    asked: undefined,
    called: undefined,
    pools: [],
    isInternal: false,
    network: undefined,
    ...change,
  };
}

/** A container of compose's, as `GET /containers/<id>/json` has it. */
export function container(change: object = {}): object {
  return {
    Id: containerId,
    Name: "/shop_db_1",
    Config: { Labels: { "com.docker.compose.service": "db" } },
    NetworkSettings: {
      Networks: {
        web: {
          NetworkID: dockerNetworkId,
          EndpointID: endpointDockerId,
          Aliases: ["db", "3c1d2e4f5a6b", "DB.Primary", "not a label"],
        },
        stopped: { NetworkID: "", EndpointID: "", Aliases: null },
      },
    },
    ...change,
  };
}

/** A network, as `GET /networks/<id>` has it. */
export function inspectedNetwork(change: object = {}): object {
  return {
    Id: dockerNetworkId,
    Name: "web",
    Driver: "starling",
    Internal: true,
    IPAM: {
      Driver: "starling",
      Options: {},
      Config: [{ Subnet: "10.32.0.0/16", Gateway: "10.32.0.1" }],
    },
    Options: { "starling.network": "web" },
    Containers: { [containerId]: { Name: "shop_db_1", EndpointID: endpointDockerId } },
    ...change,
  };
}
