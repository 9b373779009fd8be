/** How containers get names: what Docker's own resolver does with the servers that it is told. */
import assert from "node:assert/strict";
import { startResolver } from "../lab/resolver.ts";
import { skipWhere } from "../vagrant/obstacle.ts";
import { DockerCluster, type DockerHost, dockerFlags } from "./cluster.ts";
import { engineObstacle } from "./engine.ts";
import { image } from "./image.ts";

const obstacle = engineObstacle();
const create = ["network", "create", "-d", "starling", "--ipam-driver", "starling"];

describe("names in containers", () => {
  let cluster: DockerCluster;
  let a: DockerHost;
  let b: DockerHost;
  let world: string;

  before(async function () {
    skipWhere(obstacle, this);
    cluster = await DockerCluster.open(["a", "b"]);
    [a, b] = [cluster.at("a"), cluster.at("b")];
    // Of the second host's underlay: containers reach it as they reach the world.
    world = (await startResolver(b.host)).address;
    const flags = [...dockerFlags(a.engine), "--dns-upstreams", world];
    await a.agent.restart({ flags });
    for (const [name, subnet] of [
      ["web", "10.32.0.0/16"],
      ["files", "10.33.0.0/16"],
    ] as const) {
      const option = ["-o", `starling.network=${name}`];
      await a.engine.docker(...create, "--subnet", subnet, ...option, name);
      await b.engine.docker(...create, ...option, name);
    }
    await b.engine.sleeper("--name", "db", "--network", "web", "--network-alias", "store");
    await b.engine.sleeper("--name", "log", "--network", "files");
    await a.agent.eventually("names of containers", async (api) => {
      const all = await api.endpoints();
      return ["db", "log"].every((name) => all.some((each) => each.name === name));
    });
  });
  after(() => cluster?.[Symbol.asyncDispose]());

  const addressOf = async (name: string): Promise<string> => {
    const all = await a.agent.api.endpoints();
    return all.find((each) => each.name === name)?.addresses[0]?.split("/")[0] ?? "";
  };
  /** What a container of the first host finds; empty where it finds nothing. */
  const find = async (name: string, ...flags: string[]): Promise<string> => {
    const words = ["run", "--rm", ...flags, image, "nslookup", name];
    const { stdout } = await a.engine.tryDocker(...words);
    const [, address = ""] = /Name:.*\nAddress(?: 1)?: (\S+)/.exec(stdout) ?? [];
    return address;
  };
  const inWeb = ["--network", "web", "--dns", "10.32.0.1"];

  it("are found by the gateway of their network, short or whole, also of other hosts", async () => {
    const db = await addressOf("db");
    for (const name of ["db", "store", "db.web", "db.web.starling"])
      assert.equal(await find(name, ...inWeb), db, name);
    const ping = ["run", "--rm", ...inWeb, image, "ping", "-c", "1", "-W", "2", "db"];
    assert.match(await a.engine.docker(...ping), /1 packets received/);
    assert.equal(await find("log.files.starling", ...inWeb), "");
  });

  it("are gone with their container", async () => {
    await b.engine.sleeper("--name", "short", "--network", "web");
    await a.agent.eventually("short is named", async () => (await addressOf("short")) !== "");
    assert.equal(await find("short", ...inWeb), await addressOf("short"));
    await b.engine.docker("rm", "-f", "short");
    await a.agent.eventually("short is gone", async () => (await addressOf("short")) === "");
    assert.equal(await find("short.web.starling", ...inWeb), "");
  });

  it("of all its networks are found by a container of several", async () => {
    const id = await a.engine.sleeper("--name", "both", "--network", "web", "--dns", "10.32.0.1");
    await a.engine.docker("network", "connect", "files", id);
    await a.agent.eventually("both is named twice", async (api) => {
      const all = await api.endpoints();
      return all.filter((each) => each.name === "both").length === 2;
    });
    const said = await a.engine.exec(id, "nslookup", "log.files.starling");
    assert.ok(said.includes(await addressOf("log")), said);
    await a.engine.docker("rm", "-f", id);
  });

  it("need no flag where dockerd was told of the gateways, with a server for all else", async () => {
    const servers = ["10.32.0.1", "10.33.0.1", world].flatMap((server) => ["--dns", server]);
    // Bridges of both networks are here: else Docker would wait for a server that is nowhere.
    await a.engine.restart({ flags: servers });
    await a.engine.sleeper("--name", "here1", "--network", "web");
    await a.engine.sleeper("--name", "here2", "--network", "files");
    assert.equal(await find("db", "--network", "web"), await addressOf("db"));
    assert.equal(await find("log", "--network", "files"), await addressOf("log"));
    assert.equal(await find("db.web.starling", "--network", "files"), "");
    assert.equal(await find("one.example", "--network", "files"), "192.0.2.1");
    // Who has no endpoint is refused by the gateways, and its resolver asks the next.
    const ping = ["run", "--rm", image, "ping", "-c", "1", "-W", "1", "one.example"];
    assert.match((await a.engine.tryDocker(...ping)).stdout, /PING one\.example \(192\.0\.2\.1\)/);
  });
});
