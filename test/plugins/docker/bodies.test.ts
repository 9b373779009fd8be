import assert from "node:assert/strict";
import fc from "fast-check";
import { bodies, readBody } from "../../../plugins/docker-bodies.ts";
import { dockerNetworkId, endpointDockerId } from "./samples.ts";

const create = { NetworkID: dockerNetworkId, EndpointID: endpointDockerId };

describe("the bodies of Docker's calls", () => {
  it("are read as Go writes them, with null for an empty list and for an empty map", () => {
    const body = { NetworkID: dockerNetworkId, Options: null, IPv4Data: null };
    const read = readBody(bodies.CreateNetwork, JSON.stringify(body));
    assert.deepEqual(read, {
      value: { NetworkID: dockerNetworkId, Options: {}, IPv4Data: [], IPv6Data: [] },
    });
  });

  it("give addresses without their prefix, and none where the text is empty", () => {
    const body = { ...create, Interface: { Address: "10.32.0.5/16", AddressIPv6: "" } };
    const read = readBody(bodies.CreateEndpoint, JSON.stringify(body));
    assert.ok("value" in read);
    assert.equal(read.value.Interface?.Address, "10.32.0.5");
    assert.equal(read.value.Interface?.AddressIPv6, undefined);
    assert.equal(read.value.Interface?.MacAddress, undefined);
  });

  it("are refused with the field that is wrong", () => {
    const faulty: [string, object, RegExp][] = [
      [
        "CreateEndpoint",
        { ...create, Interface: { MacAddress: "xx" } },
        /Interface.MacAddress: "xx"/,
      ],
      [
        "CreateEndpoint",
        { ...create, Interface: { Address: "10.0.0.1/16/2" } },
        /Interface.Address/,
      ],
      ["CreateEndpoint", { ...create, EndpointID: "../../etc" }, /EndpointID: expected 64 hex/],
      ["RequestPool", { Pool: "10.32.0.1/16" }, /Pool: "10.32.0.1\/16" is no subnet/],
      ["RequestAddress", { PoolID: 7 }, /PoolID/],
    ];
    for (const [method, body, reason] of faulty) {
      const read = readBody(bodies[method as keyof typeof bodies], JSON.stringify(body));
      assert.ok("fault" in read, method);
      assert.match(read.fault, reason);
    }
  });

  it("say so where a retry came without one", () => {
    const read = readBody(bodies.Endpoint, "");
    assert.ok("fault" in read);
    assert.match(read.fault, /no body/);
  });

  it("never throw, whatever they are", () => {
    const fields = ["NetworkID", "EndpointID", "Interface", "Options", "IPv4Data", "PoolID"];
    const near = fc.dictionary(fc.constantFrom(...fields), fc.jsonValue()).map(toJson);
    const anything = fc.oneof(fc.json(), fc.string(), near);
    fc.assert(
      fc.property(anything, fc.constantFrom(...Object.values(bodies)), (body, schema) => {
        const read = readBody(schema, body);
        return "value" in read || read.fault.length > 0;
      }),
    );
  });
});

function toJson(value: unknown): string {
  return JSON.stringify(value);
}
