import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { configDefaults } from "../../../agent/config.ts";
import { loadConfig, readConfig, type Sources } from "../../../agent/settings/load.ts";
import { fields, keyOf, variableOf } from "../../../agent/settings/options.ts";
import type { Ip } from "../../../base/address.ts";
import { MeshError } from "../../../base/errors.ts";

const nothing: Sources = { flags: {}, env: {}, file: undefined, folder: "/here" };
const path = "/etc/starling/config.yaml";

const load = (own: Partial<Sources>) => loadConfig({ ...nothing, ...own });
const fromFile = (text: string) => load({ file: { path, text } });

const everything = {
  join: ["10.0.0.1", "host-b:7791", "[fd00::1]:7790", "/ip4/10.0.0.3/tcp/7790"],
  token: "slt1.abc",
  bind: "eth1",
  port: 7791,
  dataDir: "/data",
  socket: "/run/s.sock",
  dockerPlugin: "/run/p.sock",
  dockerSocket: "/run/d.sock",
  vxlanPort: 8472,
  name: "host-a.example.org",
  isolated: true,
  dns: false,
  dnsTtl: 5,
  dnsUpstreams: ["10.0.0.53", "fd00::53"] as Ip[],
  purgeOnExit: true,
};

function assertInvalid(own: Partial<Sources>, message: RegExp): void {
  assert.throws(
    () => load(own),
    (error) => {
      assert.ok(error instanceof MeshError);
      assert.equal(error.code, "CONFIG_INVALID");
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, /\n/);
      return true;
    },
  );
}

