import assert from "node:assert/strict";
import { endpointKey, grantKey, hostKey, networkKey, removalKey } from "../../agent/schema.ts";
import { Tables } from "../../agent/tables.ts";
import { parseRecordKey } from "../../store/record.ts";
import {
  cidr,
  difference,
  endpointId,
  hostValue,
  ip,
  mac,
  name,
  networkId,
  simulatedHost,
} from "./samples.ts";

const [a, b] = [simulatedHost(1), simulatedHost(2)];
const web = { name: name("web"), subnets: [cidr("10.32.0.0/16")], created: 1 };
const db = {
  network: networkId(1),
  name: name("db"),
  mac: mac("02:00:00:00:00:01"),
  ips: [ip("10.32.0.2")],
};

describe("tables", () => {
  it("show hosts, networks and endpoints as their origins write them", () => {
    const tables = new Tables();
    tables.update(a, [
      difference(hostKey, hostValue(a, "host-a")),
      difference(networkKey(networkId(1)), web),
    ]);
    tables.update(b, [difference(endpointKey(endpointId(7)), db)]);
    assert.equal(tables.hosts.get(a)?.name, "host-a");
    assert.equal(tables.shownNetworks()[0]?.creator, a);
    assert.equal(tables.holderOf(networkId(1), ip("10.32.0.2"))?.host, b);
    assert.equal(tables.endpointsOn(b).size, 1);
  });

  it("hide a network that anybody removed, and forget it when its creator does", () => {
    const tables = new Tables();
    tables.update(a, [difference(networkKey(networkId(1)), web)]);
    tables.update(b, [difference(removalKey(networkId(1)), {})]);
    assert.deepEqual(tables.shownNetworks(), []);
    assert.equal(tables.networks.size, 1);
    tables.update(a, [difference(networkKey(networkId(1)), undefined, web)]);
    assert.equal(tables.networks.size, 0);
  });

  it("do not let one origin take another's endpoint or network over, or away", () => {
    const tables = new Tables();
    tables.update(a, [difference(networkKey(networkId(1)), web)]);
    tables.update(a, [difference(endpointKey(endpointId(7)), db)]);
    assert.deepEqual(
      tables.update(b, [difference(endpointKey(endpointId(7)), { ...db, name: "x" })]),
      [],
    );
    assert.deepEqual(tables.update(b, [difference(endpointKey(endpointId(7)), undefined, db)]), []);
    assert.deepEqual(tables.update(b, [difference(networkKey(networkId(1)), undefined, web)]), []);
    assert.equal(tables.endpoints.get(endpointId(7))?.host, a);
    assert.equal(tables.networks.get(networkId(1))?.creator, a);
  });

  it("keep their indexes when an endpoint changes and goes", () => {
    const tables = new Tables();
    const key = endpointKey(endpointId(7));
    const moved = { ...db, ips: [ip("10.32.0.9")] };
    tables.update(a, [difference(key, db)]);
    tables.update(a, [difference(key, moved, db)]);
    assert.equal(tables.holderOf(networkId(1), ip("10.32.0.2")), undefined);
    assert.equal(tables.holderOf(networkId(1), ip("10.32.0.9"))?.id, endpointId(7));
    tables.update(a, [difference(key, undefined, moved)]);
    assert.equal(tables.endpointsOf(networkId(1)).size, 0);
    assert.equal(tables.endpointsOn(a).size, 0);
  });

  it("take a record of an unknown kind, or with a value that does not fit, for nothing", () => {
    const tables = new Tables();
    const unknown = parseRecordKey("policy/1");
    assert.ok(unknown);
    assert.deepEqual(tables.update(a, [difference(unknown, { allow: "all" })]), []);
    assert.deepEqual(tables.update(a, [difference(networkKey(networkId(1)), { name: "web" })]), []);
    const grant = {
      network: networkId(1),
      block: cidr("10.32.0.0/24"),
      generation: 1,
      to: b,
      request: "r",
    };
    const other = { ...grant, generation: 2 };
    assert.deepEqual(tables.update(a, [difference(grantKey(other), grant)]), []);
    assert.equal(tables.update(a, [difference(grantKey(grant), grant)]).length, 1);
  });

  it("read a record with fields they do not know", () => {
    const tables = new Tables();
    tables.update(a, [difference(networkKey(networkId(1)), { ...web, colour: "blue" })]);
    assert.equal(tables.shownNetworks().length, 1);
  });
});
