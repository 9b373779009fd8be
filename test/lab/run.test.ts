import assert from "node:assert/strict";
import type { EndpointView } from "../../agent/view.ts";
import { starling } from "./agent.ts";
import { formCluster } from "./cluster.ts";
import { Lab } from "./lab.ts";
import { run } from "./process.ts";

const namespaces = async () => (await run(["sh", "-c", "ls /run/netns | grep ^sl- || :"])).trim();

describe("a command that starling runs on a network", () => {
  it("reaches another host's, by an interface that ends with it, and so does all else", async () => {
    await using lab = await Lab.open({ hosts: ["a", "b"] });
    const cluster = await formCluster(lab);
    await cluster.network("web", "10.32.0.0/16");
    const [a, b] = [cluster.agent("a"), cluster.agent("b")];
    const words = ["run", "--network", "web", "--wait"];
    const id = (await b.cli(...words, "--name", "db", "-d", "--", "sleep", "600")).trim();
    const db = await a.json<EndpointView>("endpoint", "inspect", id);
    assert.equal(db.name, "db");
    assert.equal(db.host.name, "b");

    const address = db.addresses[0]?.split("/")[0] ?? "";
    const script = `ip -o -4 address show dev eth0 && ping -c 3 -i 0.2 -W 1 ${address}`;
    const said = await a.cli(...words, "--ip", "10.32.0.77", "--", "sh", "-c", script);
    assert.match(said, /eth0 +inet 10\.32\.0\.77\/16/);
    assert.match(said, /3 received/);
    assert.deepEqual(
      (await a.api.endpoints()).map((endpoint) => endpoint.id),
      [id],
    );

    const pid = (await run(["ip", "netns", "pids", (await namespaces()).trim()])).trim();
    process.kill(Number(pid), "SIGKILL");
    await a.eventually("the endpoint is gone", async (api) => (await api.endpoints()).length === 0);
    await b.eventually("the endpoint is gone", async (api) => (await api.endpoints()).length === 0);
    while ((await namespaces()) !== "");
  });

  it("leaves nothing behind where what runs it is killed", async () => {
    await using lab = await Lab.open({ hosts: ["a"] });
    const cluster = await formCluster(lab);
    await cluster.network("web", "10.32.0.0/16");
    const a = cluster.agent("a");
    const words = [starling, "--socket", a.api.socket, "run", "--network", "web"];
    const command = ["--", "sh", "-c", "echo $$; read line"];
    await using running = lab.host("a").spawn([...words, ...command]);
    const pid = running.out.all[await running.out.find(/^\d+$/, { withinMs: 10_000 })];
    assert.equal((await a.api.endpoints()).length, 1);
    running.kill("SIGKILL");
    await running.exited;
    // The command ends with its input; its namespace has no other process.
    await run(["timeout", "5", "tail", `--pid=${pid}`, "-f", "/dev/null"]);
    await a.eventually("the endpoint is gone", async (api) => (await api.endpoints()).length === 0);
    assert.equal(await namespaces(), "");
  });

  it("ends with it also where its agent was killed: its namespace goes at once, its endpoint later", async () => {
    await using lab = await Lab.open({ hosts: ["a", "b"] });
    const cluster = await formCluster(lab);
    await cluster.network("web", "10.32.0.0/16");
    const [a, b] = [cluster.agent("a"), cluster.agent("b")];
    const host = lab.host("b");
    const words = [starling, "--socket", b.api.socket, "run", "--network", "web", "--wait"];
    await using running = host.spawn([...words, "--", "sh", "-c", "echo ready; read line; exit 6"]);
    await running.out.until(/ready/, { withinMs: 10_000 });
    await b.kill();
    running.write("over\n");
    assert.equal((await running.exited).code, 6);
    assert.match(running.err.tail(3), /is still in the map .*; the agent withdraws it/);
    assert.equal(await namespaces(), "");
    await b.restart();
    await a.eventually("the endpoint is gone", async (api) => (await api.endpoints()).length === 0);
  });
});
