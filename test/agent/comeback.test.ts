import assert from "node:assert/strict";
import type { Command } from "../../agent/command.ts";
import { Cluster } from "../simulation/cluster.ts";
import { name, plainWish } from "./samples.ts";

describe("an endpoint that comes back", () => {
  it("has the address and the MAC that its name had, so that nobody's memory of it is wrong", () => {
    const cluster = new Cluster({ seed: 1, hosts: 2 });
    cluster.run(2_000);
    const [host] = cluster.hosts;
    assert.ok(host);
    cluster.createNetwork(host, "web", "10.41.0.0/24");
    cluster.run(500);
    const make = (netns: string, called: string) => {
      host.kernel.addNamespace(netns);
      const place = { kind: "netns", netns, interface: "eth0" } as const;
      const command: Command = { ...plainWish, place, name: name(called) };
      const answer = cluster.answer(host, command);
      assert.equal(answer.kind, "endpoint");
      return answer.kind === "endpoint" ? answer.endpoint : undefined;
    };
    const first = make("/run/netns/one", "db");
    host.kernel.removeNamespace("/run/netns/one");
    cluster.run(10_000);
    const again = make("/run/netns/two", "db");
    assert.deepEqual(again?.addresses, first?.addresses);
    assert.equal(again?.mac, first?.mac);
    assert.notEqual(again?.id, first?.id);
    const other = make("/run/netns/three", "cache");
    assert.notEqual(other?.mac, first?.mac);
  });
});
