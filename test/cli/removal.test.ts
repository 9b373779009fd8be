import assert from "node:assert/strict";
import { forgotten, subnet, wait } from "../agent/control/samples.ts";
import { World } from "../agent/control/world.ts";
import { plain, screenOf } from "./screen.ts";

describe("the output of starling on hosts that go, and their addresses", () => {
  let world: World;
  beforeEach(async () => {
    world = await World.open();
  });
  afterEach(() => world[Symbol.asyncDispose]());

  const { at, seen, json } = screenOf(() => world);

  it("ipam", async () => {
    const rest = "10.32.0.192/28";
    assert.equal(
      await seen("ipam", "web"),
      `
NETWORK   SUBNET         HOST   STATE          SIZE   USED   RESTING   FREE   RANGES
web       10.32.0.0/24   a      ours, frozen   144    3      1         138    10.32.0.0/25 ${rest}
web       10.32.0.0/24   b      unreachable    64     0      0         64     10.32.0.128/26
(!) web 10.32.0.0/24: of 202 free, 64 of hosts that do not answer
`,
    );
    assert.deepEqual(await json("ipam"), [plain(subnet)]);
    assert.deepEqual(
      world.desk.asked.map((command) => command.kind === "ipam" && command.network),
      ["web", undefined],
    );
  });

  it("forget, with what it does not cover", async () => {
    const text = await seen("forget", "c", "--force");
    assert.match(text, /^\nhost c is forgotten; its 2 endpoints have left the map\n/);
    assert.match(text, /its addresses are frozen until these hosts acknowledge it: b\n/);
    assert.match(text, /says that c is off\. If it still runs .* addresses that others get now/s);
    assert.match(text, /To come back, c has to join as a new host/);
    assert.deepEqual(await json("forget", "c", "--wait"), plain({ forgotten, wait }));
    const [forced] = world.desk.asked;
    assert.deepEqual(forced, { kind: "forget", host: "c", isForced: true, waitMs: undefined });
  });

  it("leave, and what stands in its way", async () => {
    assert.match(await seen("leave"), /this host has left the cluster/);
    world.desk.answer = () => ({ kind: "left", obstacle: "no other host answers" });
    const { code, stderr } = await at("leave", "--wait=2s");
    assert.deepEqual([code, stderr], [1, "starling: still leaving: no other host answers\n"]);
    assert.deepEqual(
      world.desk.asked.map((command) => command.kind === "leave" && command.waitMs),
      [10_000, 2_000],
    );
  });
});
