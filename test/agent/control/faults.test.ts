import assert from "node:assert/strict";
import fc from "fast-check";
import { limits, timing } from "../../../agent/config.ts";
import { readShape, type Shape } from "../../../agent/control/faults.ts";
import { endpointBody, networkBody } from "../../../agent/control/protocol.ts";
import { parseCidr, parseIp, parseMac } from "../../../base/address.ts";
import { MeshError } from "../../../base/errors.ts";
import { parseLabel, parseName } from "../../../base/id.ts";

/** The value as a program would read it, or the refusal; any other failure is a bug. */
function outcome<Schema extends Shape>(schema: Schema, value: unknown) {
  try {
    return { read: readShape(schema, value, "field") };
  } catch (error) {
    assert.ok(error instanceof MeshError, String(error));
    return { code: error.code, message: error.message };
  }
}

/** What a body might hold: the right texts, nearly right ones, and anything at all. */
const text = fc.oneof(
  fc.constantFrom("web", "eth0", "10.1.0.0/16", "10.1.2.3/16", "fd00::/64", "10.1.0.1", "::/0"),
  fc.constantFrom("/run/netns/db", "02:00:00:00:00:01", "10.1.0.0/33", "10.1.0.0/016", "1/1"),
  fc.string({ unit: "binary" }),
);
const anything = fc.oneof(text, fc.array(text, { maxLength: 3 }), fc.jsonValue({ maxDepth: 3 }));

const field = fc.oneof(
  fc.constantFrom(...Object.keys({ ...networkBody.entries, ...endpointBody.entries })),
  fc.constantFrom("__proto__", "constructor", "toString"),
  fc.string({ unit: "binary" }),
);

const body = fc.oneof(
  fc.record({ name: anything, subnets: anything }),
  fc.record({ network: text, netns: text, addresses: anything, mac: text }, { requiredKeys: [] }),
  fc.dictionary(field, anything, { maxKeys: 4, noNullPrototype: true }),
  fc.jsonValue(),
);

describe("a body of any content", () => {
  it("is a network that our parsers vouch for, or is refused in one short line", () => {
    fc.assert(
      fc.property(body, (value) => {
        const { read, code, message } = outcome(networkBody, value);
        if (read === undefined) return assertShort(code, message);
        assert.equal(parseName(read.name), read.name);
        assert.ok(read.subnets.length === 1 || read.subnets.length === 2);
        for (const subnet of read.subnets) assert.equal(parseCidr(subnet), subnet);
      }),
      { numRuns: 3_000 },
    );
  });

  it("is an endpoint that our parsers vouch for, or is refused in one short line", () => {
    fc.assert(
      fc.property(body, (value) => {
        const { read, code, message } = outcome(endpointBody, value);
        if (read === undefined) return assertShort(code, message);
        const { netns = "/", interface: name = "eth0", link = "eth0" } = read;
        assert.ok(netns.startsWith("/"));
        assert.match(`${name} ${link}`, /^([a-zA-Z][a-zA-Z0-9_.-]{0,14} ?){2}$/);
        for (const alias of read.aliases) assert.equal(parseLabel(alias), alias);
        assert.ok(read.addresses.length <= 2);
        for (const address of read.addresses) assert.equal(parseIp(address), address);
        if (read.mac !== undefined) assert.equal(parseMac(read.mac), read.mac);
      }),
      { numRuns: 3_000 },
    );
  });

  it("as large as one may be is judged before a peer could take us for dead", () => {
    const fill = (entry: unknown) =>
      Array.from({ length: limits.bodyBytes / (JSON.stringify(entry).length + 1) }, () => entry);
    for (const subnets of [fill(""), fill("::/0"), fill("10.0.0.1/8"), fill(1), fill([])]) {
      const before = process.cpuUsage();
      const { code, message } = outcome(networkBody, { name: "a", subnets });
      const { user, system } = process.cpuUsage(before);
      assert.ok(user + system < timing.liveness.pauseMs * 1_000);
      assert.equal(code, "SUBNET_MALFORMED");
      assert.match(message ?? "", /^subnets: is a list of [0-9]+; expected 16 at most$/);
    }
  });

  it("does not come back whole in what we say of it", () => {
    const word = "x".repeat(limits.bodyBytes - 10);
    assertShort("BAD_REQUEST", outcome(networkBody, { [word]: 1 }).message);
    assertShort("BAD_REQUEST", outcome(networkBody, { name: word, subnets: [] }).message);
    assertShort("BAD_REQUEST", outcome(endpointBody, { network: "a", netns: word }).message);
  });
});

function assertShort(code: string | undefined, message: string | undefined): void {
  assert.ok(code === "BAD_REQUEST" || code === "SUBNET_MALFORMED", code);
  assert.ok(message !== undefined && message.length < 2_000, message);
  assert.doesNotMatch(message, /[\n\r]/);
}
