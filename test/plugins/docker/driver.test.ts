import assert from "node:assert/strict";
import type { Answer, Command } from "../../../agent/command.ts";
import { limits } from "../../../agent/config.ts";
import type { NetworkView } from "../../../agent/view.ts";
import type { Cidr } from "../../../base/address.ts";
import { MeshError } from "../../../base/errors.ts";
import type { NetworkId } from "../../../base/id.ts";
import { seededRandom } from "../../../base/random.ts";
import { type Call, callsOf } from "../../../plugins/docker/driver.ts";
import { Networks } from "../../../plugins/docker/networks.ts";
import { Pools } from "../../../plugins/docker-pool.ts";
import { network } from "../../agent/control/samples.ts";
import { SimulatedDesk } from "../../agent/control/simulated-desk.ts";
import { silentLog } from "../../agent/samples.ts";
import { dockerNetworkId, endpointDockerId } from "./samples.ts";

const id = endpointDockerId.slice(0, 16);
const endpoint = { NetworkID: dockerNetworkId, EndpointID: endpointDockerId };
const never = new AbortController().signal;

/** The calls on a desk, and the rows that the journal would hold. */
class World {
  readonly desk = new SimulatedDesk();
  readonly rows = new Map<string, Uint8Array>();
  readonly touched: string[] = [];
  networks = this.#networks();
  #calls = this.#open();

  constructor() {
    this.desk.networks.set("web", { ...network, conflict: undefined });
  }

  async call(method: string, body: object, signal = never): Promise<unknown> {
    const call = this.#calls.get(method) as Call;
    return call(JSON.stringify(body), signal);
  }

  async refusal(method: string, body: object, signal = never): Promise<string> {
    const error = await this.call(method, body, signal).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    assert.ok(error instanceof MeshError, `${method} was not refused`);
    return error.message;
  }

  /** The agent starts again with what is on disk. */
  restart(): void {
    this.networks = this.#networks();
    this.#calls = this.#open();
  }

  /** What `docker network create` asks, in its order. */
  async create(given: {
    readonly subnet?: string;
    readonly option?: string;
    readonly ipamOption?: string;
    readonly internal?: boolean;
  }): Promise<string> {
    const { subnet, option, ipamOption, internal = false } = given;
    const { Pool, Data } = (await this.call("IpamDriver.RequestPool", {
      AddressSpace: "starling",
      Pool: subnet ?? "",
      Options: ipamOption === undefined ? null : { "starling.network": ipamOption },
    })) as { Pool: string; Data: Record<string, string> };
    const Gateway = Data["com.docker.network.gateway"];
    await this.call("NetworkDriver.CreateNetwork", {
      NetworkID: dockerNetworkId,
      Options: {
        "com.docker.network.generic": option === undefined ? {} : { "starling.network": option },
        "com.docker.network.internal": internal,
      },
      IPv4Data: [{ AddressSpace: "starling", Pool, Gateway, AuxAddresses: null }],
      IPv6Data: [],
    });
    return Pool;
  }

  async attach(Address = "10.32.0.7/16"): Promise<unknown> {
    const given = { Address, AddressIPv6: "", MacAddress: "" };
    return this.call("NetworkDriver.CreateEndpoint", { ...endpoint, Interface: given });
  }

  /** Does something just before the desk hears of such a command. */
  before(kind: Command["kind"], then: () => void): void {
    const hook = (command: Command): Promise<Answer> => {
      if (command.kind === kind) then();
      this.desk.answer = undefined;
      const answer = this.desk.ask(command);
      if (command.kind !== kind) this.desk.answer = hook;
      return answer;
    };
    this.desk.answer = hook;
  }

  asked(kind: Command["kind"]): Command[] {
    return this.desk.asked.filter((command) => command.kind === kind);
  }

  #networks(): Networks {
    return new Networks({
      desk: this.desk,
      log: silentLog,
      rows: [...this.rows].map(([key, value]) => ({ key, value })),
      keep: async (key, value) => {
        if (value === undefined) this.rows.delete(key);
        else this.rows.set(key, value);
      },
    });
  }

  #open(): ReadonlyMap<string, Call> {
    return callsOf({
      desk: this.desk,
      networks: this.networks,
      pools: new Pools(seededRandom(1), limits.dockerPools),
      touched: (endpoint) => this.touched.push(endpoint),
    });
  }
}

function newNetwork(desk: SimulatedDesk): NetworkView | undefined {
  return [...desk.networks.values()].find(({ id }) => id !== network.id);
}

