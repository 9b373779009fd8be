import assert from "node:assert/strict";
import { skipWhere } from "../vagrant/obstacle.ts";
import { DockerCluster, type DockerHost } from "./cluster.ts";
import { engineObstacle } from "./engine.ts";
import { image } from "./image.ts";
import { PluginClient } from "./plugin-client.ts";

const obstacle = engineObstacle();
const create = ["network", "create", "-d", "starling", "--ipam-driver", "starling"];
const subnet = "10.32.0.0/16";

describe("Docker on the mesh", () => {
  before(function () {
    skipWhere(obstacle, this);
  });

  describe("on two hosts", () => {
    let cluster: DockerCluster;
    let a: DockerHost;
    let b: DockerHost;

    before(async () => {
      cluster = await DockerCluster.open(["a", "b"]);
      [a, b] = [cluster.at("a"), cluster.at("b")];
    });

    after(() => cluster?.[Symbol.asyncDispose]());

    it("joins containers of one network, made by the first host's docker network create", async () => {
      await a.engine.docker(...create, "--subnet", subnet, "-o", "starling.network=web", "web");
      await b.engine.docker(...create, "-o", "starling.network=web", "web");
      await a.engine.sleeper("--name", "one", "--network", "web");
      await pings(b, "web", await addressOf(a, "one"));
    });

    it("gives a network without options the name that Docker gave it", async () => {
      await a.engine.docker(...create, "--subnet", "10.33.0.0/16", "Shop_front");
      await a.engine.sleeper("--name", "shop", "--network", "Shop_front");
      const address = await addressOf(a, "shop");
      assert.match(address, /^10\.33\./);
      await b.engine.docker(...create, "-o", "starling.network=shop-front", "shop");
      await pings(b, "shop", address);
    });

    it("says at the container what it could not say when the network was made", async () => {
      await b.engine.docker(...create, "nowhere");
      const { stderr } = await b.engine.tryDocker("run", "--network", "nowhere", image, "true");
      assert.match(stderr, /there is no network nowhere.*starling network create nowhere/);
      await b.engine.docker("network", "rm", "nowhere");
    });

    it("serves a network twice on one host, though its subnet is a route there by now", async () => {
      const option = ["-o", "starling.network=web", "--ipam-opt", "starling.network=web"];
      await a.engine.docker(...create, ...option, "again");
      await pings(a, "again", await addressOf(a, "one"));
    });

    it("gives addresses where Docker's own driver gives none", async () => {
      const words = ["network", "create", "-d", "starling", "--ipam-driver", "null"];
      await b.engine.docker(...words, "-o", "starling.network=web", "bare");
      await pings(b, "bare", await addressOf(a, "one"));
    });

    it("refuses what would give addresses twice, with what to add", async () => {
      const words = ["network", "create", "-d", "starling", "-o", "starling.network=web", "twice"];
      const { stderr, code } = await b.engine.tryDocker(...words);
      assert.notEqual(code, 0);
      assert.match(stderr, /add --ipam-driver starling/);
    });

    it("calls endpoints as Docker calls their containers, also when that changes", async () => {
      const flags = ["--name", "front_1", "--network", "web", "--network-alias", "Front"];
      await a.engine.sleeper(...flags, "--label", "com.docker.compose.service=www");
      await named(b, "front_1", ["front", "www"]);
      await a.engine.docker("rename", "front_1", "back_1");
      await named(b, "back_1", ["front", "www"]);
      await a.engine.docker("rm", "-f", "back_1");
    });

    it("clears away what Docker lost without a word, and nothing else", async () => {
      const { Id } = await a.engine.inspect<{ Id: string }>("network", "web");
      const lost = { NetworkID: Id, EndpointID: "d".repeat(64), Interface: {} };
      await new PluginClient(`${a.engine.plugins}/starling.sock`).ask(
        "NetworkDriver.CreateEndpoint",
        lost,
      );
      const isThere = async (id: string) =>
        (await a.agent.api.endpoints()).some((endpoint) => endpoint.id === id);
      assert.ok(await isThere("d".repeat(16)));
      // An agent that has just started does not know when Docker last spoke of it.
      await a.agent.kill();
      await a.agent.restart();
      await a.agent.eventually("it is gone", async () => !(await isThere("d".repeat(16))), 40_000);
      await pings(b, "web", await addressOf(a, "one"));
      await pings(b, "shop", await addressOf(a, "shop"));
    });
  });
});

async function pings({ engine }: DockerHost, network: string, address: string): Promise<void> {
  const ping = ["ping", "-c", "1", "-W", "5", address];
  const printed = await engine.docker("run", "--rm", "--network", network, image, ...ping);
  assert.match(printed, /1 packets received/);
}

/** Resolves when the map, as this host has it, has an endpoint of these names. */
async function named({ agent }: DockerHost, name: string, aliases: string[]): Promise<void> {
  await agent.eventually(`an endpoint is called ${name}`, async (api) => {
    const found = (await api.endpoints()).find((endpoint) => endpoint.name === name);
    return aliases.every((alias) => found?.aliases.includes(alias));
  });
}

/** The address of a container in its one network. */
async function addressOf({ engine }: DockerHost, container: string): Promise<string> {
  const format = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
  return engine.docker("inspect", "-f", format, container);
}
