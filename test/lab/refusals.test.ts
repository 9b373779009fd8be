/**
 * Bad input on real agents: one line that says what and why, an exit code, and nothing changed
 * anywhere.
 */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { starling } from "./agent.ts";
import { type Cluster, formCluster } from "./cluster.ts";
import { kernelState } from "./kernel.ts";
import { Lab } from "./lab.ts";
import { attempt } from "./process.ts";

type Refusal = { readonly args: readonly string[]; readonly says: RegExp; readonly code?: number };

const refusals: { readonly [claim: string]: Refusal } = {
  "a subnet that is malformed": {
    args: ["network", "create", "n", "--subnet", "10.1.2.3/8"],
    says: /10\.1\.2\.3\/8.*subnet/,
  },
  "a subnet that is too small": {
    args: ["network", "create", "n", "--subnet", "10.50.0.0/28"],
    says: /10\.50\.0\.0\/28.*too small.*\/26/,
  },
  "a subnet that overlaps a route of the host": {
    args: ["network", "create", "n", "--subnet", "10.77.0.0/16"],
    says: /10\.77\.0\.0\/16 overlaps.*10\.77\.0\.0\/24 on eth0/,
  },
  "a subnet that overlaps another network": {
    args: ["network", "create", "n", "--subnet", "10.32.4.0/24"],
    says: /10\.32\.4\.0\/24 overlaps 10\.32\.0\.0\/16 of network web/,
  },
  "a name that another network has": {
    args: ["network", "create", "web", "--subnet", "10.60.0.0/16"],
    says: /network web already/,
  },
  "a name that is none": {
    args: ["network", "create", "Web!", "--subnet", "10.60.0.0/16"],
    says: /Web!.*name/,
  },
  "a network that is in use": { args: ["network", "rm", "web"], says: /web has 1 endpoint.*\bb\b/ },
  "a network that nobody made": {
    args: ["endpoint", "add", "--network", "wbe", "--netns", "/proc/self/ns/net"],
    says: /no network wbe.*web/,
  },
  "an address outside the subnet": {
    args: ["endpoint", "add", "--network", "web", "--netns", "spare", "--ip", "10.33.0.5"],
    says: /10\.33\.0\.5.*10\.32\.0\.0\/16/,
  },
  "the gateway's address": {
    args: ["endpoint", "add", "--network", "web", "--netns", "spare", "--ip", "10.32.0.1"],
    says: /10\.32\.0\.1.*gateway/,
  },
  "an address that somebody has, whom it names": {
    args: ["endpoint", "add", "--network", "web", "--netns", "spare", "--ip", "10.32.0.77"],
    says: /10\.32\.0\.77 is taken by endpoint y on host b/,
  },
  "a namespace that is not there": {
    args: ["endpoint", "add", "--network", "web", "--netns", "nowhere"],
    says: /no network namespace \/run\/netns\/nowhere/,
  },
  "an endpoint of another host, which it names": {
    args: ["endpoint", "rm", "y"],
    says: /y lives on host b/,
  },
  "an endpoint that nobody made": { args: ["endpoint", "rm", "zzz"], says: /no endpoint zzz/ },
  "an unknown flag, and the nearest": {
    args: ["endpoint", "ls", "--netwrok", "web"],
    says: /--netwrok[\s\S]*--network/,
    code: 2,
  },
  "an unknown command, and the nearest": {
    args: ["netwrok", "ls"],
    says: /netwrok[\s\S]*network/,
    code: 2,
  },
};

describe("a request that cannot be met", () => {
  let lab: Lab;
  let cluster: Cluster;
  before(async () => {
    lab = await Lab.open({ hosts: ["a", "b"] });
    cluster = await formCluster(lab);
    await cluster.network("web", "10.32.0.0/16");
    await cluster.endpoint("b", { network: "web", name: "y", flags: ["--ip", "10.32.0.77"] });
    await lab.host("a").run(["ip", "netns", "add", "spare"]);
  });
  after(async () => {
    await lab.host("a").run(["ip", "netns", "del", "spare"]);
    await lab[Symbol.asyncDispose]();
  });

  const state = async () => [
    ...(await kernelState(lab.host("a"))),
    ...(await kernelState(lab.host("b"))),
    ...(await cluster.roots()),
  ];

  for (const [claim, { args, says, code = 1 }] of Object.entries(refusals)) {
    it(`names ${claim}`, async () => {
      const before = await state();
      const refused = await cluster.agent("a").tryCli(...args);
      assert.match(refused.stderr, says);
      assert.equal(refused.code, code);
      assert.equal(refused.stdout, "");
      assert.deepEqual(await state(), before);
    });
  }
});

describe("an agent that cannot run", () => {
  const flagsOf = (folder: string) => [
    ...["agent", "--bind", "eth0", "--data-dir", join(folder, "data")],
    ...["--socket", join(folder, "starling.sock")],
  ];

  it("names the port that is busy", async () => {
    await using lab = await Lab.open({ hosts: ["a"] });
    const host = lab.host("a");
    await host.startAgent().ready();
    const other = join(host.folder, "other");
    const refused = await attempt([...host.enter, starling, ...flagsOf(other)]);
    assert.match(refused.stderr, /port 7790\b.*another process/);
    assert.equal(refused.code, 1);
  });

  it("names the data directory that it cannot use", async () => {
    await using lab = await Lab.open({ hosts: ["a"] });
    const host = lab.host("a");
    const refused = await attempt([
      ...[...host.enter, starling, ...flagsOf(host.folder)],
      ...["--data-dir", "/etc/hostname/starling"],
    ]);
    assert.match(refused.stderr, /\/etc\/hostname\/starling.*--data-dir/);
    assert.equal(refused.code, 1);
  });

  it("names the capability that is missing, and what for", async () => {
    await using lab = await Lab.open({ hosts: ["a"] });
    const host = lab.host("a");
    const drop = ["setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin"];
    const refused = await attempt([...host.enter, ...drop, starling, ...flagsOf(host.folder)]);
    assert.match(refused.stderr, /CAP_NET_ADMIN to make bridges/);
    assert.equal(refused.code, 1);
  });

  it("names the tool that is missing, and its package", async () => {
    await using lab = await Lab.open({ hosts: ["a"] });
    const host = lab.host("a");
    const tools = join(host.folder, "tools");
    mkdirSync(tools, { recursive: true });
    chmodSync(tools, 0o755);
    for (const tool of ["sh", "readlink", "dirname", "ip", "nsenter", "unshare", "env"]) {
      const found = (await host.run(["sh", "-c", `command -v ${tool}`])).trim();
      symlinkSync(found, join(tools, tool));
    }
    const bare = ["env", `PATH=${tools}`, starling, ...flagsOf(host.folder)];
    const refused = await attempt([...host.enter, ...bare]);
    assert.match(refused.stderr, /bridge is missing: install iproute2/);
    assert.equal(refused.code, 1);
  });

  it("names the interface or address that is not there", async () => {
    await using lab = await Lab.open({ hosts: ["a"] });
    const host = lab.host("a");
    const refused = await attempt([
      ...[...host.enter, starling, ...flagsOf(host.folder)],
      ...["--bind", "eth9"],
    ]);
    assert.match(refused.stderr, /eth9/);
    assert.equal(refused.code, 1);
  });
});
