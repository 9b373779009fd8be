import assert from "node:assert/strict";
import type { Command } from "../../../agent/command.ts";
import {
  address,
  admins,
  endpoint,
  members,
  network,
  revocations,
  status,
  token,
  tokens,
  wait,
} from "./samples.ts";
import { World } from "./world.ts";

const netns = "/run/netns/db";

describe("the API", () => {
  let world: World;
  beforeEach(async () => {
    world = await World.open();
    world.desk.networks.set("web", network);
    world.desk.endpoints.set(endpoint.id, endpoint);
  });
  afterEach(() => world[Symbol.asyncDispose]());

  /** What the desk was asked by these calls. */
  async function commandsOf(act: () => Promise<unknown>): Promise<readonly Command[]> {
    await act();
    return world.desk.asked;
  }

  /** What remains of a view on its way through JSON. */
  const plain = (view: unknown): unknown => JSON.parse(JSON.stringify(view));

  it("answers questions with what the desk says", async () => {
    const { client } = world;
    assert.deepEqual(await client.status(), plain(status));
    assert.deepEqual(await client.members(), plain(members));
    assert.deepEqual(await client.networks(), [plain(network)]);
    assert.deepEqual(await client.network("web"), plain(network));
    assert.deepEqual(await client.endpoints(), [plain(endpoint)]);
    assert.deepEqual(await client.endpoint("db"), plain(endpoint));
    assert.deepEqual(await client.token(), token);
    assert.deepEqual(await client.tokens(), tokens);
    assert.deepEqual(await client.admins(), admins);
    assert.deepEqual(await client.revocations(), plain(revocations));
  });

  it("parses what concerns who may be in the cluster", async () => {
    const { client } = world;
    const commands = await commandsOf(async () => {
      await client.createToken({});
      await client.createToken({ uses: 3, expires: 60_000 });
      await client.removeToken("0011");
      await client.addAdmin("b");
      await client.removeAdmin("b", { force: true });
      await client.revoke({ host: "b" });
      await client.revoke({ host: "b", force: true });
    });
    assert.deepEqual(commands, [
      { kind: "token-create", uses: 1, expiresMs: 3_600_000 },
      { kind: "token-create", uses: 3, expiresMs: 60_000 },
      { kind: "token-remove", token: "0011" },
      { kind: "admin-add", host: "b" },
      { kind: "admin-remove", host: "b", isForced: true },
      { kind: "revoke", host: "b", isForced: false },
      { kind: "revoke", host: "b", isForced: true },
    ]);
  });

  it("refuses tokens without end or without uses", async () => {
    for (const body of [{ uses: 0 }, { uses: 1.5 }, { expires: 10 }, { expires: 1e12 }])
      await assert.rejects(world.client.createToken(body), { code: "BAD_REQUEST" });
    assert.deepEqual(world.desk.asked, []);
  });

  it("parses a wish into a complete command", async () => {
    const { client } = world;
    const commands = await commandsOf(async () => {
      await client.createNetwork({ name: "a", subnets: ["10.1.0.0/16"] }, { waitMs: undefined });
      await client.createNetwork({ name: "b", subnets: ["fd00::/64"] }, { waitMs: 1_500 });
      await client.addEndpoint({ network: "web", netns }, { waitMs: undefined });
      await client.addEndpoint(
        {
          network: "web",
          netns,
          name: "x",
          interface: "eth7",
          addresses: ["10.32.0.9", "FD00:0::1"],
          mac: "02:AA:00:00:00:01",
          id: "0123456789abcdef",
          aliases: ["my_db"],
          owner: "somebody",
        },
        { waitMs: 0 },
      );
      await client.addEndpoint({ network: "web", link: "veth7" }, { waitMs: undefined });
    });
    const plain = {
      ...{ kind: "endpoint-add", network: "web", id: undefined, name: undefined, aliases: [] },
      ...{ owner: undefined, addresses: [], mac: undefined, waitMs: undefined },
    };
    assert.deepEqual(commands, [
      { kind: "network-create", name: "a", subnets: ["10.1.0.0/16"], waitMs: undefined },
      { kind: "network-create", name: "b", subnets: ["fd00::/64"], waitMs: 1_500 },
      { ...plain, place: { kind: "netns", netns, interface: "eth0" } },
      {
        ...plain,
        ...{ id: "0123456789abcdef", name: "x", aliases: ["my_db"], owner: "somebody" },
        place: { kind: "netns", netns, interface: "eth7" },
        addresses: ["10.32.0.9", "fd00::1"],
        ...{ mac: "02:aa:00:00:00:01", waitMs: 0 },
      },
      { ...plain, place: { kind: "link", link: "veth7" } },
    ]);
  });

  it("parses what concerns names and held addresses", async () => {
    const { client } = world;
    const commands = await commandsOf(async () => {
      await client.renameEndpoint("db", { name: "my_db", aliases: ["a", "b_"] }, { waitMs: 5 });
      await client.renameEndpoint("my_db", {}, { waitMs: undefined });
      await client.holdAddress({ network: "web", holder: "x" });
      await client.holdAddress({ network: "web", holder: "x", family: 6 });
      assert.deepEqual(
        await client.holdAddress({ network: "web", holder: "x", address: "FD00::1" }),
        address,
      );
      await client.releaseAddress("web", "fd00::1");
    });
    const rename = { kind: "endpoint-rename", endpoint: "db", waitMs: 5 };
    const hold = { kind: "address-reserve", network: "web", holder: "x" };
    assert.deepEqual(commands, [
      { ...rename, name: "my_db", aliases: ["a", "b_"] },
      { ...rename, endpoint: "my_db", name: undefined, aliases: [], waitMs: undefined },
      { ...hold, address: undefined, family: 4 },
      { ...hold, address: undefined, family: 6 },
      { ...hold, address: "fd00::1", family: 6 },
      { kind: "address-release", network: "web", address: "fd00::1" },
    ]);
  });

  it("hands on which network or endpoint is meant, whatever is in its name", async () => {
    const ref = "a/b?c=d #ü";
    const refusal = { code: "UNKNOWN_NETWORK" };
    await assert.rejects(world.client.network(ref), refusal);
    await assert.rejects(
      world.client.removeNetwork(ref, { waitMs: undefined, force: true }),
      refusal,
    );
    await world.client.endpoints(ref);
    await assert.rejects(world.client.removeEndpoint(ref, { waitMs: 7 }), {
      code: "UNKNOWN_ENDPOINT",
    });
    assert.deepEqual(world.desk.asked, [
      { kind: "network", network: ref },
      { kind: "network-remove", network: ref, isForced: true, waitMs: undefined },
      { kind: "endpoints", network: ref },
      { kind: "endpoint-remove", endpoint: ref, waitMs: 7 },
    ]);
  });

  it("says with a change who has programmed it, where the request waited", async () => {
    const { client } = world;
    const body = { name: "a", subnets: ["10.1.0.0/16"] };
    assert.deepEqual((await client.createNetwork(body, { waitMs: 100 })).wait, wait);
    assert.equal((await client.removeEndpoint("db", { waitMs: undefined })).wait, undefined);
    const removed = await client.removeNetwork("web", { waitMs: 1, force: false });
    assert.deepEqual(removed, { id: network.id, wait });
  });

  it("answers a creation with 201, a question with 200", async () => {
    const created = await world.post("/v1/networks", { name: "a", subnets: ["10.1.0.0/16"] });
    assert.equal(created.status, 201);
    const { status: code, headers } = await world.ask({ path: "/v1/networks/web" });
    assert.equal(code, 200);
    assert.equal(headers["content-type"], "application/json");
  });

  it("hands on a refusal of the desk with its code, its words and a fitting status", async () => {
    const reply = await world.ask({ path: "/v1/networks/nix" });
    assert.equal(reply.status, 404);
    const error = { code: "UNKNOWN_NETWORK", message: "there is no network nix" };
    assert.deepEqual(reply.body, { error });
    await assert.rejects(world.client.network("nix"), error);
  });

  it("keeps a bug of the desk to itself, and goes on", async () => {
    world.desk.answer = () => {
      throw new TypeError("secret of the inside");
    };
    const reply = await world.ask({ path: "/v1/status" });
    assert.equal(reply.status, 500);
    const message = "the agent failed; its log says why";
    assert.deepEqual(reply.body, { error: { code: "INTERNAL", message } });
    world.desk.answer = undefined;
    assert.equal((await world.ask({ path: "/v1/status" })).status, 200);
  });
});
