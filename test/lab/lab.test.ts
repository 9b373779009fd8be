import assert from "node:assert/strict";
import type { Host } from "./host.ts";
import { Lab } from "./lab.ts";
import { Ping } from "./ping.ts";
import { leaks, takeSnapshot } from "./snapshot.ts";

async function lost(from: Host, to: Host, count = 5): Promise<number> {
  const report = await Ping.run(from.enter, to.address, { count, intervalMs: 2 });
  return count - report.received;
}

/** How many questions the host's kernel answered meanwhile. */
async function echoed(host: Host, meanwhile: () => Promise<unknown>): Promise<number> {
  const count = async (): Promise<number> => {
    const table = await host.run(["nstat", "-asz", "IcmpOutEchoReps"]);
    return Number(/IcmpOutEchoReps\s+(\d+)/.exec(table)?.[1]);
  };
  const before = await count();
  await meanwhile();
  return (await count()) - before;
}

describe("lab", () => {
  it("joins hosts on one wire, of either family", async () => {
    for (const underlay of ["ipv4", "ipv6"] as const) {
      await using lab = await Lab.open({ hosts: ["a", "b", "c"], underlay });
      assert.equal(await lost(lab.host("a"), lab.host("b")), 0);
      assert.equal(await lost(lab.host("c"), lab.host("a")), 0);
    }
  });

  it("leaves no namespace, link, table or process", async () => {
    const before = await takeSnapshot();
    {
      await using lab = await Lab.open({ hosts: ["a", "b"] });
      lab.host("a").spawn(["sleep", "60"]);
      await lab.host("b").monitor("fdb");
      await lab.partition([[lab.host("a")], [lab.host("b")]]);
      assert.notDeepEqual(leaks(before, await takeSnapshot()), []);
    }
    assert.deepEqual(leaks(before, await takeSnapshot()), []);
  });

  it("carries frames of exactly the underlay's MTU", async () => {
    await using lab = await Lab.open({ hosts: ["a", "b"], mtu: 1400 });
    const ping = ["ping", "-M", "do", "-c", "1", "-W", "5", lab.host("b").address];
    await lab.host("a").run([...ping, "-s", `${1400 - 28}`]);
    await assert.rejects(lab.host("a").run([...ping, "-s", `${1400 - 27}`]), /too long/);
  });

  it("parts hosts into groups and heals", async () => {
    await using lab = await Lab.open({ hosts: ["a", "b", "c"] });
    const [a, b, c] = [lab.host("a"), lab.host("b"), lab.host("c")];
    await lab.partition([[a, b], [c]]);
    assert.deepEqual([await lost(a, b), await lost(a, c), await lost(c, b)], [0, 5, 5]);
    await lab.heal();
    // The kernels are still asking for each other's Ethernet address, once a second.
    await using toC = new Ping(a.enter, c.address, 10);
    await toC.answered(5);
    await using toB = new Ping(c.enter, b.address, 10);
    await toB.answered(5);
  });

  it("cuts one cable and mends it", async () => {
    await using lab = await Lab.open({ hosts: ["a", "b"] });
    const [a, b] = [lab.host("a"), lab.host("b")];
    await b.cut();
    assert.equal(await lost(a, b), 5);
    await b.mend();
    assert.equal(await lost(a, b), 0);
  });

  it("blocks one way only", async () => {
    await using lab = await Lab.open({ hosts: ["a", "b"] });
    const [a, b] = [lab.host("a"), lab.host("b")];
    assert.equal(await lost(a, b), 0);
    await lab.block(a, b);
    assert.equal(await lost(a, b), 5);
    // The answers of a, which cannot arrive, are the sign that b's questions did.
    assert.equal(await echoed(a, () => lost(b, a)), 5);
  });

  it("loses about the share of frames it was told to", async () => {
    await using lab = await Lab.open({ hosts: ["a", "b"] });
    const [a, b] = [lab.host("a"), lab.host("b")];
    await lab.drop(30);
    const share = (await lost(a, b, 400)) / 400;
    // A question and its answer each get through with 70 %, so 51 % are lost; 35 to 67 % is over
    // six deviations wide.
    assert.ok(share > 0.35 && share < 0.67, `lost ${share}`);
  });

  it("hears a kernel's notices with the time of day", async () => {
    await using lab = await Lab.open({ hosts: ["a"] });
    const a = lab.host("a");
    const [fdb, link] = [await a.monitor("fdb"), await a.monitor("link")];
    const before = Date.now();
    await a.run([
      "ip",
      "link",
      "add",
      "name",
      "vx",
      "type",
      "vxlan",
      "id",
      "5000",
      "dstport",
      "4789",
    ]);
    await a.run(["bridge", "fdb", "add", "02:00:00:00:00:07", "dev", "vx", "dst", "10.77.0.9"]);
    const made = await link.until(/: vx: /, { withinMs: 2_000 });
    const added = await fdb.until(/^02:00:00:00:00:07 dev vx dst 10.77.0.9/, { withinMs: 2_000 });
    assert.ok(before <= made.at && made.at < added.at && added.at <= Date.now() + 1);
  });
});
