/**
 * Docker's calls, answered. Docker repeats calls whose answers it lost, so each may come again; it
 * calls nobody back, and must not be called back from here: it holds its locks meanwhile.
 *
 *   docker run:   RequestAddress -> CreateEndpoint -> Join       (Docker then moves the interface)
 *   docker stop:  Leave -> DeleteEndpoint -> ReleaseAddress
 */
import type { Desk } from "../../agent/command.ts";
import type { EndpointView } from "../../agent/view.ts";
import { type Cidr, familyOf, type Ip, parseCidr } from "../../base/address.ts";
import { MeshError } from "../../base/errors.ts";
import { type EndpointId, parseName } from "../../base/id.ts";
import { type Body, bodies, readBody } from "../docker-bodies.ts";
import { endpointIdOf } from "../docker-engine.ts";
import {
  addressSpace,
  type Candidate,
  malformedName,
  networkOption,
  readWish,
} from "../docker-network.ts";
import { linkOf, ownerOf } from "../docker-owner.ts";
import { gatewayFault, gatewayWithPrefix, isProvisional, type Pools } from "../docker-pool.ts";
import { ask, askNetworks, askOwned, type Networks } from "./networks.ts";

/** What the calls work on. */
export type DriverOptions = {
  readonly desk: Desk;
  readonly networks: Networks;
  readonly pools: Pools;
  /** Docker has spoken of one of its endpoints. */
  readonly touched: (endpoint: EndpointId) => void;
};

/** Answers a call: `body` as it came, `signal` aborts when Docker has been told of a failure. */
export type Call = (body: string, signal: AbortSignal) => Promise<object>;

const done = {};
/** Whose addresses are between RequestAddress and CreateEndpoint. */
const holder = "docker";

/** The calls, by `<interface>.<method>`. */
export function callsOf(options: DriverOptions): ReadonlyMap<string, Call> {
  const driver = new Driver(options);
  return new Map<string, Call>([
    ["Plugin.Activate", constant({ Implements: ["NetworkDriver", "IpamDriver"] })],
    ...networkCalls(driver),
    ...addressCalls(driver),
  ]);
}

function networkCalls(driver: Driver): [string, Call][] {
  const calls: Record<string, Call> = {
    GetCapabilities: constant({ Scope: "local", ConnectivityScope: "global" }),
    CreateNetwork: read("CreateNetwork", (...call) => driver.createNetwork(...call)),
    DeleteNetwork: read("DeleteNetwork", (body) => driver.deleteNetwork(body)),
    CreateEndpoint: read("CreateEndpoint", (...call) => driver.createEndpoint(...call)),
    DeleteEndpoint: read("Endpoint", (body) => driver.deleteEndpoint(body)),
    EndpointOperInfo: constant({ Value: {} }),
    Join: read("Join", (body) => driver.join(body)),
    Leave: constant(done),
    ProgramExternalConnectivity: constant(done),
    RevokeExternalConnectivity: constant(done),
    DiscoverNew: constant(done),
    DiscoverDelete: constant(done),
  };
  return Object.entries(calls).map(([method, call]) => [`NetworkDriver.${method}`, call]);
}

function addressCalls(driver: Driver): [string, Call][] {
  const calls: Record<string, Call> = {
    // Docker says nothing that we do not keep ourselves.
    GetCapabilities: constant({ RequiresMACAddress: false, RequiresRequestReplay: false }),
    GetDefaultAddressSpaces: constant({
      LocalDefaultAddressSpace: addressSpace,
      GlobalDefaultAddressSpace: addressSpace,
    }),
    RequestPool: read("RequestPool", (body) => driver.requestPool(body)),
    ReleasePool: read("ReleasePool", (body) => driver.releasePool(body)),
    RequestAddress: read("RequestAddress", (...call) => driver.requestAddress(...call)),
    ReleaseAddress: read("ReleaseAddress", (body) => driver.releaseAddress(body)),
  };
  return Object.entries(calls).map(([method, call]) => [`IpamDriver.${method}`, call]);
}

function constant(answer: object): Call {
  return () => Promise.resolve(answer);
}

function read<Known extends keyof typeof bodies>(
  method: Known,
  answer: (body: Body<Known>, signal: AbortSignal) => Promise<object>,
): Call {
  return async (text, signal) => {
    const body = readBody(bodies[method], text);
    if ("fault" in body) throw new MeshError("BAD_REQUEST", body.fault);
    return answer(body.value as Body<Known>, signal);
  };
}

