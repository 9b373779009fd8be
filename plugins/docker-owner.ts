/** How an endpoint of ours says that it is Docker's: `docker/<network>/<endpoint>`, its ids. */

/** Docker's ids of an endpoint. */
export type DockerOwner = { readonly network: string; readonly endpoint: string };

/** What the owners of all of Docker's endpoints begin with. */
export const dockerOwner = "docker/";

/** As the agent keeps it. */
export function ownerOf({ network, endpoint }: DockerOwner): string {
  return `${dockerOwner}${network}/${endpoint}`;
}

/** Undefined where the endpoint is somebody else's. */
export function readOwner(owner: string | undefined): DockerOwner | undefined {
  const [, network, endpoint] = /^docker\/([0-9a-f]{64})\/([0-9a-f]{64})$/.exec(owner ?? "") ?? [];
  return network === undefined || endpoint === undefined ? undefined : { network, endpoint };
}

/** The host-side name of the interface that Docker moves into the container: 15 characters. */
export function linkOf(endpoint: string): string {
  return `sld${endpoint.slice(4, 16)}`;
}
