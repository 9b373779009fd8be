import assert from "node:assert/strict";
import fc from "fast-check";
import { cniVersions, readCall } from "../../plugins/cni-call.ts";
import { addResult, differenceOf, faultResult } from "../../plugins/cni-result.ts";

const names = ["COMMAND", "CONTAINERID", "NETNS", "IFNAME", "PATH", "ARGS"] as const;
const good = {
  ...{ CNI_COMMAND: "ADD", CNI_CONTAINERID: "c1", CNI_NETNS: "/run/netns/c1" },
  ...{ CNI_IFNAME: "eth0", CNI_PATH: "/opt/cni/bin", CNI_ARGS: "" },
};
const config = { cniVersion: "1.1.0", name: "web", type: "starling-cni" };

const word = fc.oneof(
  fc.constantFrom("ADD", "DEL", "CHECK", "GC", "STATUS", "VERSION", "c1", "/run/netns/c1", "IP=1"),
  fc.string({ unit: "binary" }),
);
const environment = fc.record(
  Object.fromEntries(names.map((name) => [`CNI_${name}`, word])) as Record<string, typeof word>,
  { requiredKeys: [] },
);
const field = fc.oneof(
  ...[fc.jsonValue({ maxDepth: 3 }), fc.constantFrom("10.1.0.0/16", "1.1.0", "web", true)],
);
const keys = ["cniVersion", "name", "network", "subnet", "ipam", "prevResult", "runtimeConfig"];
const input = fc.oneof(
  fc.dictionary(fc.constantFrom(...keys, "args", "cni.dev/valid-attachments"), field),
  fc.jsonValue(),
);

describe("a call of a CNI plugin", () => {
  it("of any content is read, or refused with a code of the specification", () => {
    fc.assert(
      fc.property(environment, input, fc.boolean(), (env, value, isWhole) => {
        const call = readCall(
          isWhole ? { ...good, ...env } : env,
          JSON.stringify(isWhole && typeof value === "object" ? { ...config, ...value } : value),
        );
        if (call.kind !== "fault") return;
        assert.ok([1, 2, 4, 6, 7].includes(call.code), String(call.code));
        const said = JSON.parse(JSON.stringify(faultResult("1.1.0", call)));
        assert.equal(said.code, call.code);
        assert.ok(said.msg.length > 0);
      }),
      { numRuns: 3_000 },
    );
  });

  it("has the network's name for the runtime where it has none of ours", () => {
    const call = readCall(good, JSON.stringify(config));
    assert.ok(call.kind === "ADD");
    assert.equal(call.config.network, "web");
    const other = readCall(good, JSON.stringify({ ...config, network: "back" }));
    assert.ok(other.kind === "ADD" && other.config.network === "back");
  });
});

describe("a result of ADD", () => {
  const made = {
    ...{ ifname: "eth0", netns: "/run/netns/c1", mac: "02:00:00:00:00:01", mtu: 1450 },
    addresses: ["10.32.0.2/16", "fd00::2/64"],
    ...{ gateways: ["10.32.0.1", "fd00::1"], defaults: ["10.32.0.1", "fd00::1"] },
    domain: "web",
  };
  const found = { mac: made.mac, addresses: made.addresses, defaults: made.defaults };

  for (const cniVersion of cniVersions) {
    it(`of version ${cniVersion} is what CHECK compares with, and each loss is told`, () => {
      const call = readCall(good, JSON.stringify({ ...config, cniVersion }));
      assert.ok(call.kind === "ADD");
      const result = addResult(call.config, made) as Parameters<typeof differenceOf>[0];
      assert.equal(differenceOf(result, made, found), undefined);
      assert.equal(
        differenceOf(result, made, { ...found, addresses: [...found.addresses, "10.1.0.1/8"] }),
        undefined,
        "what was added since does not matter",
      );
      const losses = [
        undefined,
        { ...found, mac: "02:00:00:00:00:02" },
        { ...found, addresses: found.addresses.slice(1) },
        { ...found, addresses: ["10.32.0.2/24", "fd00::2/64"] },
        { ...found, defaults: ["10.32.0.1"] },
      ];
      for (const loss of losses) assert.notEqual(differenceOf(result, made, loss), undefined);
      assert.match(differenceOf({}, made, found) ?? "", /prevResult has no interface eth0/);
    });
  }
});
