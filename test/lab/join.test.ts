import assert from "node:assert/strict";
import { join } from "node:path";
import { starling } from "./agent.ts";
import { becomes, formCluster, sees } from "./cluster.ts";
import { kernelState } from "./kernel.ts";
import { Lab } from "./lab.ts";
import { attempt } from "./process.ts";
import { withOtherSecret } from "./token.ts";

describe("joining", () => {
  it("takes one seed address and a token", async () => {
    await using lab = await Lab.open({ hosts: ["a", "b", "c"] });
    const { agents } = await formCluster(lab);
    for (const { api } of agents) {
      const names = (await api.members()).map(({ name }) => name).toSorted();
      assert.deepEqual(names, ["a", "b", "c"]);
    }
    const clusters = await Promise.all(agents.map(async ({ api }) => (await api.status()).cluster));
    assert.equal(new Set(clusters).size, 1);
  });

  it("takes the same list of seeds on every host, their own address among them", async () => {
    await using lab = await Lab.open({ hosts: ["a", "b"] });
    const [a, b] = [lab.host("a"), lab.host("b")];
    const founder = await a.startAgent().ready();
    const token = await founder.token();
    const seeds = [b.address, `${a.address}:7790`, `/ip4/${a.address}/tcp/7790`];
    const second = await b.startAgent({ join: seeds, token }).ready();
    await sees(second, 2);
    await founder.restart({ join: seeds, token });
    await sees(founder, 2);
  });

  it("works over an IPv6 underlay", async () => {
    await using lab = await Lab.open({ hosts: ["a", "b"], underlay: "ipv6" });
    const cluster = await formCluster(lab);
    await cluster.network("web", "10.32.0.0/16");
    const x = await cluster.endpoint("a", { network: "web", name: "x" });
    const y = await cluster.endpoint("b", { network: "web", name: "y" });
    const { sent, received } = await x.ping(y);
    assert.equal(received, sent);
  });

  for (const [kind, spoil] of [
    ["wrong", withOtherSecret],
    ["malformed", () => "slt1-not-a-token"],
    ["absent", () => undefined],
  ] as const) {
    it(`is refused with a token that is ${kind}, and changes nothing on either side`, async () => {
      await using lab = await Lab.open({ hosts: ["a", "b"] });
      const [a, b] = [lab.host("a"), lab.host("b")];
      const founder = await a.startAgent().ready();
      const token = await founder.token();
      const before = [
        await kernelState(a),
        await kernelState(b),
        (await founder.api.status()).store,
      ];

      const spoilt = spoil(token);
      const stranger = b.startAgent({
        join: [a.address],
        ...(spoilt === undefined ? {} : { token: spoilt }),
      });
      assert.notEqual((await stranger.exited).code, 0);
      assert.match(stranger.log.tail(3), /token/i);

      const after = [
        await kernelState(a),
        await kernelState(b),
        (await founder.api.status()).store,
      ];
      assert.deepEqual(after, before);
      assert.equal((await founder.api.members()).length, 1);
      const admitted = await b.startAgent({ join: [a.address], token }).ready();
      await sees(admitted, 2);
    });
  }

  it("goes on trying while the seed is silent, says so, and serves its own host meanwhile", async () => {
    await using lab = await Lab.open({ hosts: ["a", "b"] });
    const [a, b] = [lab.host("a"), lab.host("b")];
    const founder = await a.startAgent().ready();
    const token = await founder.token();
    await founder.stop();
    const waiting = await b.startAgent({ join: [a.address], token }).ready();
    const status = await waiting.api.status();
    assert.equal(status.state, "joining");
    assert.match(status.joining ?? "", new RegExp(a.address));
    await founder.restart();
    await sees(waiting, 2, 15_000);
    assert.equal((await waiting.api.status()).state, "member");
  });

  it("is not needed again: hosts find each other after a restart with the seed gone", async () => {
    await using lab = await Lab.open({ hosts: ["a", "b", "c"] });
    const cluster = await formCluster(lab);
    const [b, c] = [cluster.agent("b"), cluster.agent("c")];
    await cluster.agent("a").kill();
    await Promise.all([b.stop(), c.stop()]);
    await Promise.all([b.restart(), c.restart()]);
    for (const agent of [b, c]) {
      await sees(agent, 2);
      await becomes(agent, { name: "a", state: "unreachable" });
    }
  });
});

describe("a data directory", () => {
  it("serves one agent: a second is refused and told which process holds it", async () => {
    await using lab = await Lab.open({ hosts: ["a"] });
    const a = lab.host("a");
    const agent = await a.startAgent().ready();
    const second = await attempt([
      ...[...a.enter, starling, "agent", "--bind", "eth0", "--port", "7791"],
      ...["--data-dir", join(a.folder, "data"), "--socket", join(a.folder, "second.sock")],
    ]);
    assert.notEqual(second.code, 0);
    assert.match(second.stderr, new RegExp(`\\b${agent.pid}\\b`));
    assert.equal((await agent.api.status()).state, "member");
  });
});
