import assert from "node:assert/strict";
import fc from "fast-check";
import {
  endpointIdOf,
  labelOf,
  readContainer,
  readEngineId,
  readEvent,
  readList,
  readNetwork,
} from "../../../plugins/docker-engine.ts";
import { readWish } from "../../../plugins/docker-network.ts";
import {
  container,
  containerId,
  dockerNetworkId,
  endpointDockerId,
  inspectedNetwork,
} from "./samples.ts";

const event = (Type: string, Action: string, Attributes: object = {}) =>
  JSON.stringify({ Type, Action, Actor: { ID: dockerNetworkId, Attributes } });

describe("what Docker's API says", () => {
  it("names endpoints by container, alias and compose service, each once", () => {
    const [naming, more] = readContainer(JSON.stringify(container())) ?? [];
    assert.equal(more, undefined, "a network that the container is not in counts");
    assert.deepEqual(naming, {
      network: dockerNetworkId,
      endpoint: endpointDockerId.slice(0, 16),
      name: "shop_db_1",
      aliases: ["3c1d2e4f5a6b", "db", "db-primary"],
    });
  });

  it("turns names into labels: lower case, and hyphens where dots would end them", () => {
    assert.equal(labelOf("Shop.DB_1"), "shop-db_1");
    assert.equal(labelOf("x".repeat(64)), undefined);
    assert.equal(labelOf("ä"), undefined);
  });

  it("takes the first sixteen digits of an endpoint's id as ours", () => {
    assert.equal(endpointIdOf(endpointDockerId), endpointDockerId.slice(0, 16));
    assert.equal(endpointIdOf(""), undefined);
  });

  it("tells of networks and containers that changed, and of nothing else", () => {
    const network = { about: "network", id: dockerNetworkId };
    const changed = { about: "container", id: dockerNetworkId, change: "changed" };
    assert.deepEqual(readEvent(event("network", "create")), { ...network, change: "made" });
    assert.deepEqual(readEvent(event("network", "destroy")), { ...network, change: "removed" });
    assert.deepEqual(readEvent(event("container", "rename")), changed);
    assert.deepEqual(readEvent(event("network", "connect", { container: containerId })), {
      about: "attachment",
      id: containerId,
      network: dockerNetworkId,
    });
    for (const [type, action] of [
      ["network", "connect"],
      ["network", "prune"],
      ["container", "exec_start"],
      ["image", "create"],
    ] as const)
      assert.equal(readEvent(event(type, action)), undefined, `${type} ${action}`);
  });

  it("has of a network what the call that made it had", () => {
    const found = readNetwork(JSON.stringify(inspectedNetwork()));
    assert.ok(found);
    assert.equal(found.name, "web");
    assert.deepEqual(found.attached, [
      { container: containerId, endpoint: endpointDockerId, name: "shop_db_1" },
    ]);
    assert.deepEqual(readWish(found.wish), {
      network: {
        id: dockerNetworkId,
        asked: "web",
        called: undefined,
        pools: ["10.32.0.0/16"],
        isInternal: true,
        network: undefined,
      },
    });
  });

  it("does not take foreign addresses for ours when a network is read back", () => {
    const IPAM = { Driver: "default", Config: [{ Subnet: "172.18.0.0/16" }] };
    const found = readNetwork(JSON.stringify(inspectedNetwork({ IPAM })));
    assert.ok(found);
    const wish = readWish(found.wish);
    assert.ok("reason" in wish);
    assert.match(wish.reason, /--ipam-driver starling/);
  });

  it("is nothing, and no failure, where it is malformed", () => {
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string()), (text) => {
        assert.equal(readEvent(text), undefined);
        assert.equal(readContainer(text), undefined);
        assert.equal(readNetwork(text), undefined);
        assert.equal(readEngineId(text), undefined);
        const list = readList(text);
        return list === undefined || list.length === 0;
      }),
    );
  });
});
