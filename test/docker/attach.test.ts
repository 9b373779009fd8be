import assert from "node:assert/strict";
import type { EndpointView } from "../../agent/view.ts";
import type { Agent } from "../lab/agent.ts";
import { type Cluster, formCluster } from "../lab/cluster.ts";
import { Lab } from "../lab/lab.ts";
import { attempt, type Result } from "../lab/process.ts";
import { skipWhere } from "../vagrant/obstacle.ts";
import { Engine, engineObstacle } from "./engine.ts";
import { image } from "./image.ts";

const obstacle = engineObstacle();

type Attached = { readonly endpoint: EndpointView };

describe("starling attach", () => {
  let parts: AsyncDisposableStack;
  let cluster: Cluster;
  let engine: Engine;
  let agent: Agent;

  before(async function () {
    skipWhere(obstacle, this);
    parts = new AsyncDisposableStack();
    const lab = parts.use(await Lab.open({ hosts: ["a", "b"] }));
    cluster = await formCluster(lab);
    agent = cluster.agent("a");
    engine = parts.use(await Engine.open(lab.host("a")));
    const subnets = ["--subnet", "10.44.0.0/16", "--subnet", "fd00:44::/64"];
    await agent.cli("network", "create", "web", ...subnets, "--wait");
    await agent.cli("network", "create", "back", "--subnet", "10.45.0.0/16", "--wait");
  });
  after(() => parts?.disposeAsync());
  afterEach(async () => {
    const all = (await engine.docker("ps", "-aq")).split("\n").filter(Boolean);
    if (all.length > 0) await engine.docker("rm", "-f", ...all);
    await gone();
  });

  async function tried(...words: readonly string[]): Promise<Result> {
    const starling = new URL("../../bin/starling", import.meta.url).pathname;
    const { host, api } = agent;
    const argv = [...host.enter, starling, "--socket", api.socket, ...words];
    return attempt(argv, { env: { DOCKER_HOST: `unix://${engine.socket}` } });
  }

  async function done(...words: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await tried(...words);
    assert.equal(code, 0, stderr);
    return stdout;
  }

  async function attached(...words: readonly string[]): Promise<EndpointView> {
    const { endpoint } = JSON.parse(await done("attach", ...words, "--json")) as Attached;
    // Whether the kernel has been looked at since does not matter here.
    return { ...endpoint, state: "up" };
  }

  async function refusal(...words: readonly string[]): Promise<string> {
    const { code, stderr } = await tried(...words);
    assert.equal(code, 1, stderr);
    return stderr;
  }

  async function gone(): Promise<void> {
    await agent.eventually("no endpoint is left", async (api) => {
      return (await api.endpoints()).filter(({ isLocal }) => isLocal).length === 0;
    });
  }

  const bare = (endpoint: EndpointView) =>
    endpoint.addresses.map((address) => address.split("/")[0] ?? "");

  it("joins a running container, by name, with IPv4 and IPv6, under its own name", async () => {
    await engine.sleeper("--name", "My.Db_1");
    const words = ["My.Db_1", "--network", "web", "--alias", "db", "--ip", "10.44.0.77", "--wait"];
    const endpoint = await attached(...words);
    assert.equal(endpoint.name, "my-db_1");
    assert.deepEqual(endpoint.aliases, ["db"]);
    assert.equal(endpoint.interface, "eth1", "eth0 is Docker's own");
    const far = await cluster.endpoint("b", { network: "web", name: "far" });
    for (const address of far.view.addresses)
      await engine.exec("My.Db_1", "ping", "-c1", "-W2", address.split("/")[0] ?? "");
    for (const address of bare(endpoint)) await far.run(["ping", "-c1", "-W2", address]);
  });

  it("leaves the container the default route it has, and gives one where there is none", async () => {
    await engine.sleeper("--name", "one");
    await engine.sleeper("--name", "lone", "--network", "none");
    const routes = (name: string) => engine.exec(name, "ip", "route", "get", "192.0.2.1");
    const before = await routes("one");
    await attached("one", "--network", "web");
    assert.equal(await routes("one"), before);
    assert.equal((await attached("lone", "--network", "back")).interface, "eth0");
    assert.match(await routes("lone"), /via 10\.45\.0\.1 dev eth0/);
    assert.equal((await attached("lone", "--network", "web")).interface, "eth1");
    assert.match(await routes("lone"), /via 10\.45\.0\.1 dev eth0/);
  });

  it("is the same asked for twice, and refused where it is asked for otherwise", async () => {
    const id = await engine.sleeper("--name", "one");
    const first = await attached("one", "--network", "web");
    assert.deepEqual(await attached(id.slice(0, 12), "--network", "web"), first);
    assert.match(
      await done("attach", "docker:one", "--network", "web"),
      /^docker:one is attached already to web as one: eth1 10\.44\./,
    );
    for (const other of [
      ["--name", "two"],
      ["--ip", "10.44.0.9"],
      ["--alias", "x"],
    ])
      assert.match(
        await refusal("attach", "one", "--network", "web", ...other),
        /one is attached to web already, with other names or addresses; detach it first/,
      );
    const { stdout: pid } = await attempt(engine.command(["inspect", "-f{{.State.Pid}}", "one"]));
    assert.deepEqual(await attached(`pid:${pid.trim()}`, "--network", "web"), first);
  });

  it("ends with detach, and the interface with it", async () => {
    await engine.sleeper("--name", "one");
    await attached("one", "--network", "web");
    assert.match(await done("detach", "one", "--network", "web"), /^one detached from web$/m);
    assert.doesNotMatch(await engine.exec("one", "ip", "-o", "link"), /eth1/);
    const again = await refusal("detach", "one", "--network", "web");
    assert.match(again, /one was not attached to web by "starling attach"/);
  });

  it("ends with the container, and holds again when it runs again", async () => {
    await engine.sleeper("--name", "one");
    const first = await attached("one", "--network", "web");
    await engine.docker("restart", "one");
    await gone();
    const second = await attached("one", "--network", "web");
    assert.deepEqual(bare(second), bare(first), "it gets its addresses back");
    assert.notEqual(second.id, first.id);
  });

  it("is refused for containers that are not there, do not run or use the host's network", async () => {
    await engine.sleeper("--name", "hosted", "--network", "host");
    await engine.docker("create", "--name", "new", image, "true");
    const attach = (ref: string) => refusal("attach", ref, "--network", "web");
    assert.match(await attach("hosted"), /hosted uses the host's own network/);
    assert.match(
      await attach("new"),
      /container new does not run; start it first: docker start new/,
    );
    assert.match(
      await attach("none"),
      /there is no container none, neither in Docker nor in Podman/,
    );
    assert.match(await attach("a b"), /a b is no container; name one, by name or id/);
    assert.match(await attach("pid:x"), /x is no process id/);
    assert.match(await attach("pid:999999999"), /there is no process 999999999/);
    assert.match(await refusal("attach", "new", "--network", "nix"), /there is no network nix/);
    await engine.sleeper("--name", "one");
    const taken = await refusal("attach", "one", "--network", "web", "--interface", "eth0");
    assert.match(taken, /has an interface eth0 already; name another/);
    assert.doesNotMatch(await engine.exec("one", "ip", "-o", "link"), /eth1/);
  });

  it("gives two containers attached at once, and two networks at once, what they need", async () => {
    await Promise.all(["one", "two"].map((name) => engine.sleeper("--name", name)));
    const all = await Promise.all([
      ...["one", "two"].map((name) => attached(name, "--network", "web")),
      ...["one", "two"].map((name) => attached(name, "--network", "back")),
    ]);
    assert.equal(new Set(all.flatMap(bare)).size, 6);
    for (const name of ["one", "two"]) {
      const own = all.filter((endpoint) => endpoint.name === name);
      assert.deepEqual(own.map((each) => each.interface).toSorted(), ["eth1", "eth2"]);
    }
  });
});
