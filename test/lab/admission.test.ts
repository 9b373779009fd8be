import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { AdminView, RevocationView, TokenView } from "../../agent/view.ts";
import type { Agent } from "./agent.ts";
import { formCluster, sees } from "./cluster.ts";
import { Lab } from "./lab.ts";

type Printed = { readonly token: string; readonly id: string };

async function codeOf(agent: Agent, ...args: string[]): Promise<string> {
  const { code, stdout } = await agent.tryCli(...args, "--json");
  return code === 0 ? "done" : JSON.parse(stdout).error.code;
}

describe("tokens, from the operator's side", () => {
  it("let in as many hosts as they say; the issuer lists and closes them", async () => {
    await using lab = await Lab.open({ hosts: ["a", "b", "c"] });
    const [a, b, c] = ["a", "b", "c"].map((name) => lab.host(name));
    assert.ok(a && b && c);
    const founder = await a.startAgent().ready();
    const one = await founder.json<Printed>("token", "create");
    const line = await founder.cli("token", "create", "--uses", "2", "--expires", "30m");
    const command = /^starling agent --join 10\.\S+:7790 --token slt1\.[\w-]+\n$/;
    assert.match(line, command);

    // The token says where its issuer is.
    const second = await b.startAgent({ token: one.token }).ready();
    await sees(second, 2);
    const late = c.startAgent({ join: [b.address], token: one.token });
    assert.notEqual((await late.exited).code, 0);
    assert.match(late.log.tail(3), /used once, for another host/);

    const state = (token: TokenView) => `${token.state} ${token.used}/${token.uses}`;
    const listed = await founder.json<TokenView[]>("token", "ls");
    assert.deepEqual(listed.map(state).toSorted(), ["open 0/1000", "open 0/2", "used up 1/1"]);
    const open = listed.find(({ uses }) => uses === 2);
    assert.equal(await codeOf(founder, "token", "rm", open?.id ?? ""), "done");
    assert.equal(await codeOf(founder, "token", "rm", open?.id ?? ""), "UNKNOWN_TOKEN");
    const again = c.startAgent({ join: [a.address], token: line.trim().split(" ").at(-1) ?? "" });
    assert.notEqual((await again.exited).code, 0);
    assert.equal(await codeOf(second, "token", "create"), "NOT_PERMITTED");

    // What is worth stealing is the owner's alone.
    const modes = await Promise.all(
      ["identity", "authority", "tokens", "certificate"].map(async (file) => {
        return ((await stat(join(a.dataDir, file))).mode & 0o777).toString(8);
      }),
    );
    assert.deepEqual(modes, ["600", "600", "600", "600"]);
    assert.equal(existsSync(join(b.dataDir, "authority")), false);
  });

  it("survive a restart of their issuer, with their count", async () => {
    await using lab = await Lab.open({ hosts: ["a", "b", "c"] });
    const [a, b, c] = ["a", "b", "c"].map((name) => lab.host(name));
    assert.ok(a && b && c);
    const founder = await a.startAgent().ready();
    const { token } = await founder.json<Printed>("token", "create", "--uses", "2");
    const second = await b.startAgent({ join: [a.address], token }).ready();
    await sees(second, 2);
    await founder.kill();
    await founder.restart();
    const third = await c.startAgent({ join: [b.address], token }).ready();
    await sees(third, 3);
    const used = (await founder.json<TokenView[]>("token", "ls")).find(({ uses }) => uses === 2);
    assert.equal(used?.used, 2);
  });
});

describe("admins", () => {
  it("hand the office on, so that the founder is not needed", async () => {
    await using lab = await Lab.open({ hosts: ["a", "b", "c"] });
    const [a, b, c] = ["a", "b", "c"].map((name) => lab.host(name));
    assert.ok(a && b && c);
    const founder = await a.startAgent().ready();
    const { token } = await founder.json<Printed>("token", "create");
    const second = await b.startAgent({ join: [a.address], token }).ready();
    await sees(founder, 2);
    assert.equal(await founder.cli("admin", "add", "b"), "b is now an admin\n");
    assert.equal(await founder.cli("admin", "add", "b"), "b is already an admin\n");
    await second.eventually("it is an admin", async (api) => {
      return (await api.get<AdminView[]>("/v1/admins")).length === 2;
    });
    await founder.stop();
    const next = await second.json<Printed>("token", "create");
    const third = await c.startAgent({ join: [b.address], token: next.token }).ready();
    await sees(third, 2);
    assert.equal(await second.cli("admin", "rm", "a"), "a is no admin any more\n");
    assert.equal(await codeOf(second, "admin", "rm", "b"), "LAST_ADMIN");
    await founder.restart();
    await sees(founder, 3);
    const admins = await founder.json<AdminView[]>("admin", "ls");
    assert.deepEqual(
      admins.map(({ name }) => name),
      ["b"],
    );
    assert.equal(await codeOf(founder, "token"), "NOT_PERMITTED");
  });
});

describe("a host that is revoked", () => {
  it("is cut off everywhere, keeps what it has, and can come back as another host only", async () => {
    await using lab = await Lab.open({ hosts: ["a", "b", "c"] });
    const cluster = await formCluster(lab);
    const [a, b, c] = ["a", "b", "c"].map((name) => cluster.agent(name));
    assert.ok(a && b && c);
    await cluster.network("web", "10.32.0.0/16");
    const x = await cluster.endpoint("a", { network: "web", name: "x" });
    const y = await cluster.endpoint("b", { network: "web", name: "y" });
    const z = await cluster.endpoint("c", { network: "web", name: "z" });
    assert.equal((await x.ping(z)).received > 0, true);

    assert.equal(await codeOf(b, "revoke", "c"), "NOT_PERMITTED");
    assert.equal(await codeOf(a, "revoke", "a"), "BAD_REQUEST");
    assert.equal(await a.cli("revoke", "c"), "c is revoked\n");
    assert.equal(await a.cli("revoke", "c"), "c was already revoked\n");
    for (const agent of [a, b]) {
      await agent.eventually("c is out", async (api) => {
        const [members, endpoints] = [await api.members(), await api.endpoints()];
        return members.length === 2 && endpoints.length === 2;
      });
    }
    assert.equal((await x.ping(y)).received > 0, true);
    assert.equal((await x.ping(z)).received, 0);
    await c.eventually("it knows", async (api) =>
      (await api.status()).warnings.some((warning) => /key was revoked/.test(warning)),
    );
    assert.equal(
      await codeOf(c, "network", "create", "own", "--subnet", "10.33.0.0/16"),
      "REVOKED",
    );

    // Neither a restart nor a token helps: it goes on without the others, and does not end.
    const { token } = await a.json<Printed>("token", "create", "--uses", "5");
    await c.restart({ join: [a.host.address], token });
    assert.equal(c.isRunning, true);
    for (const agent of [a, b]) await agent.restart();
    await sees(a, 2);
    const revoked = await b.json<RevocationView[]>("revoke", "--list");
    assert.deepEqual(
      revoked.map(({ scope, host }) => [scope, host.name]),
      [["host", "c"]],
    );

    await c.stop();
    await rm(c.host.dataDir, { recursive: true });
    await c.restart({ join: [b.host.address], token });
    await sees(a, 3);
  });
});
