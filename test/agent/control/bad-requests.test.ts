import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:net";
import { network } from "./samples.ts";
import { type Reply, World } from "./world.ts";

const subnets = ["10.1.0.0/16"];

describe("a bad request", () => {
  let world: World;
  before(async () => {
    world = await World.open({ bodyBytes: 4_096, apiConnections: 8, apiRequestMs: 400 });
    world.desk.networks.set("web", network);
  });
  after(() => world[Symbol.asyncDispose]());
  /** Whatever came in: nothing was asked for, and the next caller is served. */
  afterEach(async () => {
    assert.deepEqual(world.desk.asked, []);
    assert.equal((await world.ask({ path: "/v1/openapi.json" })).status, 200);
  });

  function assertRefused(reply: Reply, code: string, message: RegExp): void {
    const { error } = reply.body as { error: { code: string; message: string } };
    assert.equal(error.code, code);
    assert.match(error.message, message);
    assert.doesNotMatch(error.message, /\n/);
  }

  for (const [what, body, code, message] of [
    [
      "of an unknown field",
      { name: "a", subnet: subnets },
      "BAD_REQUEST",
      /unknown field "subnet"; did you mean subnets\?/,
    ],
    [
      "of a field that every object has",
      { name: "a", subnets, constructor: 1 },
      "BAD_REQUEST",
      /unknown field "constructor"/,
    ],
    [
      "of a field far from all",
      { name: "a", subnets, zzzzzzzzz: 1 },
      "BAD_REQUEST",
      /unknown field "zzzzzzzzz"; known are name, subnets/,
    ],
    ["without a field", { name: "a" }, "BAD_REQUEST", /the field subnets is missing/],
    [
      "with a name that is none",
      { name: "A b", subnets },
      "BAD_REQUEST",
      /name: "A b" is not a name of 1 to 63/,
    ],
    ["with a number for a name", { name: 1, subnets }, "BAD_REQUEST", /name: expected a name/],
    [
      "with an endless name",
      { name: "a".repeat(3_000), subnets },
      "BAD_REQUEST",
      /name: expected a name .* shorter/,
    ],
    [
      "with a subnet that is none",
      { name: "a", subnets: ["10.1.0.0"] },
      "SUBNET_MALFORMED",
      /"10\.1\.0\.0" is not a subnet/,
    ],
    [
      "with host bits in a subnet",
      { name: "a", subnets: ["10.1.2.3/16"] },
      "SUBNET_MALFORMED",
      /"10\.1\.2\.3\/16" has host bits set; did you mean the subnet 10\.1\.0\.0\/16\?$/,
    ],
    [
      "with host bits in an IPv6 subnet",
      { name: "a", subnets: ["fd00::1/64"] },
      "SUBNET_MALFORMED",
      /"fd00::1\/64" has host bits set; did you mean the subnet fd00::\/64\?$/,
    ],
    [
      "with a prefix longer than an address",
      { name: "a", subnets: ["10.1.2.3/33"] },
      "SUBNET_MALFORMED",
      /"10\.1\.2\.3\/33" is not a subnet/,
    ],
    [
      "with a text for a list",
      { name: "a", subnets: "10.1.0.0/16" },
      "SUBNET_MALFORMED",
      /expected a list of subnets/,
    ],
    ["without a subnet", { name: "a", subnets: [] }, "SUBNET_MALFORMED", /is empty/],
    [
      "with three subnets",
      { name: "a", subnets: [...subnets, ...subnets, ...subnets] },
      "SUBNET_MALFORMED",
      /one IPv4 subnet, one IPv6 subnet, or both/,
    ],
    ["that is a list", [], "BAD_REQUEST", /must be a JSON object/],
    ["that is null", "null", "BAD_REQUEST", /must be a JSON object/],
    ["that is no JSON", "{name:", "BAD_REQUEST", /the body is not JSON/],
  ] as const) {
    it(`${what} is refused by name`, async () => {
      const reply = await world.post("/v1/networks", body);
      assert.equal(reply.status, 400);
      assertRefused(reply, code, message);
    });
  }

  for (const [field, value, message] of [
    ["network", "", /network: is empty/],
    ["netns", "db", /netns: expected an absolute path/],
    ["netns", "/run/netns/a b", /netns: expected an absolute path without spaces/],
    ["interface", "a-name-of-16-byte", /interface: expected at most 15/],
    ["interface", "../x", /interface: expected at most 15/],
    ["addresses", ["10.32.0"], /addresses: "10.32.0" is not an IP address/],
    ["addresses", ["::ffff:10.0.0.1"], /is not an IP address/],
    ["id", "0123", /id: "0123" is not 16 hex digits/],
    ["name", "My_db", /name: "My_db" is not a name of 1 to 63 lower-case letters, digits/],
    ["aliases", ["a", "b.c"], /aliases: "b.c" is not a name of 1 to 63/],
    ["aliases", Array.from({ length: 17 }, () => "a"), /aliases: is a list of 17; expected 16/],
    ["link", "veth0", /netns and link: expected one of the two/],
    ["owner", "", /owner: is empty/],
    ["mac", "01:00:00:00:00:01", /mac: "01:00:00:00:00:01" is not a unicast Ethernet address/],
  ] as const) {
    it(`for an endpoint with ${field} ${JSON.stringify(value)} is refused`, async () => {
      const body = { network: "web", netns: "/run/netns/db", [field]: value };
      const reply = await world.post("/v1/endpoints", body);
      assert.equal(reply.status, 400);
      assertRefused(reply, "BAD_REQUEST", message);
    });
  }

  for (const [path, body, message] of [
    ["/v1/endpoints", { network: "web" }, /the field netns is missing/],
    ["/v1/endpoints", { network: "web", link: "x", interface: "y" }, /interface: expected no name/],
    ["/v1/endpoints/db/labels", { name: "a.b" }, /name: "a.b" is not a name/],
    ["/v1/addresses", { network: "web" }, /the field holder is missing/],
    ["/v1/addresses", { network: "web", holder: "a", family: 5 }, /family: expected 4 or 6/],
    [
      "/v1/addresses",
      { network: "web", holder: "a", family: 6, address: "10.1.0.1" },
      /family: 10.1.0.1 is an IPv4 address/,
    ],
  ] as const) {
    it(`of ${path} with ${JSON.stringify(body)} is refused`, async () => {
      assertRefused(await world.post(path, body), "BAD_REQUEST", message);
    });
  }

  it("for an address that is none is refused", async () => {
    const path = "/v1/addresses/10.1?network=web";
    const reply = await world.ask({ method: "DELETE", path });
    assertRefused(reply, "BAD_REQUEST", /"10.1" is not an IP address/);
  });

  it("without a body is refused", async () => {
    const headers = { "content-type": "application/json" };
    const reply = await world.ask({ method: "POST", path: "/v1/networks", headers });
    assertRefused(reply, "BAD_REQUEST", /the body is missing/);
  });

  for (const [path, message] of [
    ["/v1/networks/web?forced=true", /unknown parameter "forced"; did you mean force\?/],
    ["/v1/networks/web?force=yes", /force: expected true or false/],
    ["/v1/networks/web?wait=10s", /wait: expected milliseconds, at most 600000/],
    ["/v1/networks/web?wait=-1", /wait: expected milliseconds/],
    ["/v1/networks/web?wait=600001", /wait: expected milliseconds/],
    [`/v1/networks/${"w".repeat(300)}`, /ref: expected a name or an id/],
  ] as const) {
    it(`DELETE ${path.slice(0, 40)} is refused`, async () => {
      const reply = await world.ask({ method: "DELETE", path });
      assert.equal(reply.status, 400);
      assertRefused(reply, "BAD_REQUEST", message);
    });
  }

  it("with a query where there is none is refused", async () => {
    const reply = await world.ask({ path: "/v1/status?verbose=1" });
    assertRefused(reply, "BAD_REQUEST", /unknown parameter "verbose"; there is none here/);
  });

  for (const [method, path, message] of [
    ["GET", "/v1/network", /no GET \/v1\/network; did you mean \/v1\/networks\?/],
    ["GET", "/", /GET \/v1\/openapi.json lists what there is/],
    ["POST", "/v1/status", /no POST \/v1\/status; \/v1\/status takes GET/],
    ["PATCH", "/v1/networks", /\/v1\/networks takes GET, POST/],
    ["GET", "/v1/networks/a/b", /no GET/],
  ] as const) {
    it(`${method} ${path} is no route`, async () => {
      const reply = await world.ask({ method, path });
      assert.equal(reply.status, 404);
      assertRefused(reply, "UNKNOWN_ROUTE", message);
    });
  }

  it("by HEAD is refused: a watch that nobody reads would never end", async () => {
    const reply = await world.ask({ method: "HEAD", path: "/v1/watch" });
    assert.equal(reply.status, 404);
    assert.equal(world.desk.watchers, 0);
  });

  for (const [what, headers] of [
    ["with an Origin", { origin: "http://localhost" }],
    ["with an Origin of null", { origin: "null" }],
    ["with a Referer", { referer: "http://example.com/" }],
    ["for a foreign Host", { host: "example.com" }],
    ["for a Host that begins like ours", { host: "starling.example.com" }],
    ["for a Host with a port", { host: "localhost:80" }],
    ["for an address as Host", { host: "127.0.0.1" }],
  ] as const) {
    for (const method of ["GET", "POST", "DELETE"] as const) {
      it(`${what} is refused (${method})`, async () => {
        const path = method === "DELETE" ? "/v1/networks/web" : "/v1/networks";
        const type = { "content-type": "application/json" };
        const body = JSON.stringify({ name: "a", subnets });
        const all = { method, path, headers: { ...headers, ...(method === "POST" && type) } };
        const reply = await world.ask(all, method === "POST" ? body : undefined);
        // Node itself refuses what is no host at all.
        assert.ok([400, 403].includes(reply.status), `${reply.status}`);
      });
    }
  }

  it("without a Host is refused", async () => {
    for (const head of ["GET /v1/status HTTP/1.0", "GET /v1/status HTTP/1.1\r\nHost: "]) {
      assert.match(await world.send(`${head}\r\nConnection: close\r\n\r\n`), /^HTTP\/1.1 40[03] /);
    }
  });

  it("for either of our Hosts is served", async () => {
    for (const host of ["starling", "localhost", "LOCALHOST"]) {
      const { status } = await world.ask({ path: "/v1/openapi.json", headers: { host } });
      assert.equal(status, 200);
    }
  });

  for (const type of ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""]) {
    it(`with a body of type ${JSON.stringify(type)} is refused`, async () => {
      const headers = type === "" ? {} : { "content-type": type };
      const body = JSON.stringify({ name: "a", subnets });
      const reply = await world.ask({ method: "POST", path: "/v1/networks", headers }, body);
      assertRefused(reply, "BAD_REQUEST", /must be JSON/);
    });
  }

  it("with a body that is too large is refused, whether or not it says how large", async () => {
    const large = JSON.stringify({ name: "a".repeat(8_000_000), subnets });
    const reply = await world.post("/v1/networks", large);
    assert.equal(reply.status, 413);
    assertRefused(reply, "TOO_LARGE", /4096 bytes at most/);

    const head =
      "POST /v1/networks HTTP/1.1\r\nHost: starling\r\nContent-Type: application/json\r\n";
    const chunk = `${(64_000).toString(16)}\r\n${"a".repeat(64_000)}\r\n`;
    const text = await world.send(
      `${head}Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n${chunk}0\r\n\r\n`,
    );
    assert.match(text, /^HTTP\/1.1 413 /);
    assert.match(text, /TOO_LARGE/);
  });

  it("that is no HTTP ends its own connection", async () => {
    const bad = "HTTP/1.1 400 Bad Request";
    assert.ok((await world.send("\0\0\0\0\r\n\r\n")).startsWith(bad));
    assert.ok((await world.send("GET /v1/status HTTP/1.1\r\n\r\n")).startsWith(bad));
    for (let round = 0; round < 50; round += 1) await world.send(randomBytes(512));
  });

  it("with endless headers ends its own connection", async () => {
    const text = await world.send(`GET / HTTP/1.1\r\nHost: starling\r\nX: ${"x".repeat(100_000)}`);
    assert.match(text, /^HTTP\/1.1 431 /);
  });

  it("that never gets to its end is given up", async () => {
    assert.match(await world.send("GET /v1/status HTTP/1.1\r\nHost: star"), /^HTTP\/1.1 408 /);
  });

  it("of a crowd is turned away at the door, and the door opens again", async () => {
    const crowd = Array.from({ length: 8 }, () => connect(world.path));
    await Promise.all(crowd.map((socket) => once(socket, "connect")));
    await assert.rejects(world.client.openApi(), { code: "AGENT_UNREACHABLE" });
    const gone = crowd.map((socket) => once(socket.resume(), "close"));
    for (const socket of crowd) socket.end();
    await Promise.all(gone);
  });
});
