import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Process } from "../lab/process.ts";
import { obstacleTo, skipWhere } from "./obstacle.ts";

const proof = join(import.meta.dirname, "../../vagrant/docker-proof.sh");
const obstacle = obstacleTo("dockerd", "vagrant", "debootstrap");

/** The first run makes a Debian root file system, which no later one does. */
const proofMs = 15 * 60_000;
/** Until it has an engine, on a machine that has the root file system. */
const engineMs = 60_000;

describe("hosts that Vagrant makes of containers", function () {
  this.timeout(proofMs + 10_000);
  let folder = "";
  let pid = 0;
  let said = "";

  before(async function () {
    skipWhere(obstacle, this);
    folder = await mkdtemp(join(tmpdir(), "starling-vagrant-"));
    await using run = start(folder);
    const { code } = await run.exited;
    pid = run.pid;
    said = run.out.all.join("\n");
    assert.equal(code, 0, `${said}\n${run.err.all.join("\n")}`);
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it("all run an agent after `vagrant up`", () => {
    assert.match(said, /vagrant up: every host runs an agent/);
  });

  it("do what the walk-through claims, a host's loss and return among it", () => {
    const [, held, all] = /^(\d+) of (\d+) claims held/m.exec(said) ?? [];
    assert.equal(held, all);
    // As many as there are with three hosts: a story that lost a part would hold with less.
    assert.ok(Number(all) >= 18, said);
  });

  it("are not changed by a second `vagrant provision`, and their agents run on", () => {
    assert.match(said, /vagrant provision, a second time: nothing changed on 3 hosts/);
  });

  it("are gone after `vagrant destroy`", () => {
    assert.match(said, /vagrant destroy: no host is left/);
  });

  it("leave no process, file or cgroup behind", async () => {
    assert.deepEqual(await leftBehind(folder, pid), []);
  });

  it("leave nothing behind either when the proof is interrupted", async () => {
    await using run = start(folder);
    await run.out.until(/vagrant validate/, { withinMs: engineMs });
    run.kill("SIGTERM");
    assert.equal((await run.exited).code, 130);
    assert.deepEqual(await leftBehind(folder, run.pid), []);
  });
});

/**
 * Everything it starts and makes can be told from everything else by the folder it has for scratch.
 */
function start(folder: string): Process {
  return new Process([proof], { TMPDIR: folder });
}

async function leftBehind(folder: string, pid: number): Promise<string[]> {
  const cgroups = await readdir("/sys/fs/cgroup", { recursive: true });
  return [
    ...(await readdir(folder)),
    ...(await processesWith(`TMPDIR=${folder}`)),
    ...cgroups.filter((path) => path.includes(`starling-proof-${pid}`)),
  ];
}

async function processesWith(variable: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    // A process may end while it is looked at.
    const environment = await readFile(`/proc/${pid}/environ`, "utf8").catch(() => "");
    if (environment.split("\0").includes(variable)) found.push(`process ${pid}`);
  }
  return found;
}
