import assert from "node:assert/strict";
import { skipWhere } from "../vagrant/obstacle.ts";
import { linksMatch, portsOf, showsOnly } from "./claims.ts";
import { DockerCluster } from "./cluster.ts";
import { engineObstacle } from "./engine.ts";
import { attachAll, detachAll, openCaller } from "./plugin-calls.ts";

const obstacle = engineObstacle();
const count = 150;

describe("containers that start by the hundred at once", () => {
  before(function () {
    skipWhere(obstacle, this);
  });

  it("are all attached, none is taken for lost, and all go again", async () => {
    await using cluster = await DockerCluster.open(["a", "b"]);
    const [host] = cluster.hosts;
    assert.ok(host);
    const caller = await openCaller(host);
    const attached = await attachAll(caller, count);
    assert.equal(new Set(attached.map(({ address }) => address)).size, count);
    // The container that the network began with is one more.
    assert.equal((await portsOf(host)).length, count + 1);
    await detachAll(caller, attached);
    await showsOnly(cluster, "web", ["base"]);
    await linksMatch(cluster);
  });
});
