import assert from "node:assert/strict";
import type { Agent } from "../lab/agent.ts";
import { type Cluster, formCluster } from "../lab/cluster.ts";
import { Lab } from "../lab/lab.ts";
import { attempt } from "../lab/process.ts";
import { skipWhere } from "../vagrant/obstacle.ts";
import { image } from "./image.ts";
import { Podman, podmanObstacle } from "./podman.ts";

const obstacle = podmanObstacle();

describe("Podman's containers", () => {
  let parts: AsyncDisposableStack;
  let cluster: Cluster;
  let agent: Agent;
  let podman: Podman;

  before(async function () {
    skipWhere(obstacle, this);
    parts = new AsyncDisposableStack();
    const lab = parts.use(await Lab.open({ hosts: ["a", "b"] }));
    cluster = await formCluster(lab);
    agent = cluster.agent("a");
    const plugin = { type: "starling-cni", network: "pods", socket: agent.api.socket };
    const listed = {
      ...plugin,
      subnet: "10.47.0.0/16",
      capabilities: { aliases: true, ips: true },
    };
    podman = parts.use(
      await Podman.open(lab.host("a"), {
        "10-web.conflist": { cniVersion: "1.0.0", name: "web", plugins: [listed] },
      }),
    );
  });
  after(() => parts?.disposeAsync());
  afterEach(async () => {
    await podman.run("rm", "-f", "-t", "0", "--all");
    await agent.eventually("nothing of them is left", async (api) =>
      (await api.endpoints()).every(({ isLocal }) => !isLocal),
    );
  });

  const own = async () => (await agent.api.endpoints()).filter(({ isLocal }) => isLocal);

  it("join a network by CNI, under their names, and reach other hosts", async () => {
    await podman.sleeper("--name", "db", "--network", "web", "--network-alias", "sql_1");
    const [endpoint, ...others] = await own();
    assert.deepEqual(others, []);
    assert.equal(endpoint?.name, "db");
    assert.ok(endpoint?.aliases.includes("sql_1"), String(endpoint?.aliases));
    assert.match(endpoint?.owner ?? "", /^cni\/web\/[0-9a-f]{64}\/eth0$/);
    const far = await cluster.endpoint("b", { network: "pods", name: "far" });
    await podman.run("exec", "db", "ping", "-c1", "-W2", far.address);
    await podman.run("exec", "db", "ping", "-c1", "-W2", "far.pods");
    await podman.run("exec", "db", "ping", "-c1", "-W2", "far");
    const [address = ""] = endpoint?.addresses[0]?.split("/") ?? [];
    await far.run(["ping", "-c1", "-W2", address]);
    const shown = await podman.run("inspect", "-f", "{{json .NetworkSettings.Networks.web}}", "db");
    assert.equal(JSON.parse(shown).IPAddress, address);
    assert.equal(JSON.parse(shown).Gateway, "10.47.0.1");
  });

  it("have the address they ask for, and are refused one that is taken", async () => {
    await podman.sleeper("--name", "one", "--network", "web", "--ip", "10.47.0.77");
    assert.deepEqual((await own())[0]?.addresses, ["10.47.0.77/16"]);
    const words = ["run", "--rm", "--pull=never", "--network", "web", "--ip", "10.47.0.77"];
    const { code, stderr } = await podman.tryRun(...words, image, "true");
    assert.notEqual(code, 0);
    assert.match(stderr, /10\.47\.0\.77 is taken by endpoint one on host a/);
    assert.equal((await own()).length, 1);
  });

  it("leave when they stop, by a word or by a crash", async () => {
    await podman.sleeper("--name", "one", "--network", "web");
    await podman.run("stop", "-t", "0", "one");
    assert.deepEqual(await own(), []);
    await podman.run("start", "one");
    assert.equal((await own()).length, 1);
    const pid = await podman.run("inspect", "-f", "{{.State.Pid}}", "one");
    process.kill(Number(pid), "SIGKILL");
    await podman.run("rm", "-f", "-t", "0", "one");
    assert.deepEqual(await own(), []);
  });

  it("are not started while the agent is away, and end as ever", async () => {
    await podman.sleeper("--name", "one", "--network", "web");
    await agent.stop();
    const words = ["run", "--rm", "--pull=never", "--network", "web", image, "true"];
    const { code, stderr } = await podman.tryRun(...words);
    assert.notEqual(code, 0);
    assert.match(stderr, /no agent answers at/);
    await podman.run("rm", "-f", "-t", "0", "one");
    await agent.restart();
  });

  it("are attached while they run, and detached", async () => {
    await podman.sleeper("--name", "one", "--network", "none");
    await agent.cli("network", "create", "side", "--subnet", "10.48.0.0/16");
    const starling = new URL("../../bin/starling", import.meta.url).pathname;
    const env = { ...podman.env, DOCKER_HOST: "unix:///run/no-docker.sock" };
    const said = async (...words: readonly string[]): Promise<string> => {
      const argv = [...agent.host.enter, starling, "--socket", agent.api.socket, ...words];
      const { code, stdout, stderr } = await attempt(argv, { env });
      assert.equal(code, 0, stderr);
      return stdout;
    };
    const first = await said("attach", "one", "--network", "side");
    assert.match(first, /^one attached to side as one: eth0 10\.48\./);
    assert.match(await podman.run("exec", "one", "ip", "-o", "addr"), /eth0 +inet 10\.48\./);
    assert.match(await said("attach", "podman:one", "--network", "side"), /is attached already/);
    await said("detach", "one", "--network", "side");
    assert.doesNotMatch(await podman.run("exec", "one", "ip", "-o", "link"), /eth0/);
  });
});
