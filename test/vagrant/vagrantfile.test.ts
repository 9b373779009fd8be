import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { attempt, type Result } from "../lab/process.ts";
import { lackOf, skipWhere } from "./obstacle.ts";

const vagrant = join(import.meta.dirname, "../../vagrant");
const hostsProgram = join(import.meta.dirname, "hosts.rb");
const timeoutMs = 60_000;
const obstacle = lackOf("vagrant", "ruby");

type Host = {
  readonly name: string;
  readonly hostname: string;
  readonly addresses: readonly string[];
  readonly folders: readonly (readonly [place: string, type: string])[];
  readonly provisioners: readonly {
    readonly name: string;
    readonly arguments: readonly string[] | null;
  }[];
  readonly faults: readonly string[];
};

describe("the Vagrantfile", function () {
  this.timeout(timeoutMs);
  let home = "";
  let asked: ReadonlyMap<string, readonly Host[]> = new Map();

  before(async function () {
    skipWhere(obstacle, this);
    home = await mkdtemp(join(tmpdir(), "starling-vagrantfile-"));
    const providers = ["docker", "virtualbox"];
    if (await hasLibvirtPlugin()) providers.push("libvirt");
    else console.log("    libvirt is left out: its plugin is not installed");
    asked = await ask({}, ...providers);
  });
  after(() => rm(home, { recursive: true, force: true }));

  it("asks of each provider only what it has", () => {
    for (const hosts of asked.values()) assert.deepEqual(faultsOf(hosts), []);
  });

  it("gives each host one address on the underlay, a name and a copy of the checkout", () => {
    for (const hosts of asked.values()) {
      assert.deepEqual(
        hosts.map(({ hostname, addresses }) => [hostname, addresses]),
        [
          ["host1", ["192.168.56.11"]],
          ["host2", ["192.168.56.12"]],
          ["host3", ["192.168.56.13"]],
        ],
      );
      for (const { folders } of hosts) assert.deepEqual(folders, [["/starling", "rsync"]]);
    }
  });

  it("lets the first host found a cluster, and hands the others its address and the token", () => {
    for (const [first, ...others] of asked.values()) {
      assert.deepEqual(first?.provisioners, [{ name: "agent", arguments: ["192.168.56.11"] }]);
      for (const { addresses, provisioners } of others) {
        assert.deepEqual(provisioners, [
          { name: "token", arguments: null },
          { name: "agent", arguments: [...addresses, "192.168.56.11"] },
        ]);
      }
    }
  });

  it("makes as many hosts as STARLING_HOSTS says", async () => {
    const hosts = await ask({ STARLING_HOSTS: "5" }, "docker");
    assert.equal(hosts.get("docker")?.length, 5);
  });

  for (const wrong of ["0", "51", "three", "3x", ""]) {
    it(`refuses STARLING_HOSTS=${wrong} and says what may be`, async () => {
      const { code, stderr } = await tryAsk({ STARLING_HOSTS: wrong }, "docker");
      assert.notEqual(code, 0);
      assert.match(
        stderr,
        new RegExp(`^STARLING_HOSTS=${wrong} is not a number from 1 to 50$`, "m"),
      );
    });
  }

  async function ask(
    env: NodeJS.ProcessEnv,
    ...providers: readonly string[]
  ): Promise<ReadonlyMap<string, readonly Host[]>> {
    const { code, stdout, stderr } = await tryAsk(env, ...providers);
    assert.equal(code, 0, stderr);
    return new Map(Object.entries(JSON.parse(stdout) as Record<string, readonly Host[]>));
  }

  function tryAsk(env: NodeJS.ProcessEnv, ...providers: readonly string[]): Promise<Result> {
    const places = { VAGRANT_HOME: home, VAGRANT_DOTFILE_PATH: join(home, "dot") };
    const argv = ["ruby", hostsProgram, vagrant, ...providers];
    return attempt(argv, { env: { ...places, ...env }, withinMs: timeoutMs });
  }
});

function faultsOf(hosts: readonly Host[]): readonly string[] {
  return hosts.flatMap(({ name, faults }) => faults.map((fault) => `${name}: ${fault}`));
}

async function hasLibvirtPlugin(): Promise<boolean> {
  return (await attempt(["ruby", "-e", 'gem "vagrant-libvirt"'])).code === 0;
}
