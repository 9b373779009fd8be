import assert from "node:assert/strict";
import { endpoint, network, status } from "../agent/control/samples.ts";
import { World } from "../agent/control/world.ts";
import { type Config, type Container, Runtime, versions } from "./runner.ts";

const container: Container = { id: "c1", netns: "/run/netns/cni-c1" };

describe("the CNI plugin", () => {
  let world: World;
  /** Whether the agent answers names. */
  let isServed = true;
  beforeEach(async () => {
    isServed = true;
    world = await World.open();
    world.desk.networks.set("web", network);
    world.desk.answer = undefined;
    beMember();
  });
  afterEach(() => world[Symbol.asyncDispose]());

  /** The samples' agent is still joining. */
  function beMember(): void {
    const { desk } = world;
    desk.answer = (command) => {
      if (command.kind === "status")
        return {
          kind: "status",
          status: { ...status, state: "member", dns: { ...status.dns, isOn: isServed } },
        };
      desk.answer = undefined;
      const answer = desk.ask(command);
      desk.asked.pop();
      beMember();
      return answer as never;
    };
  }

  const runtime = (more: Config = {}) =>
    new Runtime({ cniVersion: "1.1.0", name: "web", socket: world.path, ...more });

  const adds = () => world.desk.asked.filter(({ kind }) => kind === "endpoint-add");

  for (const cniVersion of versions) {
    it(`answers each operation of version ${cniVersion} in its shape`, async () => {
      const at = runtime({ cniVersion });
      const version = await at.run("VERSION", undefined, { cniVersion });
      assert.deepEqual(JSON.parse(version.stdout), {
        cniVersion,
        supportedVersions: [...versions],
      });
      const result = await at.add(container);
      const isNewest = cniVersion === "1.1.0";
      const hasFamily = cniVersion.startsWith("0.");
      const { mac } = endpoint;
      assert.deepEqual(result, {
        cniVersion,
        interfaces: [
          { name: "eth0", mac, ...(isNewest && { mtu: 1450 }), sandbox: container.netns },
        ],
        ips: [
          {
            ...(hasFamily && { version: "4" }),
            ...{ address: "10.32.0.2/16", gateway: "10.32.0.1", interface: 0 },
          },
        ],
        routes: [],
        dns: { nameservers: ["10.32.0.1"], search: ["web.starling", "starling"] },
      });
      const { code, msg } = await at.fault("CHECK", container, { prevResult: result });
      if (cniVersion === "0.3.1") assert.match(`${code} ${msg}`, /^1 .*CHECK.*came with 0.4.0/);
      else assert.match(`${code} ${msg}`, /^101 there is no interface eth0/);
      for (const command of ["STATUS", "GC"]) {
        if (isNewest) continue;
        const fault = await at.fault(command);
        assert.match(`${fault.code} ${fault.msg}`, /^1 .*came with 1.1.0/);
      }
      await at.del(container, { prevResult: result });
      await at.del(container);
      assert.equal(world.desk.endpoints.size, 0);
    });
  }

  it("hands on what is wished for, from every place where runtimes put it", async () => {
    const at = runtime();
    at.args = "IgnoreUnknown=1;K8S_POD_NAME=My.Pod_1;K8S_POD_NAMESPACE=x;Strange=1;IP=10.32.0.7";
    await at.add(container);
    await at.add(
      { ...container, ifname: "eth1" },
      {
        runtimeConfig: {
          ips: ["10.32.0.9/16", "fd00::9"],
          mac: "02:00:00:00:00:0A",
          aliases: { web: ["DB", "sql_1", "a b"], other: ["x"] },
        },
      },
    );
    const [first, second] = adds();
    assert.ok(first?.kind === "endpoint-add" && second?.kind === "endpoint-add");
    assert.equal(first.name, "my-pod_1");
    assert.deepEqual(first.addresses, ["10.32.0.7"]);
    assert.equal(first.owner, "cni/web/c1/eth0");
    assert.deepEqual(second.addresses, ["10.32.0.9", "fd00::9"]);
    assert.deepEqual(second.aliases, ["db", "sql_1", "a-b"]);
    assert.equal(second.mac, "02:00:00:00:00:0a");
    assert.notEqual(second.id, first.id);
  });

  it("passes on the result of the plugins before it, and appends its own", async () => {
    const prevResult = {
      cniVersion: "1.1.0",
      interfaces: [{ name: "lo", sandbox: container.netns, extra: 1 }],
      ips: [{ address: "127.0.0.1/8", interface: 0 }],
      routes: [{ dst: "192.0.2.0/24" }],
      dns: { nameservers: ["192.0.2.53"] },
    };
    const result = await runtime().add(container, { prevResult });
    assert.deepEqual(result.interfaces[0], prevResult.interfaces[0]);
    assert.equal(result.interfaces[1]?.name, "eth0");
    assert.deepEqual(result.ips[0], prevResult.ips[0]);
    assert.equal(result.ips[1]?.interface, 1);
    assert.deepEqual(result.routes, prevResult.routes);
    assert.deepEqual(result.dns, prevResult.dns);
  });

  it("names whom to ask for names: the configuration's, else the gateways that answer", async () => {
    const dns = { nameservers: ["192.0.2.53"], domain: "example.org" };
    assert.deepEqual((await runtime({ dns }).add(container)).dns, dns);
    isServed = false;
    const other = { ...container, id: "c2" };
    assert.deepEqual((await runtime().add(other)).dns, {});
  });

  it("creates the network where there is none and a subnet is said", async () => {
    const at = runtime({ network: "back", subnet: "10.50.0.0/16" });
    await at.add(container);
    assert.ok(world.desk.asked.some(({ kind }) => kind === "network-create"));
    const other = runtime({ network: "back", subnet: ["10.51.0.0/16"] });
    const { code, msg } = await other.fault("ADD", { ...container, id: "c2" });
    assert.equal(code, 7);
    assert.match(msg, /network back has the subnet 10.50.0.0\/16, not 10.51.0.0\/16/);
    const { code: missing } = await runtime({ network: "nix" }).fault("ADD", container);
    assert.equal(missing, 7);
  });

  it("refuses to add what is there, and takes it again after DEL", async () => {
    const at = runtime();
    await at.add(container);
    const { code, msg } = await at.fault("ADD", container);
    assert.equal(code, 100);
    assert.match(msg, /eth0 of container c1 is there already; DEL it first/);
    await at.del({ ...container, netns: "" });
    await at.add(container);
  });

  for (const [what, command, at, env, code, message] of [
    ["a version it does not speak", "ADD", { cniVersion: "2.0.0" }, {}, 1, /cniVersion 2.0.0/],
    ["no version", "ADD", { cniVersion: undefined }, {}, 1, /cniVersion 0.1.0 is none of/],
    ["addresses by another plugin", "ADD", { ipam: { type: "dhcp" } }, {}, 2, /ipam.type=dhcp/],
    ["masquerading", "ADD", { ipMasq: "true" }, {}, 2, /ipMasq=true/],
    ["no default route", "ADD", { isDefaultGateway: false }, {}, 2, /isDefaultGateway=false/],
    ["an unknown operation", "PUT", {}, {}, 4, /unknown CNI_COMMAND: PUT/],
    ["no operation", "", {}, {}, 4, /CNI_COMMAND is missing/],
    [
      ...(["nothing said of the container", "ADD", {}] as const),
      ...([{ CNI_CONTAINERID: "", CNI_NETNS: "" }, 4, /CNI_CONTAINERID, CNI_NETNS$/] as const),
    ],
    ["no path", "GC", {}, { CNI_PATH: "" }, 4, /missing: CNI_PATH/],
    ["an id with a slash", "ADD", {}, { CNI_CONTAINERID: "a/b" }, 4, /no id of a container: a\/b/],
    ["a long interface", "ADD", {}, { CNI_IFNAME: "x".repeat(16) }, 4, /no name of an interface/],
    ["no path of a namespace", "ADD", {}, { CNI_NETNS: "a b" }, 4, /CNI_NETNS is no path/],
    ["arguments it does not know", "ADD", {}, { CNI_ARGS: "A=1" }, 4, /CNI_ARGS: unknown A/],
    ["arguments without value", "ADD", {}, { CNI_ARGS: "A" }, 4, /A is no NAME=VALUE/],
    ["no name", "ADD", { name: undefined }, {}, 7, /name "" is none/],
    ["a name with a slash", "DEL", { name: "a/b" }, {}, 7, /name "a\/b" is none/],
    ["a broken subnet", "ADD", { subnet: "10.1.2.3/16" }, {}, 7, /subnet "10.1.2.3\/16"/],
    ["a broken MAC", "ADD", { runtimeConfig: { mac: "x" } }, {}, 7, /mac x is no unicast/],
    ["a broken address", "ADD", { runtimeConfig: { ips: ["x"] } }, {}, 7, /ips x: expected/],
    ["a field of another type", "ADD", { network: 1 }, {}, 7, /network: /],
    ["CHECK without a result", "CHECK", {}, {}, 7, /CHECK needs a prevResult/],
  ] as const) {
    it(`refuses ${what} with code ${code}`, async () => {
      const input = { cniVersion: "1.1.0", name: "web", type: "starling-cni", ...at };
      const ran = await runtime().run(command, container, { ...input, socket: world.path }, env);
      const fault = JSON.parse(ran.stdout);
      assert.equal(ran.code, 1);
      assert.equal(fault.code, code, fault.msg);
      assert.match(fault.msg, message);
      assert.deepEqual(adds(), []);
    });
  }

  it("refuses what is no JSON with code 6, also for VERSION", async () => {
    for (const command of ["ADD", "VERSION"]) {
      const ran = await runtime().run(command, container, "{name:");
      assert.equal(JSON.parse(ran.stdout).code, 6);
    }
  });

  it("collects what is not listed, of its own network alone, and all without a list", async () => {
    const at = runtime();
    for (const id of ["c1", "c2", "c3"]) await at.add({ ...container, id });
    const other = runtime({ name: "other", network: "web" });
    await other.add({ ...container, id: "c1" });
    const owners = () => [...world.desk.endpoints.values()].map(({ owner }) => owner).toSorted();
    await at.collect({ "cni.dev/valid-attachments": [{ containerID: "c2", ifname: "eth0" }] });
    assert.deepEqual(owners(), ["cni/other/c1/eth0", "cni/web/c2/eth0"]);
    await at.collect({ "cni.dev/attachments": [{ containerID: "c2", ifname: "eth0" }] });
    assert.deepEqual(owners(), ["cni/other/c1/eth0", "cni/web/c2/eth0"]);
    await at.collect({});
    assert.deepEqual(owners(), ["cni/other/c1/eth0"]);
  });

  it("says how it is: able, without the network, without the agent, before it has joined", async () => {
    await runtime().status();
    await runtime({ network: "new", subnet: "10.9.0.0/16" }).status();
    assert.equal((await runtime({ network: "new" }).fault("STATUS")).code, 50);
    world.desk.answer = undefined;
    assert.equal((await runtime().fault("STATUS")).code, 50);
    assert.equal((await runtime().fault("ADD", container)).code, 11);
    await world.stop();
    assert.equal((await runtime().fault("STATUS")).code, 50);
    assert.equal((await runtime().fault("ADD", container)).code, 11);
  });

  it("succeeds with DEL while the agent is away, and says what becomes of the rest", async () => {
    await world.stop();
    const { stderr } = await runtime().del(container);
    assert.match(stderr, /no agent answers .*; it withdraws the endpoint itself when/);
  });
});
