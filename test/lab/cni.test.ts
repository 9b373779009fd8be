import assert from "node:assert/strict";
import { type AddResult, type Container, Runtime, versions } from "../cni/runner.ts";
import type { Agent } from "./agent.ts";
import { formCluster } from "./cluster.ts";
import { Lab } from "./lab.ts";
import { addNamespace, namespacePath, removeNamespace } from "./namespace.ts";
import { run } from "./process.ts";

/** Containers of sorts: namespaces, which end with the test. */
class Containers implements AsyncDisposable {
  readonly #names = new Set<string>();

  async open(id: string): Promise<Container> {
    await addNamespace(id);
    this.#names.add(id);
    return { id, netns: namespacePath(id) };
  }

  async end({ id }: Container): Promise<void> {
    this.#names.delete(id);
    await removeNamespace(id);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const id of this.#names) await removeNamespace(id);
  }
}

const inside = ({ netns }: Container, ...argv: readonly string[]) =>
  run(["nsenter", `--net=${netns}`, ...argv]);

const firstOf = ({ ips }: AddResult) => ips[0]?.address.split("/")[0] ?? "";

describe("the CNI plugin with a real agent", () => {
  let parts: AsyncDisposableStack;
  let containers: Containers;
  let agents: readonly Agent[];
  before(async () => {
    parts = new AsyncDisposableStack();
    const lab = parts.use(await Lab.open({ hosts: ["a", "b"] }));
    ({ agents } = await formCluster(lab));
  });
  beforeEach(() => {
    containers = new Containers();
  });
  afterEach(async () => {
    await containers[Symbol.asyncDispose]();
    for (const agent of agents) await empty(agent);
  });
  after(() => parts.disposeAsync());

  const subnet = ["10.46.0.0/16", "fd00:46::/64"];
  function runtime(n: number, cniVersion: string = "1.1.0"): Runtime {
    const agent = agents[n] ?? assert.fail();
    const { host, api } = agent;
    const config = { cniVersion, name: "pods", network: "web", subnet, socket: api.socket };
    return new Runtime(config, host.enter);
  }

  async function empty(agent: Agent): Promise<void> {
    await agent.eventually("no endpoint of its own", async (api) => {
      return (await api.endpoints()).every(({ isLocal }) => !isLocal);
    });
  }

  for (const version of versions) {
    it(`connects containers of two hosts by version ${version}, and checks them`, async () => {
      const [one, other] = [await containers.open("c1"), await containers.open("c2")];
      const results = [await runtime(0, version).add(one), await runtime(1, version).add(other)];
      const [near, far] = results as [AddResult, AddResult];
      assert.deepEqual(
        near.routes.map(({ dst, gw }) => `${dst} ${gw}`),
        ["0.0.0.0/0 10.46.0.1", "::/0 fd00:46::1"],
      );
      for (const { address } of far.ips)
        await inside(one, "ping", "-c", "1", "-W", "2", address.split("/")[0] ?? "");
      if (version !== "0.3.1") await runtime(0, version).check(one, near);
      await runtime(0, version).del(one, { prevResult: near });
      await runtime(0, version).del(one);
      assert.doesNotMatch(await inside(one, "ip", "-o", "link"), /eth0/);
      await runtime(1, version).del({ ...other, netns: "" });
    });
  }

  it("notices at CHECK what others changed", async () => {
    const at = runtime(0);
    for (const [what, change, message] of [
      ["an address", "ip address del 10.46", /has no address 10\.46/],
      ["the default route", "ip route del default", /default route over 10\.46\.0\.1 is gone/],
      ["the MAC", "ip link set dev eth0 address 02:00:00:00:00:99", /has MAC 02:00:00:00:00:99/],
    ] as const) {
      const container = await containers.open(`c-${what.split(" ").at(-1)?.toLowerCase()}`);
      const result = await at.add(container);
      await at.check(container, result);
      const exact = change.replace(/ 10\.46$/, ` ${result.ips[0]?.address} dev eth0`);
      await inside(container, ...exact.split(" "));
      const { code, msg } = await at.fault("CHECK", container, { prevResult: result });
      assert.equal(code, 101, what);
      assert.match(msg, message);
      await at.del(container);
    }
  });

  it("adds a dozen containers at once, each with an address of its own", async () => {
    const all = await Promise.all(Array.from({ length: 12 }, (_, n) => containers.open(`p${n}`)));
    const results = await Promise.all(all.map((each, n) => runtime(n % 2).add(each)));
    assert.equal(new Set(results.map(firstOf)).size, 12);
    await Promise.all(all.map((each, n) => runtime(n % 2).del(each)));
  });

  it("gives two hosts different endpoints for containers of one id", async () => {
    const container = await containers.open("same");
    const results = [
      await runtime(0).add({ ...container, ifname: "eth0" }),
      await runtime(1).add({ ...container, ifname: "eth0", netns: await other() }),
    ];
    assert.notEqual(firstOf(results[0] as AddResult), firstOf(results[1] as AddResult));
    for (const n of [0, 1]) await runtime(n).del(container);

    async function other(): Promise<string> {
      return (await containers.open("same-b")).netns;
    }
  });

  it("refuses an interface and a namespace that are not as they should be", async () => {
    const at = runtime(0);
    const container = await containers.open("c1");
    await inside(container, "ip", "link", "add", "name", "eth0", "type", "bridge");
    const clash = await at.fault("ADD", container);
    assert.equal(clash.code, 100);
    assert.match(clash.msg, /has an interface eth0 already/);
    const gone = await at.fault("ADD", { id: "c9", netns: "/run/netns/none" });
    assert.equal(gone.code, 8);
    await at.del({ id: "c9", netns: "/run/netns/none" });
    const taken = { runtimeConfig: { ips: ["10.46.0.1"] } };
    assert.equal((await at.fault("ADD", { ...container, ifname: "e1" }, taken)).code, 7);
  });

  it("leaves nothing of a container that ended while the agent was away", async () => {
    const at = runtime(0);
    const [agent] = agents as [Agent];
    const [ended, kept] = [await containers.open("c1"), await containers.open("c2")];
    await at.add(ended);
    const result = await at.add(kept);
    await agent.stop();
    await at.del(ended);
    await containers.end(ended);
    await agent.restart();
    await agent.eventually("only the living", async (api) => {
      const own = (await api.endpoints()).filter(({ isLocal }) => isLocal);
      return own.length === 1 && own[0]?.owner === "cni/pods/c2/eth0";
    });
    await at.check(kept, result);
    await at.collect({ "cni.dev/valid-attachments": [{ containerID: "c2", ifname: "eth0" }] });
    await at.check(kept, result);
    await at.collect({ "cni.dev/valid-attachments": [] });
    assert.equal((await at.fault("CHECK", kept, { prevResult: result })).code, 101);
    assert.doesNotMatch(await inside(kept, "ip", "-o", "link"), /eth0/);
  });
});
