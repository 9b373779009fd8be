import assert from "node:assert/strict";
import type { EndpointView, WatchEvent } from "../../agent/view.ts";
import type { EndpointId } from "../../base/id.ts";
import {
  admins,
  endpoint,
  hostA,
  hostB,
  hostC,
  members,
  network,
  revocations,
  status,
  token,
  tokens,
} from "../agent/control/samples.ts";
import { World } from "../agent/control/world.ts";
import { run, starling, start } from "./command.ts";
import { plain, screenOf } from "./screen.ts";

describe("the output of starling", () => {
  let world: World;
  beforeEach(async () => {
    world = await World.open();
    world.desk.networks.set("web", { ...network, conflict: undefined });
    world.desk.endpoints.set(endpoint.id, endpoint);
  });
  afterEach(() => world[Symbol.asyncDispose]());

  const { at, seen, json } = screenOf(() => world);

  it("members", async () => {
    assert.equal(
      await seen("members"),
      `
ID             NAME            VTEP       STATE         SINCE     RTT
aaaaaaaaaaaa   a (this host)   10.0.0.1   alive         3m ago    -
bbbbbbbbbbbb   b               10.0.0.2   unreachable   12s ago   0.4ms
`,
    );
    assert.deepEqual(await json("members"), plain(members));
  });

  it("network ls", async () => {
    world.desk.networks.set("other", { ...network, name: "other" });
    assert.equal(
      await seen("network", "ls"),
      `
ID                 NAME        VNI    SUBNETS        ENDPOINTS   FREE HERE   CREATED BY
00112233445566aa   web         4242   10.32.0.0/16   2           16384       a
00112233445566aa   other (!)   4242   10.32.0.0/16   2           16384       a
(!) other 0011: an older network has this name
`,
    );
    assert.deepEqual(await json("network", "ls"), plain([...world.desk.networks.values()]));
  });

  it("endpoint ls", async () => {
    const far: EndpointView = {
      ...endpoint,
      id: "1".repeat(16) as EndpointId,
      ...{ name: "far", aliases: ["my_db"] },
      addresses: ["10.32.0.3/16", "fd00::3/64"],
      host: hostB,
      state: "unreachable",
      isLocal: false,
    };
    world.desk.endpoints.set(endpoint.id, { ...endpoint, aliases: [] });
    world.desk.endpoints.set(far.id, far);
    assert.equal(
      await seen("endpoint", "ls"),
      `
ID                 NAME          NETWORK   ADDRESSES                  HOST            STATE
aabbccddeeff0011   db            web       10.32.0.2/16               a (this host)   up
1111111111111111   far (my_db)   web       10.32.0.3/16, fd00::3/64   b               unreachable
`,
    );
    assert.deepEqual(await json("endpoint", "ls"), plain([...world.desk.endpoints.values()]));
    await seen("endpoint", "ls", "--network", "web");
    assert.deepEqual(world.desk.asked.at(-1), { kind: "endpoints", network: "web" });
  });

  it("of empty lists says what to do next", async () => {
    world.desk.networks.clear();
    world.desk.endpoints.clear();
    assert.equal(
      await seen("network", "ls"),
      "\nno networks yet: starling network create web --subnet 10.32.0.0/16\n",
    );
    assert.equal(
      await seen("endpoint", "ls", "--network", "dns"),
      "\nno endpoints yet: starling run --network dns -- sh\n",
    );
    assert.deepEqual(await json("network", "ls"), []);
    assert.deepEqual(await json("endpoint", "ls"), []);
  });

  it("status", async () => {
    assert.equal(
      await seen("status"),
      `
host       a (${hostA.id})
state      joining, up 2h, version 0.1.0
cluster    c1c1c1c1c1c1c1c1
agent      10.0.0.1:7790
underlay   eth0, VTEP 10.0.0.1, MTU 1500
members    1 alive, 0 suspect, 1 unreachable
networks   1
endpoints  1 here, 2 in all
map        9 records of 2 hosts, root abababababab
own        epoch 3, seq 17
kernel     in sync, 4 repairs
names      at 10.32.0.1; 5 answered, 2 asked of 10.0.0.53, 0 refused
warning    joining: 10.0.0.9: connection refused; next try in 2.0 s
warning    this host is not yet a member of a cluster
`,
    );
    assert.deepEqual(await json("status"), plain(status));
  });

  it("network inspect", async () => {
    assert.equal(
      await seen("network", "inspect", "web"),
      `
id          00112233445566aa
name        web
vni         4242
subnets     10.32.0.0/16
gateways    10.32.0.1
mtu         1450 on this host
endpoints   2
addresses   16384 free here, 65533 in all
created by  a (${hostA.id})
`,
    );
    const shown = { ...network, conflict: undefined };
    assert.deepEqual(await json("network", "inspect", "web"), plain(shown));
  });

  it("endpoint inspect", async () => {
    assert.equal(
      await seen("endpoint", "inspect", "db"),
      `
id         aabbccddeeff0011
name       db
aliases    postgres, my_db
network    web
addresses  10.32.0.2/16
mac        02:00:00:00:00:01
host       a (this host)
state      up
namespace  /run/netns/db
interface  eth0
owner      cni/web/0123/eth0
`,
    );
    assert.deepEqual(await json("endpoint", "inspect", "db"), plain(endpoint));
  });

  it("token", async () => {
    assert.equal(await seen("token"), `\n${token.command}\n`);
    assert.deepEqual(await json("token"), token);
    const made = ["token", "create", "--uses", "3", "--expires", "30m"];
    assert.equal(await seen(...made), `\n${token.command}\n`);
    assert.deepEqual(await json(...made), token);
    assert.deepEqual(world.desk.asked.at(-1), {
      kind: "token-create",
      uses: 3,
      expiresMs: 1_800_000,
    });
    assert.equal(await seen("token", "rm", "0011"), "\ntoken 0011 removed\n");
  });

  it("token ls", async () => {
    assert.equal(
      await seen("token", "ls"),
      `
ID                 STATE     USED     EXPIRES
00112233445566ee   open      1 of 3   in 58m
00112233445566ff   expired   0 of 1   2m ago
`,
    );
    assert.deepEqual(await json("token", "ls"), tokens);
  });

  it("admin", async () => {
    assert.equal(
      await seen("admin", "ls"),
      `
ID             NAME                                APPOINTED BY
aaaaaaaaaaaa   a (this host), holds the root key   the root key
bbbbbbbbbbbb   b                                   a
`,
    );
    assert.deepEqual(await json("admin", "ls"), admins);
    assert.equal(await seen("admin", "add", "b"), "\nb is now an admin\n");
    assert.equal(await seen("admin", "rm", "b"), "\nb is no admin any more\n");
  });

  it("revoke", async () => {
    assert.equal(await seen("revoke", "b"), "\nb is revoked\n");
    assert.equal(
      await seen("revoke", "--list"),
      `
ID             NAME   WHAT                 BY
cccccccccccc   c      its key, for ever    a
bbbbbbbbbbbb   b      its being an admin   the root key
`,
    );
    assert.deepEqual(await json("revoke", "--list"), plain(revocations));
    const { code, stderr } = await at("revoke");
    assert.deepEqual([code, stderr], [2, "starling: <host> is missing\n"]);
  });

  it("network create and rm, with --wait anywhere", async () => {
    assert.equal(
      await seen("network", "create", "--wait", "dns", "--subnet", "10.33.0.0/16"),
      "\nnetwork dns created: 10.33.0.0/16, VNI 4242\n" +
        "names are answered at 10.32.0.1: docker run --network dns --dns 10.32.0.1\n" +
        "in the kernel of a, b after 8 ms\n",
    );
    assert.equal(
      await seen("network", "rm", "--wait", "dns", "--force"),
      "\nnetwork dns removed\nin the kernel of a, b after 8 ms\n",
    );
    assert.equal(await seen("network", "rm", "web", "--wait=250ms"), await removed("web"));
    assert.deepEqual(world.desk.asked, [
      { kind: "network-create", name: "dns", subnets: ["10.33.0.0/16"], waitMs: 10_000 },
      { kind: "network-remove", network: "dns", isForced: true, waitMs: 10_000 },
      { kind: "network-remove", network: "web", isForced: false, waitMs: 250 },
    ]);
  });

  const removed = async (name: string) =>
    `\nnetwork ${name} removed\nin the kernel of a, b after 8 ms\n`;

  it("endpoint add and rm", async () => {
    const words = [
      "--network",
      "web",
      "--netns",
      "x",
      "--name",
      "x",
      "--ip",
      "10.32.0.9",
      "--alias",
      "y_",
    ];
    assert.equal(
      await seen("endpoint", "add", ...words),
      "\nendpoint x added to web: 10.32.0.9/16\n",
    );
    const added = (await json("endpoint", "add", "--network", "web", "--pid", "1", "--wait")) as {
      endpoint: { netns: string };
      wait: { ms: number };
    };
    assert.equal(added.endpoint.netns, "/proc/1/ns/net");
    assert.equal(added.wait.ms, 8);
    assert.equal(await seen("endpoint", "rm", "x"), "\nendpoint x removed\n");
    const [first] = world.desk.asked;
    assert.ok(first?.kind === "endpoint-add");
    const place = { kind: "netns", netns: "/run/netns/x", interface: "eth0" };
    assert.deepEqual(first.place, place);
    assert.deepEqual(first.aliases, ["y_"]);
    assert.equal(first.waitMs, undefined);
  });

  it("names who has not programmed a change in time, and fails", async () => {
    const report = { programmed: [hostA], missing: [hostC, hostB], unreachable: [], ms: 10_000 };
    world.desk.report = report;
    const { code, stdout, stderr } = await at("network", "rm", "web", "--wait");
    assert.equal(code, 1);
    assert.equal(stdout, "network web removed\nin the kernel of a after 10000 ms\n");
    assert.equal(
      stderr,
      'starling: done, but after 10000 ms not yet in the kernel of b, c; "starling status" there says why\n',
    );
  });

  it("does not fail for hosts that cannot be reached, and names them", async () => {
    world.desk.report = { programmed: [hostA], missing: [], unreachable: [hostB], ms: 3 };
    assert.equal(
      await seen("endpoint", "rm", "db", "--wait"),
      "\nendpoint db removed\nin the kernel of a after 3 ms\nnot reachable, will have it when they are back: b\n",
    );
  });

  it("hands on a refusal of the agent", async () => {
    const { code, stdout, stderr } = await at("network", "create", "web", "--subnet", "10.0.0.0/8");
    assert.deepEqual(
      { code, stdout, stderr },
      { code: 1, stdout: "", stderr: "starling: there is a network web already\n" },
    );
    const malformed = await at("network", "create", "w", "--subnet", "10.0.0.1/8", "--json");
    assert.equal(malformed.code, 1);
    assert.match(malformed.stdout, /^\{"error":\{"code":"SUBNET_MALFORMED"/);
  });

  it("shows control characters, and does not let a terminal obey them", async () => {
    world.desk.answer = () => ({
      kind: "refused",
      refusal: { code: "BAD_REQUEST", message: "a\x1b]0;title\x07\nb" },
    });
    const { stderr } = await at("network", "inspect", "web");
    assert.equal(stderr, "starling: a\\u{1b}]0;title\\u{7} b\n");
  });

  it("has colours on a terminal only, and JSON in many lines there", async () => {
    const command = `${starling} --socket ${world.path} members`;
    // Node takes the terminals of a CI for colourless ones.
    const env = { NO_COLOR: undefined, CI: undefined, TERM: "xterm-256color" };
    const onTerminal = async (words: string) =>
      (await start(["script", "-qec", words, "/dev/null"], { env }).exited).stdout;
    assert.ok((await onTerminal(command)).includes("\x1b[32malive\x1b[39m         3m ago"));
    assert.match(await onTerminal(`${command} --json`), /^\[\r\n {2}\{\r\n {4}"id": /);
    assert.equal((await seen("members", "--json")).split("\n").length, 3);
  });
});

describe("starling watch", () => {
  const event: WatchEvent = { kind: "kernel", repairs: 3 };

  it("prints every change", async () => {
    await using world = await World.open();
    const watch = start([starling, "watch", "--socket", world.path]);
    await world.desk.watched(1);
    const [, lost] = members;
    assert.ok(lost !== undefined);
    world.desk.tell({ kind: "member", member: lost });
    world.desk.tell({ kind: "network", change: "added", network });
    world.desk.tell({ kind: "endpoint", change: "removed", endpoint });
    world.desk.tell(event);
    await watch.said("repairs");
    watch.child.kill("SIGINT");
    const { code, stdout, stderr } = await watch.exited;
    assert.equal(code, "SIGINT");
    assert.equal(stderr, "");
    assert.deepEqual(
      stdout.split("\n").map((line) => line.replace(/^\d\d:\d\d:\d\d {2}/, "")),
      [
        "host b is unreachable",
        "network web added",
        "endpoint db removed: 10.32.0.2/16 in web on a",
        "kernel put right: 3 repairs so far",
        "",
      ],
    );
  });

  it("goes on when the agent comes back, and says that it was away", async () => {
    await using world = await World.open();
    const watch = start([starling, "watch", "--json", "--socket", world.path]);
    await world.desk.watched(1);
    world.desk.tell(event);
    await watch.said("repairs");
    await world.stop();
    await watch.said("the agent has ended; waiting for it to come back");
    await world.start();
    await watch.said("the agent is back");
    world.desk.tell({ kind: "kernel", repairs: 4 });
    await watch.said('"repairs":4');
    watch.child.kill("SIGTERM");
    const { stdout } = await watch.exited;
    const lines = stdout.trim().split("\n");
    assert.deepEqual(
      lines.map((line) => JSON.parse(line)),
      [event, { kind: "kernel", repairs: 4 }],
    );
  });

  it("fails at once where there is no agent to begin with", async () => {
    const { code, stderr } = await run(["watch", "--socket", "/nonexistent/starling.sock"]);
    assert.equal(code, 1);
    assert.match(stderr, /^starling: no agent answers at [^\n]*\n$/);
  });

  it("ends quietly when nobody reads any more", async () => {
    await using world = await World.open();
    const words = `${starling} watch --json --socket ${world.path}; echo "code $?" >&2`;
    const watch = start(["sh", "-c", `{ ${words}; } | head -n 1`]);
    await world.desk.watched(1);
    world.desk.tell(event);
    await watch.said("repairs");
    // The pipe breaks only under a reader that has really gone.
    const telling = setInterval(() => world.desk.tell(event), 20);
    const { stderr } = await watch.exited;
    clearInterval(telling);
    assert.equal(stderr, "code 0\n");
  });
});
