import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { skipWhere } from "../vagrant/obstacle.ts";
import { addressOf, createEverywhere, isSilent, linksMatch, reaches, showsOnly } from "./claims.ts";
import { DockerCluster, type DockerHost } from "./cluster.ts";
import { engineObstacle } from "./engine.ts";
import { image } from "./image.ts";

const obstacle = engineObstacle();

describe("containers of three engines", () => {
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

  it("reach each other on every pair of hosts, each at an address of its own", async () => {
    const found = new Set<string>();
    for (const { engine, host } of cluster.hosts) {
      await engine.sleeper("--name", `on-${host.name}`, "--network", "web");
      found.add(await addressOf(engine, `on-${host.name}`, "web"));
    }
    assert.equal(found.size, 3);
    for (const { engine, host } of cluster.hosts) {
      for (const address of found) await reaches(engine, `on-${host.name}`, address);
    }
    await showsOnly(cluster, "web", ["on-a", "on-b", "on-c"]);
    for (const { engine, host } of cluster.hosts)
      await engine.docker("rm", "-f", `on-${host.name}`);
    await showsOnly(cluster, "web", []);
    await linksMatch(cluster);
  });

  it("have the address and the MAC they ask for, and their aliases in the map", async () => {
    const [ip, mac] = ["10.32.0.77", "02:00:00:00:00:77"];
    const asked = ["--ip", ip, "--mac-address", mac, "--network-alias", "primary"];
    await a.engine.sleeper("--name", "db", "--network", "web", ...asked);
    await c.engine.sleeper("--name", "asker", "--network", "web");
    assert.equal(await addressOf(a.engine, "db", "web"), ip);
    assert.equal(await addressOf(a.engine, "db", "web", "MacAddress"), mac);
    await reaches(c.engine, "asker", ip);
    const table = await c.engine.exec("asker", "ip", "neigh", "show", ip);
    assert.match(table, new RegExp(mac));
    const { aliases } = await c.agent.eventually("db has its alias", async (api) =>
      (await api.endpoints()).find(({ name, aliases: all }) => {
        return name === "db" && all.includes("primary");
      }),
    );
    assert.ok(aliases.includes("primary"));
    await a.engine.docker("rm", "-f", "db");
    await c.engine.docker("rm", "-f", "asker");
  });

  it("may have an address again as soon as the container that had it is gone", async () => {
    const asked = ["--network", "web", "--ip", "10.32.0.78"];
    await a.engine.sleeper("--name", "before", ...asked);
    await a.engine.docker("rm", "-f", "before");
    await a.engine.sleeper("--name", "after", ...asked);
    await b.engine.sleeper("--name", "asker", "--network", "web");
    await reaches(b.engine, "asker", "10.32.0.78");
    await a.engine.docker("rm", "-f", "after");
    await b.engine.docker("rm", "-f", "asker");
  });

  it("join a second network while they run, and leave it again", async () => {
    await createEverywhere(cluster, "back", "--subnet", "10.33.0.0/16");
    await a.engine.sleeper("--name", "front", "--network", "web");
    await b.engine.sleeper("--name", "store", "--network", "back");
    const store = await addressOf(b.engine, "store", "back");
    assert.ok(await isSilent(a.engine, "front", store));
    await a.engine.docker("network", "connect", "--ip", "10.33.0.9", "back", "front");
    await reaches(a.engine, "front", store);
    await reaches(b.engine, "store", "10.33.0.9");
    await showsOnly(cluster, "back", ["front", "store"]);
    await a.engine.docker("network", "disconnect", "back", "front");
    await showsOnly(cluster, "back", ["store"]);
    await showsOnly(cluster, "web", ["front"]);
    assert.ok(await isSilent(b.engine, "store", "10.33.0.9"));
    await a.engine.docker("rm", "-f", "front");
    await b.engine.docker("rm", "-f", "store");
    for (const { engine } of cluster.hosts) await engine.docker("network", "rm", "back");
    await linksMatch(cluster);
  });

  it("come back after a crash by their restart policy, and leave nothing of the crash", async () => {
    await a.engine.sleeper("--name", "phoenix", "--network", "web", "--restart", "always");
    await b.engine.sleeper("--name", "asker", "--network", "web");
    const events = a.engine.spawn("events", "--filter", "event=start", "--since", "1s");
    const seen = events.out.count;
    const pid = await a.engine.docker("inspect", "-f", "{{.State.Pid}}", "phoenix");
    await a.host.run(["kill", "-9", pid]);
    await events.out.until(/container start .*name=phoenix/, { withinMs: 20_000, from: seen });
    await a.agent.eventually("phoenix is up", async () => {
      const state = await a.engine.docker("inspect", "-f", "{{.State.Pid}}", "phoenix");
      return state !== "0" && state !== pid;
    });
    await reaches(b.engine, "asker", await addressOf(a.engine, "phoenix", "web"));
    await showsOnly(cluster, "web", ["asker", "phoenix"]);
    await linksMatch(cluster);
    await a.engine.docker("rm", "-f", "phoenix");
    await b.engine.docker("rm", "-f", "asker");
    await events.stop();
  });

  it("publish ports on their host, and reach the world beyond it", async () => {
    const serve = ["sh", "-c", "echo served > /tmp/index.html && httpd -f -p 80 -h /tmp"];
    const published = ["--stop-signal", "KILL", "-p", "8080:80", "--network", "web"];
    await a.engine.docker("run", "-d", "--name", "www", ...published, image, ...serve);
    const page = await c.host.run([
      "busybox",
      "wget",
      "-q",
      "-O",
      "-",
      `http://${a.host.address}:8080/`,
    ]);
    assert.equal(page.trim(), "served");
    await reaches(a.engine, "www", c.host.address);
    await b.engine.sleeper("--name", "asker", "--network", "web");
    const inside = `http://${await addressOf(a.engine, "www", "web")}/`;
    assert.equal(await b.engine.exec("asker", "wget", "-q", "-O", "-", inside), "served");
    await a.engine.docker("rm", "-f", "www");
    await b.engine.docker("rm", "-f", "asker");
  });

  it("of an internal network reach each other and nothing else", async () => {
    await createEverywhere(cluster, "inner", "--subnet", "10.34.0.0/16", "--internal");
    await a.engine.sleeper("--name", "in-a", "--network", "inner");
    await b.engine.sleeper("--name", "in-b", "--network", "inner");
    await reaches(a.engine, "in-a", await addressOf(b.engine, "in-b", "inner"));
    assert.ok(await isSilent(a.engine, "in-a", b.host.address));
    assert.doesNotMatch(await a.engine.exec("in-a", "ip", "route"), /default/);
    await a.engine.docker("rm", "-f", "in-a");
    await b.engine.docker("rm", "-f", "in-b");
    for (const { engine } of cluster.hosts) await engine.docker("network", "rm", "inner");
  });

  it("have IPv6 beside IPv4 where the network has", async () => {
    const subnets = ["--ipv6", "--subnet", "10.35.0.0/16", "--subnet", "fd35::/64"];
    await createEverywhere(cluster, "dual", ...subnets);
    await a.engine.sleeper("--name", "six-a", "--network", "dual");
    await b.engine.sleeper("--name", "six-b", "--network", "dual", "--ip6", "fd35::66");
    assert.equal(await addressOf(b.engine, "six-b", "dual", "GlobalIPv6Address"), "fd35::66");
    await reaches(a.engine, "six-a", "fd35::66");
    await reaches(b.engine, "six-b", await addressOf(a.engine, "six-a", "dual"));
    await a.engine.docker("rm", "-f", "six-a");
    await b.engine.docker("rm", "-f", "six-b");
    for (const { engine } of cluster.hosts) await engine.docker("network", "rm", "dual");
  });

  it("are made by compose files of several services and networks", async function () {
    if ((await a.host.run(["sh", "-c", "command -v docker-compose || true"])) === "") {
      console.log("      skipped: without docker-compose");
      this.skip();
    }
    for (const host of [a, b]) writeCompose(host);
    const folder = ({ host }: DockerHost): string => join(host.folder, "shop");
    await a.engine.compose(folder(a), "up", "-d", "db", "front");
    await b.engine.compose(folder(b), "up", "-d", "worker");
    await showsOnly(cluster, "shop-back", ["shop_db_1", "shop_worker_1"]);
    await showsOnly(cluster, "shop-front", ["shop_front_1"]);
    await reaches(b.engine, "shop_worker_1", await addressOf(a.engine, "shop_db_1", "shop-back"));
    await a.engine.compose(folder(a), "down");
    await b.engine.compose(folder(b), "down");
    await showsOnly(cluster, "shop-back", []);
    await linksMatch(cluster);
  });
});

/** Two networks and three services; each host starts some of them from the same file. */
function writeCompose({ host }: DockerHost): void {
  const folder = join(host.folder, "shop");
  const part = (network: string): object => ({
    image,
    command: "sleep 2000000000",
    stop_signal: "KILL",
    networks: [network],
  });
  const network = (name: string, subnet: string): object => ({
    name,
    driver: "starling",
    driver_opts: { "starling.network": name },
    ipam: { driver: "starling", config: [{ subnet }] },
  });
  const file = {
    version: "3.5",
    services: { db: part("back"), worker: part("back"), front: part("front") },
    networks: {
      back: network("shop-back", "10.36.0.0/16"),
      front: network("shop-front", "10.37.0.0/16"),
    },
  };
  mkdirSync(folder, { recursive: true });
  // JSON is YAML.
  writeFileSync(join(folder, "docker-compose.yml"), JSON.stringify(file));
}