class Driver {
  readonly #options: DriverOptions;

  constructor(options: DriverOptions) {
    this.#options = options;
  }

  async createNetwork(body: Body<"CreateNetwork">, signal: AbortSignal): Promise<object> {
    const { networks, pools } = this.#options;
    const wish = readWish(body);
    if ("reason" in wish) throw new MeshError("BAD_REQUEST", wish.reason);
    const { network } = wish;
    const named = network.pools.map((pool) => pools.named(pool)).find((name) => name !== undefined);
    const asked = network.asked ?? (named === undefined ? undefined : parseName(named));
    const before = networks.get(network.id);
    await networks.put({ ...network, asked, called: before?.called, network: before?.network });
    try {
      // Its name comes with Docker's event, which comes after this answer.
      if (asked !== undefined) await networks.resolve(network.id, signal);
    } catch (error) {
      if (before === undefined) await networks.remove(network.id);
      throw error;
    }
    for (const pool of network.pools) pools.settle(pool);
    return done;
  }

  /** The network itself stays: other hosts may be in it. */
  async deleteNetwork({ NetworkID }: Body<"DeleteNetwork">): Promise<object> {
    const own = await askOwned(this.#options.desk);
    for (const { id, owner } of own) if (owner.network === NetworkID) await this.#remove(id);
    await this.#options.networks.remove(NetworkID);
    return done;
  }

  async createEndpoint(body: Body<"CreateEndpoint">, signal: AbortSignal): Promise<object> {
    const { desk, networks, touched } = this.#options;
    const { NetworkID, EndpointID, Interface } = body;
    const id = idOf(EndpointID);
    touched(id);
    const network = await networks.resolve(NetworkID, signal);
    const { Address, AddressIPv6, MacAddress } = Interface ?? {};
    const { endpoint } = await ask(desk, {
      kind: "endpoint-add",
      network: network.id,
      id,
      name: undefined,
      aliases: [],
      place: { kind: "link", link: linkOf(EndpointID) },
      owner: ownerOf({ network: NetworkID, endpoint: EndpointID }),
      addresses: [Address, AddressIPv6].filter((ip) => ip !== undefined),
      mac: MacAddress,
      waitMs: undefined,
    });
    if (signal.aborted) {
      // Docker has given up on it, and will never ask for its end.
      await this.#remove(id);
      throw new MeshError("TIMED_OUT", `endpoint ${id} came too late`);
    }
    return { Interface: answered(endpoint, Interface) };
  }

  async deleteEndpoint({ EndpointID }: Body<"Endpoint">): Promise<object> {
    await this.#remove(idOf(EndpointID));
    return done;
  }

  async join({ NetworkID, EndpointID }: Body<"Join">): Promise<object> {
    const { desk, networks } = this.#options;
    const { endpoint } = await ask(desk, { kind: "endpoint", endpoint: idOf(EndpointID) });
    if (endpoint.link === undefined || endpoint.state === "missing") {
      const what = `the interface ${endpoint.link ?? ""} of endpoint ${endpoint.id} is gone`;
      throw new MeshError("INTERNAL", `${what}: disconnect the container and connect it again`);
    }
    // Without a gateway of ours Docker adds its own, for published ports and the way out.
    return {
      InterfaceName: { SrcName: endpoint.link, DstPrefix: "eth" },
      DisableGatewayService: networks.get(NetworkID)?.isInternal === true,
    };
  }

  async requestPool(body: Body<"RequestPool">): Promise<object> {
    const { desk, pools } = this.#options;
    const unknown = Object.keys(body.Options).find((option) => option !== networkOption);
    if (unknown !== undefined) {
      const shown = JSON.stringify(unknown.slice(0, 64));
      const what = `unknown option ${shown}; Starling's only one is --ipam-opt ${networkOption}=NAME`;
      throw new MeshError("BAD_REQUEST", what);
    }
    const name = body.Options[networkOption];
    if (name !== undefined && parseName(name) === undefined)
      throw new MeshError("BAD_REQUEST", malformedName(name));
    const answer = pools.request(body, name, await askNetworks(desk));
    if (answer.kind === "refused") throw new MeshError("BAD_REQUEST", answer.reason);
    const { pool, gateway } = answer;
    return { PoolID: pool, Pool: pool, Data: { "com.docker.network.gateway": gateway } };
  }

  releasePool({ PoolID }: Body<"ReleasePool">): Promise<object> {
    const pool = parseCidr(PoolID);
    if (pool !== undefined) this.#options.pools.settle(pool);
    return Promise.resolve(done);
  }

  async requestAddress(body: Body<"RequestAddress">, signal: AbortSignal): Promise<object> {
    const pool = poolOf(body.PoolID);
    if (body.Options["RequestAddressType"] === "com.docker.network.gateway") {
      const fault = gatewayFault(pool, body.Address);
      if (fault !== undefined) throw new MeshError("BAD_REQUEST", fault);
      return { Address: gatewayWithPrefix(pool) };
    }
    const network = await this.#networkOf(pool, signal);
    const { address } = await ask(this.#options.desk, {
      kind: "address-reserve",
      network: network.id,
      address: body.Address,
      family: familyOf(pool),
      holder,
    });
    return { Address: address.address };
  }

