import assert from "node:assert/strict";
import { DockerCluster, type DockerHost } from "./cluster.ts";
import { engineObstacle } from "./engine.ts";
import { image } from "./image.ts";

const obstacle = engineObstacle();
const create = ["network", "create", "-d", "starling", "--ipam-driver", "starling"];
const subnet = "10.32.0.0/16";

describe("Docker on the mesh", () => {
  before(function () {
    if (obstacle === undefined) return;
    console.log(`    skipped: ${obstacle}`);
    this.skip();
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
      const ip = await addressOf(a, "one");
      const ping = ["run", "--rm", "--network", "web", image, "ping", "-c", "1", "-W", "5", ip];
      assert.match(await b.engine.docker(...ping), /1 packets received/);
    });
  });
});

/** The address of a container in its one network. */
async function addressOf({ engine }: DockerHost, container: string): Promise<string> {
  const format = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
  return engine.docker("inspect", "-f", format, container);
}
