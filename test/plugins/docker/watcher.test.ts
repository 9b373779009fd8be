import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { limits } from "../../../agent/config.ts";
import type { EndpointView } from "../../../agent/view.ts";
import type { EndpointId } from "../../../base/id.ts";
import { systemClock } from "../../../base/node/clock.ts";
import { Engine } from "../../../plugins/docker/engine.ts";
import { Networks } from "../../../plugins/docker/networks.ts";
import { Watcher } from "../../../plugins/docker/watcher.ts";
import { ownerOf } from "../../../plugins/docker-owner.ts";
import { network, endpoint as sample } from "../../agent/control/samples.ts";
import { SimulatedDesk } from "../../agent/control/simulated-desk.ts";
import { silentLog } from "../../agent/samples.ts";
import {
  container,
  containerId,
  dockerNetwork,
  dockerNetworkId,
  endpointDockerId,
  inspectedNetwork,
} from "./samples.ts";
import { SimulatedDocker } from "./simulated-docker.ts";

const timing = {
  sweepMs: 20,
  apartMs: 10,
  youngMs: 40,
  retryMs: 1,
  retryMaxMs: 5,
  resolveMs: 1_000,
};

/** An endpoint that Docker made, under ids that begin with this digit. */
function endpointOf(digit: string, change: Partial<EndpointView> = {}): EndpointView {
  const dockerId = digit.repeat(64);
  const owner = ownerOf({ network: dockerNetworkId, endpoint: dockerId });
  const names = { name: undefined, aliases: [] };
  return { ...sample, ...names, id: dockerId.slice(0, 16) as EndpointId, owner, ...change };
}

describe("the look at Docker", () => {
  let folder: string;
  let docker: SimulatedDocker;
  let desk: SimulatedDesk;
  let networks: Networks;
  let watcher: Watcher;
  let ending: AbortController;
  let running: Promise<void>;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "docker-"));
    const path = join(folder, "docker.sock");
    docker = await SimulatedDocker.open(path);
    docker.networks.set(dockerNetworkId, inspectedNetwork());
    docker.containers.set(containerId, container());
    desk = new SimulatedDesk();
    desk.networks.set("web", { ...network, conflict: undefined });
    networks = new Networks({ desk, log: silentLog, rows: [], keep: () => Promise.resolve() });
    watcher = new Watcher({
      ...{ desk, networks, timing, log: silentLog, clock: systemClock, driver: "starling" },
      engine: new Engine(path, limits),
    });
    ending = new AbortController();
  });

  afterEach(async () => {
    ending.abort();
    await running;
    await docker[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  function start(): void {
    running = watcher.run(ending.signal);
  }

  /** The endpoint of the container that Docker knows. */
  function haveDockers(): EndpointId {
    const id = endpointDockerId.slice(0, 16) as EndpointId;
    const owner = ownerOf({ network: dockerNetworkId, endpoint: endpointDockerId });
    return have(endpointOf("b", { id, owner }));
  }

  function have(endpoint: EndpointView): EndpointId {
    desk.endpoints.set(endpoint.id, endpoint);
    return endpoint.id;
  }

  /** So many looks at everything, from now on, are over. */
  async function looks(count: number): Promise<void> {
    for (let left = count; left > 0; left -= 1) await docker.asked("/info");
    await docker.asked("/networks");
  }

  it("learns networks that Docker told us of before we were there", async () => {
    start();
    await looks(1);
    const known = networks.get(dockerNetworkId);
    assert.equal(known?.called, "web");
    assert.equal(known?.network, network.id);
    assert.equal(networks.engine, "the-docker");
  });

  it("lets a network that waits for its name go on as soon as Docker tells it", async () => {
    docker.networks.clear();
    start();
    await looks(1);
    const pools = network.subnets;
    await networks.put(dockerNetwork({ pools }));
    const resolved = networks.resolve(dockerNetworkId, ending.signal);
    docker.networks.set(dockerNetworkId, inspectedNetwork());
    docker.tell("network", "create", dockerNetworkId, { name: "web" });
    assert.equal((await resolved).id, network.id);
  });

  it("names endpoints when their container starts, and again when it is renamed", async () => {
    // As long as the container is no more than created, Docker shows its endpoint without it.
    const Containers = { [`ep-${endpointDockerId}`]: { EndpointID: endpointDockerId } };
    docker.networks.set(dockerNetworkId, inspectedNetwork({ Containers }));
    const id = haveDockers();
    start();
    await looks(1);
    assert.equal(desk.endpoints.get(id)?.name, undefined);
    docker.tell("network", "connect", dockerNetworkId, { container: containerId });
    await desk.askedFor("endpoint-rename");
    assert.equal(desk.endpoints.get(id)?.name, "shop_db_1");
    assert.deepEqual(desk.endpoints.get(id)?.aliases, ["3c1d2e4f5a6b", "db", "db-primary"]);
    docker.containers.set(containerId, container({ Name: "/other" }));
    desk.asked.length = 0;
    docker.tell("container", "rename", containerId);
    await desk.askedFor("endpoint-rename");
    assert.equal(desk.endpoints.get(id)?.name, "other");
  });

  it("names an endpoint while Docker still starts its container and says nothing of it", async () => {
    docker.containers.clear();
    const id = haveDockers();
    start();
    await looks(1);
    assert.equal(desk.endpoints.get(id)?.name, undefined);
    docker.tell("network", "connect", dockerNetworkId, { container: containerId });
    await desk.askedFor("endpoint-rename");
    assert.equal(desk.endpoints.get(id)?.name, "shop_db_1");
  });

  it("removes what two looks lack, and leaves what lives and what others made", async () => {
    const lost = have(endpointOf("c"));
    const foreign = have({ ...endpointOf("e"), owner: "cni/web/x/eth0" });
    const remote = have({ ...endpointOf("f"), isLocal: false });
    const live = haveDockers();
    start();
    await looks(1);
    assert.ok(desk.endpoints.has(lost), "one look is no proof");
    await looks(3);
    assert.deepEqual([...desk.endpoints.keys()], [foreign, remote, live]);
  });

  it("removes nothing while Docker's words are malformed", async () => {
    const lost = have(endpointOf("c"));
    docker.instead.set(`/networks/${dockerNetworkId}`, '{"Id": 1}');
    start();
    for (let look = 0; look < 4; look += 1) await docker.asked(`/networks/${dockerNetworkId}`);
    assert.ok(desk.endpoints.has(lost));
  });

  it("removes nothing by the word of another Docker, but what is certainly gone", async () => {
    const kept = have(endpointOf("c"));
    const missing = have(endpointOf("d", { state: "missing" }));
    await networks.put(dockerNetwork());
    await networks.putEngine("our own");
    docker.networks.clear();
    start();
    await looks(4);
    assert.deepEqual([...desk.endpoints.keys()], [kept]);
    assert.ok(!desk.endpoints.has(missing));
    assert.ok(networks.get(dockerNetworkId));
  });

  it("forgets networks that Docker has no more", async () => {
    await networks.put(dockerNetwork());
    docker.networks.clear();
    start();
    await looks(4);
    assert.equal(networks.get(dockerNetworkId), undefined);
  });

  it("looks at everything again when Docker is back", async () => {
    docker.networks.clear();
    start();
    await looks(1);
    docker.restart();
    docker.networks.set(dockerNetworkId, inspectedNetwork());
    await docker.asked("/events");
    await looks(1);
    assert.equal(networks.get(dockerNetworkId)?.network, network.id);
  });
});