  /**
   * Docker gives an address back after its endpoint, and after a crash of its own without: then the
   * endpoint is no more.
   */
  async releaseAddress({ PoolID, Address }: Body<"ReleaseAddress">): Promise<object> {
    const { desk } = this.#options;
    const pool = parseCidr(PoolID);
    const network = pool === undefined ? undefined : await this.#knownOf(pool);
    if (network === undefined || Address === undefined) return done;
    const left = (await askOwned(desk)).find(
      (each) => each.network.id === network.id && hasAddress(each, Address),
    );
    if (left !== undefined) await this.#remove(left.id);
    await ask(desk, { kind: "address-release", network: network.id, address: Address });
    return done;
  }

  async #networkOf(pool: Cidr, signal: AbortSignal): Promise<Candidate> {
    const { desk, networks } = this.#options;
    const owner = networks.all().find(({ pools }) => pools.includes(pool));
    if (owner !== undefined) return networks.resolve(owner.id, signal);
    const found = (await askNetworks(desk)).find(({ subnets }) => subnets.includes(pool));
    if (found !== undefined) return found;
    const what = isProvisional(pool) ? "no network of Docker's" : "no network";
    throw new MeshError("UNKNOWN_NETWORK", `${what} has the pool ${pool}`);
  }

  /** As it is, and nothing is made or waited for. */
  async #knownOf(pool: Cidr): Promise<Candidate | undefined> {
    const { desk, networks } = this.#options;
    const all = await askNetworks(desk);
    const owner = networks.all().find(({ pools }) => pools.includes(pool));
    return (
      all.find(({ id }) => id === owner?.network) ??
      all.find(({ subnets }) => subnets.includes(pool))
    );
  }

  async #remove(id: EndpointId): Promise<void> {
    const answer = await this.#options.desk.ask({
      kind: "endpoint-remove",
      endpoint: id,
      waitMs: undefined,
    });
    if (answer.kind !== "refused" || answer.refusal.code === "UNKNOWN_ENDPOINT") return;
    throw new MeshError(answer.refusal.code, answer.refusal.message);
  }
}

/** What Docker did not say itself: to repeat what it said would be a change to it. */
function answered(
  { mac, addresses }: EndpointView,
  given: Body<"CreateEndpoint">["Interface"],
): object {
  const v6 = addresses.find((address) => address.includes(":"));
  const v4 = addresses.find((address) => !address.includes(":"));
  return {
    ...(given?.MacAddress === undefined && { MacAddress: mac }),
    ...(given?.Address === undefined && v4 !== undefined && { Address: v4 }),
    ...(given?.AddressIPv6 === undefined && v6 !== undefined && { AddressIPv6: v6 }),
  };
}

function hasAddress({ addresses }: Pick<EndpointView, "addresses">, ip: Ip): boolean {
  return addresses.some((address) => address.split("/")[0] === ip);
}

function idOf(dockerId: string): EndpointId {
  const id = endpointIdOf(dockerId);
  if (id === undefined) throw new MeshError("BAD_REQUEST", `${dockerId} is no endpoint`);
  return id;
}

function poolOf(id: string): Cidr {
  const pool = parseCidr(id);
  if (pool === undefined)
    throw new MeshError("BAD_REQUEST", `there is no pool ${JSON.stringify(id.slice(0, 64))}`);
  return pool;
}
