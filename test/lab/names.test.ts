/** Names as the resolvers of a machine ask for them: glibc's, busybox's, c-ares's. */
import assert from "node:assert/strict";
import { becomes, type Cluster, formCluster, sees } from "./cluster.ts";
import type { Endpoint } from "./endpoint.ts";
import { Lab } from "./lab.ts";
import { attempt } from "./process.ts";
import { startResolver } from "./resolver.ts";

/** Asks with c-ares at one server; prints addresses, or the code of the failure. */
const asking = `
const { Resolver } = require("node:dns").promises;
const [server, type, ...names] = process.argv.slice(1);
const resolver = new Resolver({ timeout: 1000, tries: 2 });
resolver.setServers([server]);
const told = (list) => list.flat().join(" ");
Promise.all(names.map((name) => resolver.resolve(name, type).then(told, ({ code }) => code)))
  .then((all) => console.log(all.join("\\n")));
`;

const gateway = "10.32.0.1";

describe("names on three hosts", () => {
  let parts: AsyncDisposableStack;
  let lab: Lab;
  let cluster: Cluster;
  let asker: Endpoint;

  const open = async (): Promise<void> => {
    parts = new AsyncDisposableStack();
    lab = parts.use(await Lab.open({ hosts: ["a", "b", "c", "resolver"] }));
    const { address } = await startResolver(lab.host("resolver"));
    const hosts = lab.hosts.slice(0, 3);
    cluster = await formCluster(Object.assign(Object.create(lab), { hosts }) as Lab, {
      flags: ["--dns-upstreams", address],
    });
    await cluster.network("web", "10.32.0.0/16");
    await cluster.network("files", "10.33.0.0/16");
    asker = await cluster.endpoint("a", { network: "web", name: "asker" });
    await cluster.endpoint("b", { network: "web", name: "db", flags: ["--alias", "postgres"] });
    await cluster.endpoint("c", { network: "files", name: "log" });
  };
  before(open);
  after(() => parts[Symbol.asyncDispose]());

  const askAt = async (server: string, type: string, ...names: string[]): Promise<string[]> => {
    const said = await asker.run([process.execPath, "-e", asking, server, type, ...names]);
    return said.trim().split("\n");
  };
  const ask = (...names: string[]) => askAt(gateway, "A", ...names);
  const addressOf = async (name: string): Promise<string> => {
    const endpoints = await cluster.agent("a").api.endpoints();
    return endpoints.find((each) => each.name === name)?.addresses[0]?.split("/")[0] ?? "";
  };

  it("are those of endpoints everywhere, by any of their names, and of no other network", async () => {
    const db = await addressOf("db");
    assert.deepEqual(await ask("db.web.starling", "postgres.web.starling", "DB.Web.Starling"), [
      db,
      db,
      db,
    ]);
    assert.deepEqual(await ask("db", "db.web", "nearest.db", "log.files.starling", "no.starling"), [
      db,
      db,
      db,
      "ENOTFOUND",
      "ENOTFOUND",
    ]);
    assert.deepEqual(await askAt(gateway, "AAAA", "db.web.starling"), ["ENODATA"]);
    const backwards = `${db.split(".").toReversed().join(".")}.in-addr.arpa`;
    assert.deepEqual(await askAt(gateway, "PTR", backwards), ["db.web.starling"]);
  });

  it("of the world are asked of the world, over TCP where they are large", async () => {
    const [one, many, none] = await ask("one.example", "many.example", "none.example");
    assert.equal(one, "192.0.2.1");
    assert.equal(many?.split(" ").length, 100);
    assert.equal(none, "ENOTFOUND");
    const { dns } = await cluster.agent("a").api.status();
    assert.deepEqual(dns.upstreams, [lab.host("resolver").address]);
    assert.ok(dns.answered >= 10 && dns.forwarded >= 3);
  });

  it("are refused to who is outside, of ours and of the world both", async () => {
    const stranger = lab.host("resolver");
    const way = ["10.32.0.0/16", "via", lab.host("a").address, "dev", "eth0"];
    await stranger.run(["ip", "route", "add", ...way]);
    const words = [process.execPath, "-e", asking, gateway, "A", "one.example", "db.web.starling"];
    assert.equal((await stranger.run(words)).trim(), "EREFUSED\nEREFUSED");
    await stranger.run(["ip", "route", "del", ...way]);
  });

  it("reach a command that starling runs, by the machine's own resolver", async () => {
    const a = cluster.agent("a");
    const words = ["run", "--network", "web", "--"];
    const db = await addressOf("db");
    for (const name of ["db", "db.web", "db.web.starling", "postgres"]) {
      const said = await a.cli(...words, "getent", "ahostsv4", name);
      assert.equal(said.split(/\s/)[0], db, name);
    }
    const { code } = await a.tryCli(...words, "getent", "ahostsv4", "log.files.starling");
    assert.equal(code, 2);
    assert.match(await a.cli(...words, "getent", "hosts", db), /db\.web\.starling/);
    assert.match(await a.cli(...words, "getent", "ahostsv4", "one.example"), /^192\.0\.2\.1 /);
  });

  it("are there with the first command of a network, which made its bridge", async () => {
    const c = cluster.agent("c");
    const script = "getent ahostsv4 db";
    const said = await c.cli("run", "--network", "web", "--", "sh", "-c", script);
    assert.match(said, new RegExp(`^${await addressOf("db")} `));
  });

  it("of several endpoints are told with those of unreachable hosts last, and all when healed", async () => {
    const [near, far] = await Promise.all([
      cluster.endpoint("b", { network: "web", name: "api" }),
      cluster.endpoint("c", { network: "web", name: "api", flags: [] }),
    ]);
    const [a, c] = [cluster.agent("a"), lab.host("c")];
    const firsts = async (): Promise<Set<string>> => {
      const told = await ask(...Array.from({ length: 12 }, () => "api.web.starling"));
      for (const one of told) {
        assert.deepEqual(one.split(" ").toSorted(), [near.address, far.address].toSorted());
      }
      return new Set(told.map((one) => one.split(" ")[0] ?? ""));
    };
    assert.deepEqual((await firsts()).size, 2);
    await c.cut();
    await becomes(a, { name: "c", state: "unreachable" });
    assert.deepEqual([...(await firsts())], [near.address]);
    await c.mend();
    await sees(a, 3, 30_000);
    assert.deepEqual((await firsts()).size, 2);
  });

  it("go with their endpoint, at once and everywhere", async () => {
    const b = cluster.agent("b");
    const gone = await cluster.endpoint("b", { network: "web", name: "short" });
    assert.deepEqual(await ask("short.web.starling"), [gone.address]);
    await b.cli("endpoint", "rm", "short", "--wait");
    assert.deepEqual(await ask("short.web.starling", "short"), ["ENOTFOUND", "ENOTFOUND"]);
  });

  it("are answered again at once by an agent that was killed", async () => {
    const a = cluster.agent("a");
    await a.kill();
    await a.restart();
    await a.eventually("names", async (api) =>
      (await api.status()).dns.serving.includes(gateway as never),
    );
    assert.deepEqual(await ask("db.web.starling"), [await addressOf("db")]);
  });

  it("are for busybox as for others", async () => {
    const busybox = await attempt(["sh", "-c", "command -v busybox"]);
    if (busybox.code !== 0) {
      console.log("      not tested with busybox, which is not installed");
      return;
    }
    const said = await asker.run(["busybox", "nslookup", "db.web.starling", gateway]);
    assert.ok(
      said.includes(`Address: ${await addressOf("db")}`) || said.includes(await addressOf("db")),
    );
  });
});

describe("a host whose port 53 somebody has", () => {
  it("says so, goes on, and answers names as soon as the port is free", async () => {
    await using lab = await Lab.open({ hosts: ["a"] });
    const holding = `require("node:dgram").createSocket("udp4").bind(53, "0.0.0.0", () => console.log("ready"))`;
    const other = lab.host("a").spawn([process.execPath, "-e", holding]);
    await other.out.until(/ready/, { withinMs: 10_000 });
    const cluster = await formCluster(lab);
    await cluster.network("web", "10.32.0.0/16");
    const a = cluster.agent("a");
    await cluster.endpoint("a", { network: "web", name: "x" });
    const said = await a.cli("status");
    assert.match(said, /names are not answered at 10\.32\.0\.1: another program has its port 53/);
    await other.stop("SIGKILL");
    // What the server reports is no change of the map: it is asked for, not waited for.
    while ((await a.api.status()).dns.serving.length === 0);
    assert.doesNotMatch(await a.cli("status"), /not answered/);
  });
});
