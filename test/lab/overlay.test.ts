import assert from "node:assert/strict";
import { formCluster, sees } from "./cluster.ts";
import type { Endpoint } from "./endpoint.ts";
import { tunnelsOf } from "./kernel.ts";
import { Lab } from "./lab.ts";

const subnet = "10.32.0.0/16";

async function assertAllTalk(endpoints: readonly Endpoint[]): Promise<void> {
  for (const from of endpoints) {
    for (const to of endpoints) {
      if (from === to) continue;
      const { sent, received } = await from.ping(to);
      assert.equal(received, sent, `${from.name} to ${to.name}`);
    }
  }
}

describe("the overlay", () => {
  it("joins endpoints on three hosts: each reaches each, from its first packet", async () => {
    await using lab = await Lab.open({ hosts: ["a", "b", "c"] });
    const cluster = await formCluster(lab);
    await cluster.network("web", subnet);
    const endpoints = [
      await cluster.endpoint("a", { network: "web", name: "x" }),
      await cluster.endpoint("b", { network: "web", name: "y" }),
      await cluster.endpoint("c", { network: "web", name: "z" }),
    ];
    assert.equal(new Set(endpoints.map(({ address }) => address)).size, 3);
    await assertAllTalk(endpoints);
    assert.equal((await cluster.roots()).size, 1);
  });

  it("programs exactly one entry for each remote endpoint, and takes it away with it", async () => {
    await using lab = await Lab.open({ hosts: ["a", "b"] });
    const cluster = await formCluster(lab);
    await cluster.network("web", subnet);
    await cluster.endpoint("a", { network: "web", name: "x" });
    const y = await cluster.endpoint("b", { network: "web", name: "y" });
    const [tunnel, ...more] = await tunnelsOf(lab.host("a"));
    assert.deepEqual(more, []);
    assert.equal(tunnel?.vtep, lab.host("a").address);
    assert.deepEqual(tunnel?.entries, [{ mac: y.view.mac, vtep: lab.host("b").address }]);
    await cluster.agent("b").cli("endpoint", "rm", "y", "--wait");
    assert.deepEqual((await tunnelsOf(lab.host("a")))[0]?.entries, []);
  });

  it("keeps networks apart, even with the same subnet in mind", async () => {
    await using lab = await Lab.open({ hosts: ["a", "b"] });
    const cluster = await formCluster(lab);
    await cluster.network("web", subnet);
    await cluster.network("other", "10.33.0.0/16");
    const web = await cluster.endpoint("a", { network: "web", name: "x" });
    const other = await cluster.endpoint("b", { network: "other", name: "y" });
    // Pretending to be in the other network must not help: the frame leaves by another VXLAN.
    await other.run(["ip", "address", "add", "10.32.200.1/16", "dev", "eth0"]);
    assert.equal((await other.ping(web)).received, 0);
  });

  it("carries full-size packets without fragmenting them", async () => {
    await using lab = await Lab.open({ hosts: ["a", "b"], mtu: 1400 });
    const cluster = await formCluster(lab);
    await cluster.network("web", subnet);
    const x = await cluster.endpoint("a", { network: "web", name: "x" });
    const y = await cluster.endpoint("b", { network: "web", name: "y" });
    // 14 Ethernet, 8 VXLAN, 8 UDP and 20 IPv4 bytes around; 28 bytes of IPv4 and ICMP header
    // inside.
    const payload = 1400 - 50 - 28;
    const ping = ["ping", "-M", "do", "-c", "1", "-W", "1", y.address, "-s"];
    await x.run([...ping, `${payload}`]);
    await assert.rejects(x.run([...ping, `${payload + 1}`]));
  });

  it("brings a late joiner everything that happened before", async () => {
    await using lab = await Lab.open({ hosts: ["a", "b", "c"] });
    const [a, b, c] = [lab.host("a"), lab.host("b"), lab.host("c")];
    const first = await a.startAgent().ready();
    const token = await first.token();
    const second = await b.startAgent({ join: [a.address], token }).ready();
    await sees(second, 2);
    await first.cli("network", "create", "web", "--subnet", subnet, "--wait");
    const x = await a.endpoint(first, { network: "web", name: "x" });
    const y = await b.endpoint(second, { network: "web", name: "y" });

    const late = await c.startAgent({ join: [b.address], token }).ready();
    await sees(late, 3);
    const z = await c.endpoint(late, { network: "web", name: "z" });
    await assertAllTalk([x, y, z]);
    const names = (await late.api.endpoints()).map(({ name }) => name);
    assert.deepEqual(names.toSorted(), ["x", "y", "z"]);
  });

  it("does not let a network go while endpoints are in it", async () => {
    await using lab = await Lab.open({ hosts: ["a", "b"] });
    const cluster = await formCluster(lab);
    await cluster.network("web", subnet);
    await cluster.endpoint("b", { network: "web", name: "y" });
    const refused = await cluster.agent("a").tryCli("network", "rm", "web");
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /\bweb\b.*\bendpoint/s);
    assert.equal((await cluster.agent("b").api.networks()).length, 1);
    await cluster.agent("b").cli("endpoint", "rm", "y", "--wait");
    await cluster.agent("a").cli("network", "rm", "web", "--wait");
    assert.deepEqual(await cluster.agent("b").api.networks(), []);
  });
});
