/** The linux dataplane on a real kernel: each test in a network namespace of the lab's own. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { openDataplane } from "../../overlay/linux/dataplane.ts";
import { endpointId, silentLog } from "../agent/samples.ts";
import {
  type DataplaneWorld,
  dataplaneContract,
  sampleAttachment,
  sampleLink,
  sampleSegment,
  settle,
  vni,
  wantedOf,
} from "../contract/dataplane.ts";
import { sh } from "./shell.ts";

/** The lab's own namespace: nothing of Starling's is in it but what these tests make. */
async function realWorld(): Promise<DataplaneWorld & { purge(): Promise<void> }> {
  const dataplane = openDataplane({ log: silentLog });
  const made: string[] = [];
  return {
    dataplane,
    nowhere: "/run/netns/nowhere",
    addNamespace: async (name) => {
      sh(`ip netns add ${name}`);
      made.push(name);
      return `/run/netns/${name}`;
    },
    purge: () => dataplane.purge(),
    close: async () => {
      await dataplane.purge();
      for (const name of made) sh(`ip netns del ${name}`);
      await dataplane[Symbol.asyncDispose]();
    },
  };
}

dataplaneContract("the linux kernel", realWorld);

describe("the linux dataplane", () => {
  let world: DataplaneWorld & { purge(): Promise<void> };
  beforeEach(async () => {
    world = await realWorld();
  });
  afterEach(() => world.close());
  const endpoints = [endpointId(1), endpointId(2)];

  async function twoEndpoints(): Promise<void> {
    await settle(world, wantedOf(sampleSegment(2)));
    for (const n of [1, 2]) {
      await world.dataplane.attach(sampleAttachment(n, await world.addNamespace(`c${n}`)));
    }
  }

  it("lets local endpoints and the gateway talk, in IPv4 and IPv6", async () => {
    await twoEndpoints();
    for (const address of ["10.32.0.3", "10.32.0.1", "fd00:5::3", "fd00:5::1"]) {
      sh(`nsenter --net=/run/netns/c1 ping -c 1 -W 2 ${address}`);
    }
  });

  it("puts right what others change", async () => {
    await twoEndpoints();
    const wanted = wantedOf(sampleSegment(2, endpoints));
    for (const damage of [
      "bridge fdb del 02:09:00:00:00:00 dev slx-5000 self",
      "bridge fdb del 02:09:00:00:00:00 dev slx-5000 master",
      "bridge fdb add 02:09:00:00:00:77 dev slx-5000 dst 127.0.0.9 self static",
      "bridge fdb replace 02:09:00:00:00:01 dev slx-5000 dst 127.0.0.9 self static",
      "ip neigh del 10.32.8.0 dev sl-5000",
      "ip neigh replace 10.32.9.9 lladdr 02:00:00:00:00:09 dev sl-5000 nud permanent",
      "ip address flush dev sl-5000 scope global",
      "ip address add 10.99.0.1/24 dev sl-5000",
      "ip link set dev sl-5000 address 02:00:00:00:99:99",
      "ip link set dev sl-5000 down",
      "ip link set dev sl-5000 type bridge mcast_snooping 1",
      "ip link set dev sl-5000 type bridge stp_state 1",
      "ip link set dev slx-5000 mtu 1300",
      "ip link set dev slx-5000 nomaster",
      "ip link del dev slx-5000",
      "bridge link set dev slx-5000 learning on flood on",
      "ip link set dev slp000000000001 nomaster",
      "ip link set dev slp000000000002 down",
      "bridge fdb del 02:00:00:00:00:01 dev slp000000000001 master",
      "bridge link set dev slp000000000002 learning on",
    ]) {
      sh(damage);
      assert.ok((await settle(world, wanted)) > 0, `noticed: ${damage}`);
    }
    sh("nsenter --net=/run/netns/c1 ping -c 1 -W 2 10.32.0.3");
  });

  it("repairs no more than was damaged", async () => {
    const wanted = wantedOf(sampleSegment(100));
    await settle(world, wanted);
    for (const damage of [
      "bridge fdb del 02:09:00:00:00:05 dev slx-5000 self",
      "ip address del fd00:5::1/64 dev sl-5000",
      "bridge link set dev slx-5000 flood on",
    ]) {
      sh(damage);
      assert.equal(await settle(world, wanted), 1, damage);
    }
  });

  it("sends nothing into the tunnel for whom no host is known", async () => {
    await twoEndpoints();
    const sent = () => {
      const [link] = JSON.parse(sh("ip -s -j link show dev slx-5000"));
      return link.stats64.tx.packets;
    };
    const ping = (address: string) => {
      assert.throws(() => sh(`nsenter --net=/run/netns/c1 ping -c 2 -i 0.2 -W 1 ${address}`));
    };
    const before = sent();
    ping("10.32.77.1");
    ping("fd00:5::77:1");
    sh("nsenter --net=/run/netns/c1 ip neigh add 10.32.77.2 lladdr 02:07:07:07:07:07 dev eth0");
    ping("10.32.77.2");
    assert.equal(sent(), before);
    // Its addresses are answered for here, and then the frame leaves for its host.
    ping("10.32.8.0");
    assert.ok(sent() > before);
  });

  it("makes everything anew where somebody removed the bridge", async () => {
    await settle(world, wantedOf(sampleSegment(2)));
    sh("ip link del dev sl-5000");
    await settle(world, wantedOf(sampleSegment(2)));
  });

  it("makes a VXLAN device anew whose port is another now", async () => {
    const segment = sampleSegment(2);
    await settle(world, wantedOf(segment));
    const moved = { ...segment, vxlanPort: 4790 };
    await settle(world, wantedOf(moved));
    assert.equal((await world.dataplane.read()).segments.get(vni)?.vxlan?.port, 4790);
  });

  it("touches nothing that is not its own", async () => {
    sh("ip link add name mine type bridge");
    sh("ip link add name vx9 type vxlan id 9 dstport 4789 local 127.0.0.1");
    sh("ip link set dev vx9 master mine up");
    sh("bridge fdb add 02:00:00:00:00:44 dev vx9 dst 127.0.0.9 self static");
    const shown = () =>
      sh("ip -d link show dev vx9") +
      sh("ip -d link show dev mine") +
      sh("bridge fdb show dev vx9");
    const before = shown().replaceAll(
      /\b(gc|hello|tcn|topology_change|forward_delay|message_age|hold)_timer +[0-9.]+/g,
      "",
    );
    await twoEndpoints();
    await settle(world, wantedOf());
    await world.purge();
    const after = shown().replaceAll(
      /\b(gc|hello|tcn|topology_change|forward_delay|message_age|hold)_timer +[0-9.]+/g,
      "",
    );
    assert.equal(after, before);
    sh("ip link del dev vx9");
    sh("ip link del dev mine");
  });

  it("reports a foreign device with one of its names, and leaves it alone", async () => {
    sh("ip link add name sl-5000 type bridge");
    const before = sh("ip -o link show dev sl-5000");
    await settle(world, wantedOf(sampleSegment(2)));
    const { conflicts } = await world.dataplane.read();
    assert.deepEqual(
      conflicts.map(({ device }) => device),
      ["sl-5000"],
    );
    assert.equal(sh("ip -o link show dev sl-5000"), before);
    sh("ip link del dev sl-5000");
  });

  it("refuses an interface name that the namespace has, and undoes the rest", async () => {
    await settle(world, wantedOf(sampleSegment(1)));
    const netns = await world.addNamespace("c1");
    await world.dataplane.attach(sampleAttachment(1, netns));
    const second = { ...sampleAttachment(2, netns) };
    await assert.rejects(world.dataplane.attach(second), { code: "INTERFACE_TAKEN" });
    const { ports } = await world.dataplane.read();
    assert.deepEqual([...ports.keys()], [endpointId(1)]);
  });

  it("refuses a file that is no namespace, and a name that is none of an interface", async () => {
    await settle(world, wantedOf(sampleSegment(1)));
    writeFileSync("/run/netns/gone", "");
    await assert.rejects(world.dataplane.attach(sampleAttachment(1, "/run/netns/gone")), {
      code: "NETNS_MISSING",
    });
    const netns = await world.addNamespace("c1");
    for (const name of ["", "a b", "eth0 type dummy", "sixteen-letters-"]) {
      const place = { kind: "netns", netns, interface: name } as const;
      for (const wrong of [{ ...sampleAttachment(1, netns), place }, sampleLink(1, name)])
        await assert.rejects(world.dataplane.attach(wrong), { code: "BAD_REQUEST" });
    }
  });

  it("leaves a link to whoever moves it: down, without address, with MAC and MTU", async () => {
    await settle(world, wantedOf(sampleSegment(1)));
    await world.dataplane.attach(sampleLink(1, "lnk1"));
    assert.match(sh("ip -o link show dev lnk1"), / mtu 1450 .* state DOWN .*02:00:00:00:00:01 /);
    assert.equal(sh("ip -o address show dev lnk1"), "");
    const netns = await world.addNamespace("c1");
    sh(`ip link set dev lnk1 netns ${netns} name eth5`);
    assert.deepEqual([...(await world.dataplane.read()).ports.keys()], [endpointId(1)]);
    await settle(world, wantedOf(sampleSegment(1, [endpointId(1)])));
    await assert.rejects(world.dataplane.attach(sampleLink(2, "slp0123456789ab")), {
      code: "BAD_REQUEST",
    });
    sh(`nsenter --net=${netns} ip link del dev eth5`);
    assert.equal((await world.dataplane.read()).ports.size, 0);
  });

  it("refuses to take a port's name from somebody else's device, which stays as it is", async () => {
    await settle(world, wantedOf(sampleSegment(1)));
    sh("ip link add name slp000000000001 type bridge");
    const before = sh("ip -o link show dev slp000000000001");
    const netns = await world.addNamespace("c1");
    await assert.rejects(world.dataplane.attach(sampleAttachment(1, netns)), {
      code: "DATAPLANE_REFUSED",
    });
    assert.equal(sh("ip -o link show dev slp000000000001"), before);
    assert.doesNotMatch(sh(`nsenter --net=${netns} ip -br link`), /eth0/);
    sh("ip link del dev slp000000000001");
  });

  it("refuses an address the kernel refuses, and leaves no interface behind", async () => {
    await settle(world, wantedOf(sampleSegment(1)));
    const netns = await world.addNamespace("c1");
    const wrong = {
      ...sampleAttachment(1, netns),
      gateways: sampleAttachment(1, netns).gateways.slice(0, 1),
      addresses: ["10.99.0.1/24"],
    };
    await assert.rejects(world.dataplane.attach(wrong), { code: "DATAPLANE_REFUSED" });
    assert.equal((await world.dataplane.read()).ports.size, 0);
    assert.doesNotMatch(sh(`nsenter --net=${netns} ip -br link`), /eth0/);
  });

  it("attaches the same endpoint again after its interface was lost", async () => {
    await twoEndpoints();
    sh("ip link del dev slp000000000001");
    await world.dataplane.attach(sampleAttachment(1, "/run/netns/c1"));
    sh("nsenter --net=/run/netns/c1 ping -c 1 -W 2 10.32.0.3");
  });

  it("programs ten thousand remote endpoints", async () => {
    await settle(world, wantedOf(sampleSegment(10_000)));
  });
});
