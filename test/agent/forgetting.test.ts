import assert from "node:assert/strict";
import type { Answer } from "../../agent/command.ts";
import type { ForgottenView } from "../../agent/view.ts";
import type { Cluster } from "../simulation/cluster.ts";
import { clusterOf, host, ownersOf, subnetOf } from "./departures.ts";

function forget(cluster: Cluster, by: number, n: number, isForced = false): ForgottenView {
  const command = { kind: "forget", host: `host-${n}`, isForced, waitMs: undefined } as const;
  const answer = cluster.answer(host(cluster, by), command);
  return answer.kind === "forgotten" ? answer.forgotten : assert.fail(JSON.stringify(answer));
}

function refusalOf(answer: Answer): string {
  return answer.kind === "refused" ? `${answer.refusal.code}: ${answer.refusal.message}` : "";
}

/** What a host says of another in `members`. */
function stateOf(cluster: Cluster, by: number, n: number): string | undefined {
  const answer = cluster.answer(host(cluster, by), { kind: "members" });
  return answer.kind === "members"
    ? answer.members.find(({ name }) => name === `host-${n}`)?.state
    : undefined;
}

import { plainWish } from "./samples.ts";

describe("forgetting a host", () => {
  it("takes its endpoints out of every map and gives its addresses to those who stay", () => {
    const cluster = clusterOf(4, 1);
    host(cluster, 1).crash();
    cluster.run(5_000);
    const view = forget(cluster, 2, 1);
    assert.equal(view.endpoints, 1);
    assert.equal(view.addresses, "released", "the answer waits for the others, who are quick");
    cluster.run(5_000);
    const again = forget(cluster, 3, 1);
    assert.equal(again.addresses, "released", "it is idempotent, on any host");
    assert.equal(again.settledBy?.name, "host-2");
    for (const n of [2, 3, 4]) {
      assert.equal(stateOf(cluster, n, 1), "retired");
      const subnet = subnetOf(cluster, n);
      assert.deepEqual(ownersOf(subnet), ["host-2", "host-3", "host-4"]);
      assert.equal(subnet.frozen, 0);
      const total = subnet.shares.reduce((sum, { size }) => sum + size, 0);
      assert.equal(total, 256, "every address is somebody's");
      const endpoints = cluster.answer(host(cluster, n), { kind: "endpoints", network: "n1" });
      assert.ok(endpoints.kind === "endpoints" && endpoints.endpoints.length === 3);
    }
  });

  it("leaves addresses frozen until every other host has acknowledged it", () => {
    const cluster = clusterOf(4, 1);
    host(cluster, 1).crash();
    host(cluster, 4).crash();
    cluster.run(5_000);
    forget(cluster, 2, 1);
    cluster.run(60_000);
    const view = forget(cluster, 2, 1);
    assert.equal(view.addresses, "frozen");
    assert.deepEqual(
      view.waitingFor.map(({ name }) => name),
      ["host-4"],
    );
    const frozen = subnetOf(cluster, 3);
    assert.ok(frozen.frozen > 0 && ownersOf(frozen).includes("host-1"));
    const status = cluster.answer(host(cluster, 3), { kind: "status" });
    assert.ok(
      status.kind === "status" &&
        status.status.warnings.some((text) => text.includes("until host-4 acknowledge")),
    );
    host(cluster, 4).boot();
    cluster.run(5_000);
    assert.equal(forget(cluster, 2, 1).addresses, "released");
    assert.deepEqual(ownersOf(subnetOf(cluster, 4)), ["host-2", "host-3", "host-4"]);
  });

  it("needs no word of a host that is forgotten as well", () => {
    const cluster = clusterOf(4, 1);
    for (const n of [1, 4]) host(cluster, n).crash();
    cluster.run(5_000);
    forget(cluster, 2, 1);
    forget(cluster, 3, 4);
    cluster.run(5_000);
    assert.deepEqual(ownersOf(subnetOf(cluster, 2)), ["host-2", "host-3"]);
  });

  it("on two hosts at once has one of them settle it", () => {
    const cluster = clusterOf(5, 1);
    host(cluster, 1).crash();
    cluster.run(5_000);
    const [left, right] = [cluster.hosts.slice(1, 3), cluster.hosts.slice(3)];
    cluster.separate(left, right, false);
    cluster.run(5_000);
    forget(cluster, 2, 1);
    forget(cluster, 5, 1);
    cluster.run(20_000);
    assert.equal(forget(cluster, 2, 1).addresses, "frozen");
    assert.equal(forget(cluster, 5, 1).addresses, "frozen");
    cluster.heal();
    cluster.run(10_000);
    const settlers = [2, 3, 4, 5].map((n) => forget(cluster, n, 1));
    assert.ok(settlers.every(({ addresses }) => addresses === "released"));
    assert.equal(new Set(settlers.map(({ settledBy }) => settledBy?.id)).size, 1);
  });

  it("passes to another host where who forgot it is forgotten in turn", () => {
    const cluster = clusterOf(4, 1);
    for (const n of [1, 4]) host(cluster, n).crash();
    cluster.run(5_000);
    forget(cluster, 2, 1);
    cluster.run(1_000);
    host(cluster, 2).crash();
    cluster.run(5_000);
    forget(cluster, 3, 2);
    forget(cluster, 3, 4);
    cluster.run(5_000);
    const view = forget(cluster, 3, 1);
    cluster.run(5_000);
    assert.equal(view.settledBy?.name, "host-3", "it can be forgotten again");
    assert.deepEqual(ownersOf(subnetOf(cluster, 3)), ["host-3"]);
  });

  it("refuses a host that answers, and itself", () => {
    const cluster = clusterOf(3, 1);
    const ask = (n: number) =>
      cluster.answer(host(cluster, 1), {
        kind: "forget",
        host: `host-${n}`,
        isForced: false,
        waitMs: undefined,
      });
    assert.match(refusalOf(ask(2)), /^HOST_ALIVE: host host-2 is alive.*--force/);
    assert.match(refusalOf(ask(1)), /^BAD_REQUEST: .*starling leave/);
    assert.match(refusalOf(ask(9)), /^UNKNOWN_HOST/);
  });

  it("tells a host that comes back: it hands out nothing, and its endpoints are cut off", () => {
    const cluster = clusterOf(3, 1);
    const zombie = host(cluster, 3);
    zombie.crash();
    cluster.run(5_000);
    forget(cluster, 1, 3);
    cluster.run(5_000);
    zombie.boot();
    cluster.run(5_000);
    assert.equal(stateOf(cluster, 3, 3), "retired");
    zombie.kernel.addNamespace("/run/netns/z");
    const attach = cluster.answer(zombie, {
      ...{ ...plainWish, network: "n1" },
      place: { kind: "netns", netns: "/run/netns/z", interface: "eth0" },
    });
    assert.match(refusalOf(attach), /^NOT_PERMITTED: this host was retired/);
    const status = cluster.answer(zombie, { kind: "status" });
    assert.ok(status.kind === "status");
    const warning = status.status.warnings.find((text) => text.includes("was forgotten by host-1"));
    assert.match(warning ?? "", /its endpoints are cut off .*join as a new host/);
    assert.deepEqual(zombie.kernel.vnis(), [], "nothing of ours is left in its kernel");
    assert.deepEqual(ownersOf(subnetOf(cluster, 1)), ["host-1", "host-2"]);
  });

  it("frees the addresses of one that was revoked", () => {
    const cluster = clusterOf(3, 1);
    cluster.answer(host(cluster, 1), { kind: "revoke", host: "host-3", isForced: false });
    cluster.run(5_000);
    assert.ok(ownersOf(subnetOf(cluster, 1)).length === 3, "they stay taken");
    forget(cluster, 1, 3, true);
    cluster.run(5_000);
    for (const n of [1, 2]) assert.deepEqual(ownersOf(subnetOf(cluster, n)), ["host-1", "host-2"]);
    assert.equal(forget(cluster, 2, 3).addresses, "released");
  });

  it("of a host that still runs cuts it off as soon as it hears of it", () => {
    const cluster = clusterOf(3, 1);
    forget(cluster, 1, 3, true);
    cluster.run(5_000);
    assert.equal(stateOf(cluster, 2, 3), "retired");
    assert.deepEqual(host(cluster, 3).kernel.vnis(), []);
    assert.deepEqual(ownersOf(subnetOf(cluster, 1)), ["host-1", "host-2"]);
  });
});