describe("Docker's calls", () => {
  let world: World;

  beforeEach(() => {
    world = new World();
  });

  it("attach a network that is there, with its subnet, its pool's option or nothing at all", async () => {
    assert.equal(await world.create({ subnet: "10.32.0.0/16", option: "web" }), "10.32.0.0/16");
    assert.equal(await world.create({ ipamOption: "web" }), "10.32.0.0/16");
    assert.match(await world.create({ option: "web" }), /^240\./);
    assert.equal(world.networks.get(dockerNetworkId)?.network, network.id);
    assert.deepEqual(world.asked("network-create"), []);
  });

  it("make a network that is absent, once, however often they come", async () => {
    await world.create({ subnet: "10.40.0.0/16", option: "shop" });
    await world.create({ subnet: "10.40.0.0/16", option: "shop" });
    assert.equal(world.asked("network-create").length, 1);
    assert.equal(world.networks.get(dockerNetworkId)?.network, newNetwork(world.desk)?.id);
  });

  it("take the network that another host made in the same instant", async () => {
    const theirs = {
      ...network,
      id: "ee00000000000001" as NetworkId,
      name: "shop",
      subnets: ["10.40.0.0/16" as Cidr],
      conflict: undefined,
    };
    world.before("network-create", () => void world.desk.networks.set("shop", theirs));
    await world.create({ subnet: "10.40.0.0/16", option: "shop" });
    assert.equal(world.networks.get(dockerNetworkId)?.network, theirs.id);
  });

  it("take back the network that lost its name to an older one, before anybody is in it", async () => {
    await world.create({ subnet: "10.40.0.0/16", option: "shop" });
    const younger = newNetwork(world.desk);
    assert.ok(younger);
    const older = { ...younger, id: "ee00000000000001" as NetworkId };
    world.desk.networks.set("shop", older);
    const conflict = "the older network ee00000000000001 is called shop too";
    world.desk.networks.set(younger.id, { ...younger, conflict });
    await world.attach("10.40.0.7/16");
    assert.equal(world.networks.get(dockerNetworkId)?.network, older.id);
    const removed = world.asked("network-remove");
    assert.deepEqual(
      removed.map((command) => command.kind === "network-remove" && command.network),
      [younger.id],
    );
  });

  it("keep nothing of a network that is refused", async () => {
    await assert.rejects(world.create({ subnet: "10.40.0.0/16", option: "web" }), /not 10\.40/);
    await assert.rejects(world.create({ option: "nope" }), /no network nope/);
    assert.equal(world.rows.size, 0);
  });

  it("wait for the name that Docker's events tell, and no longer than Docker waits", async () => {
    await world.create({ subnet: "10.32.0.0/16" });
    const late = new AbortController();
    const refused = world.refusal(
      "NetworkDriver.CreateEndpoint",
      { ...endpoint, Interface: null },
      late.signal,
    );
    late.abort();
    assert.match(await refused, /has no name yet.*starling\.network=NAME/);
    const attached = world.attach();
    const known = world.networks.get(dockerNetworkId);
    assert.ok(known);
    await world.networks.put({ ...known, called: "web" });
    await attached;
    assert.equal(world.desk.endpoints.size, 1);
  });

  it("make an endpoint with an interface for Docker to move, and say only what Docker did not", async () => {
    await world.create({ option: "web" });
    const answer = (await world.attach()) as { Interface: object };
    assert.deepEqual(Object.keys(answer.Interface), ["MacAddress"]);
    assert.deepEqual(world.touched, [id]);
    const [added] = world.asked("endpoint-add");
    assert.deepEqual(added, {
      kind: "endpoint-add",
      network: network.id,
      id,
      name: undefined,
      aliases: [],
      place: { kind: "link", link: `sld${id.slice(4)}` },
      owner: `docker/${dockerNetworkId}/${endpointDockerId}`,
      addresses: ["10.32.0.7"],
      mac: undefined,
      waitMs: undefined,
    });
    assert.deepEqual(await world.call("NetworkDriver.Join", { ...endpoint, SandboxKey: "/x" }), {
      InterfaceName: { SrcName: `sld${id.slice(4)}`, DstPrefix: "eth" },
      DisableGatewayService: false,
    });
  });

  it("give an address where Docker has none to give", async () => {
    await world.create({ option: "web" });
    const body = { ...endpoint, Interface: { MacAddress: "02:00:00:00:00:09" } };
    const answer = await world.call("NetworkDriver.CreateEndpoint", body);
    assert.deepEqual(answer, { Interface: { Address: "10.32.0.2/16" } });
  });

  it("leave internal networks without a way out", async () => {
    await world.create({ option: "web", internal: true });
    await world.attach();
    const joined = (await world.call("NetworkDriver.Join", endpoint)) as Record<string, unknown>;
    assert.equal(joined["DisableGatewayService"], true);
  });

  it("take back what came too late for Docker", async () => {
    await world.create({ option: "web" });
    const late = new AbortController();
    world.before("endpoint-add", () => late.abort());
    const body = { ...endpoint, Interface: null };
    await world.refusal("NetworkDriver.CreateEndpoint", body, late.signal);
    assert.equal(world.desk.endpoints.size, 0);
  });

  it("end an endpoint once, and are content when it is gone already", async () => {
    await world.create({ option: "web" });
    await world.attach();
    await world.call("NetworkDriver.DeleteEndpoint", endpoint);
    await world.call("NetworkDriver.DeleteEndpoint", endpoint);
    assert.equal(world.desk.endpoints.size, 0);
    assert.match(await world.refusal("NetworkDriver.Join", endpoint), /no endpoint/);
  });

  it("end an endpoint whose address Docker gives back without a word of it", async () => {
    const PoolID = await world.create({ option: "web" });
    await world.attach("10.32.0.7/16");
    await world.call("IpamDriver.ReleaseAddress", { PoolID, Address: "10.32.0.8" });
    assert.equal(world.desk.endpoints.size, 1);
    await world.call("IpamDriver.ReleaseAddress", { PoolID, Address: "10.32.0.7" });
    assert.equal(world.desk.endpoints.size, 0);
  });

  it("give the gateway of all hosts, and no other", async () => {
    const Options = { RequestAddressType: "com.docker.network.gateway" };
    const asked = { PoolID: "10.32.0.0/16", Options };
    const given = await world.call("IpamDriver.RequestAddress", { ...asked, Address: "" });
    assert.deepEqual(given, { Address: "10.32.0.1/16" });
    const other = { ...asked, Address: "10.32.0.254" };
    assert.match(await world.refusal("IpamDriver.RequestAddress", other), /leave --gateway/);
  });

  it("give addresses of the network that a pool stands for", async () => {
    const PoolID = await world.create({ option: "web" });
    await world.call("IpamDriver.RequestAddress", { PoolID, Address: "10.32.0.9", Options: null });
    assert.deepEqual(world.asked("address-reserve"), [
      {
        kind: "address-reserve",
        network: network.id,
        address: "10.32.0.9",
        family: 4,
        holder: "docker",
      },
    ]);
    const nowhere = { PoolID: "10.99.0.0/16", Address: "" };
    assert.match(await world.refusal("IpamDriver.RequestAddress", nowhere), /no network has/);
    const garbage = { PoolID: "x", Address: "" };
    assert.match(await world.refusal("IpamDriver.RequestAddress", garbage), /no pool "x"/);
  });

  it("know after a restart what Docker tells only once", async () => {
    const PoolID = await world.create({ option: "web" });
    world.restart();
    await world.call("IpamDriver.RequestAddress", { PoolID, Address: "" });
    await world.attach();
    assert.equal(world.desk.endpoints.size, 1);
  });

  it("forget a network with all that was in it, and leave the cluster's alone", async () => {
    await world.create({ option: "web" });
    await world.attach();
    await world.call("NetworkDriver.DeleteNetwork", { NetworkID: dockerNetworkId });
    await world.call("NetworkDriver.DeleteNetwork", { NetworkID: dockerNetworkId });
    assert.equal(world.desk.endpoints.size, 0);
    assert.equal(world.rows.size, 0);
    assert.ok(world.desk.networks.has("web"));
  });

  it("say that this host is no member yet, rather than that a network is missing", async () => {
    world.desk.networks.clear();
    const asked = { AddressSpace: "starling", Pool: "10.32.0.0/16" };
    assert.match(await world.refusal("IpamDriver.RequestPool", asked), /not yet a member/);
  });

  it("refuse what has no body", async () => {
    const calls = callsOf({
      desk: world.desk,
      networks: world.networks,
      pools: new Pools(seededRandom(1), 1),
      touched: () => undefined,
    });
    await assert.rejects((calls.get("NetworkDriver.CreateEndpoint") as Call)("", never), /no body/);
    assert.deepEqual(await (calls.get("Plugin.Activate") as Call)("", never), {
      Implements: ["NetworkDriver", "IpamDriver"],
    });
  });
});