describe("configuration", () => {
  it("is the defaults where nothing is set", () => {
    assert.deepEqual(load({}), configDefaults);
  });

  it("takes every key from YAML", () => {
    const text = `
join: [10.0.0.1, "host-b:7791", "[fd00::1]:7790", /ip4/10.0.0.3/tcp/7790]
token: slt1.abc
bind: eth1
port: 7791   # a comment
data-dir: /data
socket: /run/s.sock
docker-plugin: /run/p.sock
docker-socket: /run/d.sock
vxlan-port: 8472
name: host-a.example.org
isolated: true
dns: off
dns-ttl: 5
dns-upstreams: [10.0.0.53, "fd00::53"]
purge-on-exit: true
`;
    assert.deepEqual(fromFile(text), everything);
  });

  for (const [what, indent] of [
    ["in one line", undefined],
    ["with blanks", 2],
    ["with tabs", "\t"],
  ] as const) {
    it(`takes every key from JSON ${what}`, () => {
      const { dockerPlugin, dockerSocket, dnsTtl, dnsUpstreams, ...rest } = everything;
      const { dataDir, vxlanPort, purgeOnExit, ...same } = rest;
      const json = {
        ...same,
        "data-dir": dataDir,
        "docker-plugin": dockerPlugin,
        "docker-socket": dockerSocket,
        "vxlan-port": vxlanPort,
        "purge-on-exit": purgeOnExit,
        "dns-ttl": dnsTtl,
        "dns-upstreams": dnsUpstreams,
      };
      assert.deepEqual(fromFile(JSON.stringify(json, undefined, indent)), everything);
    });
  }

  it("takes every key from the environment, and every flag", () => {
    const texts = Object.fromEntries(
      fields.map((field) => [
        field,
        field === "join" ? everything.join.join(", ") : String(everything[field]),
      ]),
    );
    const env = Object.fromEntries(fields.map((field) => [variableOf(field), texts[field]]));
    assert.deepEqual(load({ env }), everything);
    const flags = { ...texts, join: everything.join, isolated: true, purgeOnExit: true };
    assert.deepEqual(load({ flags }), everything);
  });

  it("prefers flags to variables, these to the file, and that to the defaults, key by key", () => {
    const config = load({
      flags: { name: "flag" },
      env: { STARLING_NAME: "variable", STARLING_PORT: "2" },
      file: { path, text: "{name: file, port: 3, vxlan-port: 4}" },
    });
    const { name, port, vxlanPort, dataDir } = config;
    assert.deepEqual(
      { name, port, vxlanPort, dataDir },
      { name: "flag", port: 2, vxlanPort: 4, dataDir: configDefaults.dataDir },
    );
  });

  it("takes an empty variable as not set, and cares for no other variable", () => {
    const env = { STARLING_TOKEN: "", STARLING_TEST: "x", STARLING_HOSTS: "3" };
    assert.deepEqual(load({ env }), configDefaults);
  });

  it("resolves paths of flags and variables, and refuses them in a file", () => {
    const { dataDir, socket } = load({ flags: { dataDir: "d" }, env: { STARLING_SOCKET: "s/x" } });
    assert.deepEqual({ dataDir, socket }, { dataDir: "/here/d", socket: "/here/s/x" });
    assertInvalid({ file: { path, text: "socket: x.sock" } }, /line 1: socket: .*absolute path/);
  });

  for (const text of ["", "\n\n", "# only words\n", "---\n", "{}", "null"]) {
    it(`is the defaults with a file of ${JSON.stringify(text)}`, () => {
      assert.deepEqual(fromFile(text), configDefaults);
    });
  }

  for (const [text, message] of [
    ["port: 7790\njion: [a]", /^\S+config\.yaml line 2: unknown key "jion"; did you mean join\?$/],
    ["dataDir: /x", /line 1: unknown key "dataDir"; did you mean data-dir\?/],
    ["quorum: 3", /unknown key "quorum"; known are join, token, /],
    ["config: other.yaml", /unknown key "config"/],
    ["constructor: x", /unknown key "constructor"/],
    ["\n\nport: many", /line 3: port: expected a port from 1 to 65535, not "many"/],
    ["port: 0", /port: expected a port/],
    ["port: 65536", /port: expected a port/],
    ["port: 1.5", /port: expected a port/],
    ["port:", /port: expected a port from 1 to 65535, and nothing is there/],
    ["port: [1]", /port: expected a port .* not \[1\]/],
    ["token:", /token: expected a token/],
    ["token: two words", /token: expected a token: one word/],
    ["name: 17", /name: expected a name .* not 17/],
    ["name: a_b", /name: expected a name of 1 to 63 letters, digits and hyphens, not "a_b"/],
    ["bind: eth0/1", /bind: expected an interface or an address/],
    ["purge-on-exit: yes", /purge-on-exit: expected true or false, not "yes"/],
    ["join: ''", /join: expected a host, host:port/],
    ["join: {a: b}", /join: expected a host, host:port.* or a list of them/],
    ["join: ['']", /join: "" is no host, host:port, \[IPv6\]:port or multiaddr/],
    ["join:\n  - 10.0.0.1\n  - 10.0.0.256", /join: "10.0.0.256" is no host/],
    ["join: [1]", /join: 1 is no host/],
    ["- a\n- b", /expected lines such as "port: 7790"/],
    ["just words", /expected lines such as/],
    ["port: 1\nport: 2", /line 2: .*unique/],
    ["a: [1, 2", /line 1: /],
    ["port: &p 1\nvxlan-port: *p", /line 2: aliases are not supported/],
    ["? [a]\n: b", /line 1: a key must be a word/],
    ["a: b: c", /line 1: /],
  ] as const) {
    it(`says what is wrong with ${JSON.stringify(text)}`, () => {
      assertInvalid({ file: { path, text } }, message);
    });
  }

  for (const [flags, message] of [
    [{ port: "" }, /^--port: expected a port from 1 to 65535, and nothing is there$/],
    [{ join: [""] }, /^--join: "" is no host/],
    [{ join: ["a", "b c"] }, /^--join: "b c" is no host/],
    [{ join: ["host:0"] }, /^--join: "host:0" is no host/],
    [{ dataDir: "" }, /^--data-dir: expected a path/],
    [{ socket: "a\0b" }, /^--socket: expected a path/],
  ] as const) {
    it(`says what is wrong with the flags ${JSON.stringify(flags)}`, () => {
      assertInvalid({ flags }, message);
    });
  }

  it("says which variable is wrong", () => {
    assertInvalid({ env: { STARLING_VXLAN_PORT: "x" } }, /^STARLING_VXLAN_PORT: expected a port/);
    assertInvalid({ env: { STARLING_JOIN: " , " } }, /^STARLING_JOIN: expected a host/);
  });

  it("refuses a file that is too large, or nested without end", () => {
    assertInvalid({ file: { path, text: " ".repeat(70_000) } }, /larger than the 65536 bytes/);
    assertInvalid({ file: { path, text: "[".repeat(60_000) } }, /config\.yaml/);
  });

  it("never fails in another way, whatever the file holds", () => {
    const line = fc
      .tuple(fc.constantFrom(...fields.map(keyOf)), fc.json({ maxDepth: 2 }))
      .map(([key, value]) => `${key}: ${value}`);
    const yamlish = fc
      .array(fc.constantFrom(..."{}[]:,-?&*!|>'\"%@`#~ \n\t0a".split(""), "join:", "<<:", "---\n"))
      .map((parts) => parts.join(""));
    const lines = fc.array(line, { maxLength: 4 }).map((all) => all.join("\n"));
    const text = fc.oneof(fc.string({ unit: "binary" }), yamlish, lines, fc.json());
    fc.assert(
      fc.property(text, (any) => {
        try {
          assert.equal(typeof fromFile(any).port, "number");
        } catch (error) {
          assert.ok(error instanceof MeshError && error.code === "CONFIG_INVALID", String(error));
        }
      }),
      { numRuns: 3_000 },
    );
  });
});

describe("the configuration file", () => {
  let folder = "";
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "starling-settings-"));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it("is the one that --config names, else STARLING_CONFIG", async () => {
    const [one, two] = [join(folder, "one.yaml"), join(folder, "two.json")];
    await writeFile(one, "port: 1");
    await writeFile(two, '{"port": 2}');
    const port = async (given: string | undefined, variable: string) => {
      const env = { STARLING_CONFIG: variable };
      return (await readConfig({ flags: {}, env, path: given, folder })).port;
    };
    assert.equal(await port(one, two), 1);
    assert.equal(await port(undefined, two), 2);
    assert.equal(await port(undefined, ""), configDefaults.port);
  });

  it("must be there when it is named", async () => {
    const missing = join(folder, "missing.yaml");
    const asked = readConfig({ flags: {}, env: {}, path: missing, folder });
    await assert.rejects(asked, { code: "CONFIG_INVALID", message: /missing\.yaml/ });
  });
});
