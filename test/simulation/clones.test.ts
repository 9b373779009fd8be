import assert from "node:assert/strict";
import type { StatusView } from "../../agent/view.ts";
import { Clones } from "./clones.ts";
import { Cluster } from "./cluster.ts";
import type { SimulatedHost } from "./host.ts";
import { assertHappened, playAll, seedsOr } from "./storm.ts";

const seeds = seedsOr(12);
/** So often the others meet the one after the other, at most. */
const swaps = 16;

function statusOf(cluster: Cluster, host: SimulatedHost): StatusView {
  const answer = cluster.answer(host, { kind: "status" });
  assert.ok(answer.kind === "status");
  return answer.status;
}

/** Which of the two refuses to write, being one of two, as far as either can be asked now. */
function stopped(cluster: Cluster, host: SimulatedHost): boolean {
  const answer = cluster.answer(host, {
    kind: "network-create",
    name: `n${cluster.work.below(1_000_000)}` as never,
    subnets: ["10.77.0.0/24" as never],
    waitMs: undefined,
  });
  return answer.kind === "refused" && answer.refusal.code === "IDENTITY_CLONED";
}

function play(seed: number): Cluster {
  const cluster = new Cluster({ seed, hosts: 4 + (seed % 3) });
  cluster.run(3_000);
  cluster.createNetwork(cluster.anyHost(), "n1", "10.41.0.0/24");
  cluster.run(1_000);
  const host = cluster.hosts[1 + cluster.random.below(cluster.hosts.length - 1)];
  assert.ok(host);
  const clones = new Clones(cluster, host);
  const stops = new Set<SimulatedHost>();
  for (let turn = 0; turn < swaps && stops.size === 0; turn += 1) {
    clones.swap();
    cluster.run(2_000 + cluster.random.below(4_000));
    if (stopped(cluster, clones.reached)) stops.add(clones.reached);
    cluster.run(1_000);
  }
  assert.equal(stops.size, 1, `one of the two has to stop within ${swaps} turns`);
  cluster.mark("clone stopped");
  // It stands by that, and the other one writes on.
  clones.swap();
  cluster.run(8_000);
  assert.ok(!stops.has(clones.reached) && !stopped(cluster, clones.reached));
  cluster.run(4_000);
  const rest = cluster.hosts.filter((each) => each !== host);
  const roots = rest.map((each) => statusOf(cluster, each).store.root);
  assert.equal(new Set([...roots, statusOf(cluster, clones.reached).store.root]).size, 1);
  return cluster;
}

describe("a machine that was copied while it ran", () => {
  it("is told from its copy: one of the two stops writing and says so, the rest agree", function () {
    this.timeout(240_000);
    const marks = playAll(seeds, "test/simulation/clones.test.ts", play);
    assertHappened(marks, [
      "clone stopped",
      "log: another machine runs under this host's identity; stopped writing",
    ]);
  });
});
