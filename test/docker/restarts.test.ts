import assert from "node:assert/strict";
import { Ping } from "../lab/ping.ts";
import { skipWhere } from "../vagrant/obstacle.ts";
import { addressOf, createEverywhere, linksMatch, reaches, showsOnly } from "./claims.ts";
import { DockerCluster, type DockerHost } from "./cluster.ts";
import { engineObstacle } from "./engine.ts";
import { PluginClient } from "./plugin-client.ts";
import { boot, cutPower } from "./power.ts";

const obstacle = engineObstacle();

describe("Docker on the mesh, through restarts", () => {
  let cluster: DockerCluster;
  let a: DockerHost;
  let b: DockerHost;

  before(async function () {
    skipWhere(obstacle, this);
    cluster = await DockerCluster.open(["a", "b", "c"]);
    [a, b] = [cluster.at("a"), cluster.at("b")];
    await createEverywhere(cluster, "web", "--subnet", "10.32.0.0/16");
    await b.engine.sleeper("--name", "far", "--network", "web");
  });
  after(() => cluster?.[Symbol.asyncDispose]());

  const pingFromFar = async (address: string): Promise<Ping> => {
    const pid = await b.engine.docker("inspect", "-f", "{{.State.Pid}}", "far");
    return new Ping(["nsenter", `--net=/proc/${pid}/ns/net`], address, 10);
  };

  it("dockerd restarts without live-restore: containers stop, and come back by policy", async () => {
    await a.engine.sleeper("--name", "always", "--network", "web", "--restart", "always");
    await a.engine.sleeper("--name", "once", "--network", "web");
    await a.engine.restart({ liveRestore: false });
    await showsOnly(cluster, "web", ["always", "far"]);
    await reaches(b.engine, "far", await addressOf(a.engine, "always", "web"));
    await linksMatch(cluster);
    await a.engine.docker("start", "once");
    await reaches(b.engine, "far", await addressOf(a.engine, "once", "web"));
    await a.engine.docker("rm", "-f", "always", "once");
    await showsOnly(cluster, "web", ["far"]);
  });

  it("dockerd restarts with live-restore, and is killed: no packet is lost", async () => {
    await a.engine.restart({ liveRestore: true });
    await a.engine.sleeper("--name", "live", "--network", "web");
    await using ping = await pingFromFar(await addressOf(a.engine, "live", "web"));
    await ping.answered(5);
    await a.engine.restart();
    await a.engine.kill();
    await a.engine.start();
    await ping.answered(20);
    const { sent, received } = await ping.stop();
    assert.equal(received, sent);
    await showsOnly(cluster, "web", ["far", "live"]);
    await a.engine.docker("rm", "-f", "live");
    await showsOnly(cluster, "web", ["far"]);
    await linksMatch(cluster);
  });

  it("the agent restarts and is killed while containers run: no packet is lost", async () => {
    await a.engine.sleeper("--name", "runs", "--network", "web");
    await using ping = await pingFromFar(await addressOf(a.engine, "runs", "web"));
    await ping.answered(5);
    await a.agent.restart();
    await ping.answered(20);
    await a.agent.kill();
    await a.agent.restart();
    await ping.answered(20);
    const { sent, received } = await ping.stop();
    assert.equal(received, sent);
    await showsOnly(cluster, "web", ["far", "runs"]);
    await a.engine.sleeper("--name", "new", "--network", "web");
    await reaches(b.engine, "far", await addressOf(a.engine, "new", "web"));
    await a.engine.docker("rm", "-f", "runs", "new");
    await showsOnly(cluster, "web", ["far"]);
    await linksMatch(cluster);
  });

  it("containers that end while the agent is away are gone when it is back", async () => {
    await a.engine.sleeper("--name", "short", "--network", "web");
    await a.agent.kill();
    const pid = await a.engine.docker("inspect", "-f", "{{.State.Pid}}", "short");
    await a.host.run(["kill", "-9", pid]);
    await a.agent.restart();
    await a.engine.docker("rm", "-f", "short");
    await showsOnly(cluster, "web", ["far"]);
    await linksMatch(cluster);
  });

  it("an agent killed between address and endpoint gives the address back", async () => {
    const plugin = new PluginClient(`${a.engine.plugins}/starling.sock`);
    const pool = await plugin.ask("IpamDriver.RequestPool", {
      AddressSpace: "StarlingLocal",
      Pool: "10.32.0.0/16",
      Options: { "starling.network": "web" },
    });
    const asked = { PoolID: pool["PoolID"], Address: "10.32.0.99", Options: {} };
    const given = await plugin.ask("IpamDriver.RequestAddress", asked);
    assert.equal(given["Address"], "10.32.0.99/16");
    await a.agent.kill();
    await a.agent.restart();
    await a.engine.sleeper("--name", "heir", "--network", "web", "--ip", "10.32.0.99");
    await reaches(b.engine, "far", "10.32.0.99");
    await a.engine.docker("rm", "-f", "heir");
  });

  it("the host loses power: what policy restarts is back, and nothing of the rest", async () => {
    await a.engine.sleeper("--name", "back", "--network", "web", "--restart", "always");
    await a.engine.sleeper("--name", "lost", "--network", "web");
    await cutPower(a);
    await boot(a);
    await showsOnly(cluster, "web", ["back", "far"]);
    await reaches(b.engine, "far", await addressOf(a.engine, "back", "web"));
    await a.engine.docker("start", "lost");
    await reaches(b.engine, "far", await addressOf(a.engine, "lost", "web"));
    await a.engine.docker("rm", "-f", "back", "lost");
    await showsOnly(cluster, "web", ["far"]);
    await linksMatch(cluster);
  });
});
