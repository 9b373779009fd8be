import assert from "node:assert/strict";
import type { Answer } from "../../agent/command.ts";
import type { Cluster } from "../simulation/cluster.ts";
import { clusterOf, host, ownersOf, subnetOf } from "./departures.ts";

function leave(cluster: Cluster, n: number, then: (answer: Answer) => void): void {
  cluster.ask(host(cluster, n), { kind: "leave", isForced: true, waitMs: 10_000 }, then);
}

function stateOf(cluster: Cluster, by: number, n: number): string | undefined {
  const answer = cluster.answer(host(cluster, by), { kind: "members" });
  return answer.kind === "members"
    ? answer.members.find(({ name }) => name === `host-${n}`)?.state
    : undefined;
}

describe("leaving", () => {
  it("withdraws endpoints, hands every address to those who stay, and then ends the agent", () => {
    const cluster = clusterOf(4, 2);
    const gone = host(cluster, 1);
    let answer: Answer | undefined;
    leave(cluster, 1, (given) => {
      answer = given;
    });
    cluster.run(5_000);
    assert.deepEqual(answer, { kind: "left", obstacle: undefined });
    assert.equal(gone.isUp, false, "the agent has ended");
    assert.deepEqual(gone.kernel.vnis(), []);
    for (const n of [2, 3, 4]) {
      assert.equal(stateOf(cluster, n, 1), "left");
      const view = subnetOf(cluster, n);
      assert.deepEqual(ownersOf(view), ["host-2", "host-3", "host-4"]);
      assert.equal(view.unreachable + view.frozen, 0);
    }
  });

  it("waits for who has not yet confirmed, says so, and goes on after any crash", () => {
    const states = new Set<string | undefined>();
    for (let at = 0; at < 500; at += 9) {
      const cluster = clusterOf(3, 2);
      const gone = host(cluster, 1);
      leave(cluster, 1, () => undefined);
      cluster.run(at);
      gone.crash((unsynced) => Math.floor(unsynced / 2));
      cluster.run(3_000);
      gone.boot();
      cluster.run(8_000);
      const state = stateOf(cluster, 2, 1);
      states.add(state);
      // A wish that never reached the disk is none, and who had left by then has come back.
      if (state === "alive") assert.ok((at < 9 || at > 250) && gone.isUp, `${at} ms`);
      else assert.equal(state, "left", `${at} ms`);
      const owners = ownersOf(subnetOf(cluster, 2));
      assert.deepEqual(owners, at < 9 ? ["host-1", "host-2", "host-3"] : ["host-2", "host-3"]);
    }
    assert.deepEqual([...states].toSorted(), ["alive", "left"], "both were met");
  });

  it("is refused nothing but time where nobody answers, and goes on when somebody does", () => {
    const cluster = clusterOf(3, 2);
    for (const n of [2, 3]) host(cluster, n).crash();
    cluster.run(5_000);
    let answer: Answer | undefined;
    leave(cluster, 1, (given) => {
      answer = given;
    });
    cluster.run(12_000);
    assert.ok(answer?.kind === "left");
    assert.match(answer.obstacle ?? "", /no other host answers/);
    host(cluster, 2).boot();
    cluster.run(8_000);
    assert.equal(stateOf(cluster, 2, 1), "left");
  });

  it("is not for ever: a host that starts again is a member again", () => {
    const cluster = clusterOf(3, 2);
    leave(cluster, 3, () => undefined);
    cluster.run(5_000);
    const back = host(cluster, 3);
    assert.equal(back.isUp, false);
    back.boot();
    cluster.run(5_000);
    assert.equal(stateOf(cluster, 1, 3), "alive");
    const before = cluster.endpoints.size;
    cluster.attach(back, "n1");
    cluster.run(3_000);
    assert.equal(cluster.endpoints.size, before + 1, "it is given addresses again");
  });

  it("hands no address over that an endpoint is about to be recorded with", () => {
    const cluster = clusterOf(2, 2);
    host(cluster, 1).attachMs = 350;
    cluster.attach(host(cluster, 1), "n1");
    cluster.run(50);
    leave(cluster, 1, () => undefined);
    // The witness throws where two endpoints have one address at once.
    for (let step = 0; step < 100; step += 1) {
      cluster.attach(host(cluster, 2), "n1", { address: "10.41.0.3" });
      cluster.run(10);
    }
    cluster.run(5_000);
    assert.equal(host(cluster, 1).isUp, false, "it has left all the same");
  });

  it("is refused to the only admin, for then nobody could join, unless it is forced", () => {
    const cluster = clusterOf(3, 2);
    const ask = (n: number) =>
      cluster.answer(host(cluster, n), { kind: "leave", isForced: false, waitMs: 10_000 });
    const refused = ask(1);
    assert.ok(refused.kind === "refused" && refused.refusal.code === "LAST_ADMIN");
    assert.equal(ask(2).kind, "left", "no admin at all");
    cluster.answer(host(cluster, 1), { kind: "admin-add", host: "host-3" });
    cluster.run(3_000);
    assert.equal(ask(1).kind, "left", "not the only one");
  });

  it("takes the last host out without asking anybody", () => {
    const cluster = clusterOf(1, 2);
    leave(cluster, 1, () => undefined);
    cluster.run(5_000);
    assert.equal(host(cluster, 1).isUp, false);
  });
});
