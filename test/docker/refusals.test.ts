import assert from "node:assert/strict";
import { skipWhere } from "../vagrant/obstacle.ts";
import {
  addressOf,
  create,
  createEverywhere,
  isRefused,
  linksMatch,
  reaches,
  showsOnly,
} from "./claims.ts";
import { DockerCluster, type DockerHost } from "./cluster.ts";
import { engineObstacle } from "./engine.ts";
import { image } from "./image.ts";

const obstacle = engineObstacle();

describe("Docker on the mesh, asked for what cannot be", () => {
  let cluster: DockerCluster;
  let a: DockerHost;
  let b: DockerHost;
  let c: DockerHost;

  before(async function () {
    skipWhere(obstacle, this);
    cluster = await DockerCluster.open(["a", "b", "c"]);
    [a, b, c] = [cluster.at("a"), cluster.at("b"), cluster.at("c")];
    await createEverywhere(cluster, "web", "--subnet", "10.32.0.0/16");
  });
  after(() => cluster?.[Symbol.asyncDispose]());

  const networksOf = async ({ engine }: DockerHost): Promise<string> =>
    engine.docker("network", "ls", "--filter", "driver=starling", "--format", "{{.Name}}");

  it("refuses options it does not know, by name, and makes nothing", async () => {
    const args = ["--subnet", "10.50.0.0/16", "-o", "starling.nonsense=1", "bad"];
    await isRefused(a, [...create, ...args], /starling\.nonsense/);
    assert.equal(await networksOf(a), "web");
    assert.ok(!(await a.agent.api.networks()).some(({ name }) => name === "bad"));
  });

  it("refuses a subnet that is not the mesh network's, and names both", async () => {
    const args = ["--subnet", "10.60.0.0/16", "-o", "starling.network=web", "other"];
    await isRefused(b, [...create, ...args], /10\.60\.0\.0\/16/, /10\.32\.0\.0\/16/);
    assert.equal(await networksOf(b), "web");
  });

  it("refuses an address that a container on another host has, and leaks nothing", async () => {
    await a.engine.sleeper("--name", "owner", "--network", "web");
    const taken = await addressOf(a.engine, "owner", "web");
    const args = ["run", "-d", "--name", "thief", "--network", "web", "--ip", taken];
    await isRefused(b, [...args, image, "true"], new RegExp(taken));
    await b.engine.docker("rm", "-f", "thief");
    await b.engine.sleeper("--name", "honest", "--network", "web");
    await reaches(b.engine, "honest", taken);
    await showsOnly(cluster, "web", ["honest", "owner"]);
    await linksMatch(cluster);
    await a.engine.docker("rm", "-f", "owner");
    await b.engine.docker("rm", "-f", "honest");
  });

  it("two hosts that create one network at the same instant have one network", async () => {
    const words = [...create, "--subnet", "10.70.0.0/16", "-o", "starling.network=twin", "twin"];
    await Promise.all([a, b].map(({ engine }) => engine.docker(...words)));
    await c.engine.docker(...words);
    for (const { engine, host } of cluster.hosts) {
      await engine.sleeper("--name", `twin-${host.name}`, "--network", "twin");
    }
    const twins = (await c.agent.api.networks()).filter(({ name }) => name.startsWith("twin"));
    assert.deepEqual(
      twins.map(({ name, conflict }) => [name, conflict]),
      [["twin", undefined]],
    );
    await showsOnly(cluster, "twin", ["twin-a", "twin-b", "twin-c"]);
    const address = await addressOf(a.engine, "twin-a", "twin");
    await reaches(b.engine, "twin-b", address);
    await reaches(c.engine, "twin-c", address);
    for (const { engine, host } of cluster.hosts) {
      await engine.docker("rm", "-f", `twin-${host.name}`);
    }
  });

  it("containers killed while they are attached leave nothing", async () => {
    const { engine } = a;
    for (let at = 0; at < 6; at += 1) {
      await engine.docker("create", "--name", "brief", "--network", "web", image, "true");
      // Wherever in the start this falls: both are under way at once.
      await Promise.all([
        engine.tryDocker("start", "brief"),
        engine.tryDocker("kill", "brief"),
        engine.tryDocker("rm", "-f", "brief"),
      ]);
      await engine.tryDocker("rm", "-f", "brief");
    }
    await showsOnly(cluster, "web", []);
    await linksMatch(cluster);
  });

  it("a host whose agent is down says so in the end, and its Docker goes on meanwhile", async () => {
    await c.agent.stop();
    const words = [...create, "--subnet", "10.80.0.0/16", "-o", "starling.network=late", "late"];
    // Nobody listens, so it is Docker's own patience (15 s) that ends this, not ours.
    const refused = isRefused({ engine: c.engine, withinMs: 20_000 }, words, /starling/);
    await c.engine.docker("run", "--rm", image, "true");
    await refused;
    await c.agent.restart();
    await c.engine.docker(...words);
  });
});
