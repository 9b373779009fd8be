/** What every Dataplane must do, simulated or real. */
import assert from "node:assert/strict";
import { parseVni } from "../../base/address.ts";
import type { EndpointId } from "../../base/id.ts";
import type { Attachment, Dataplane, Segment, Wanted } from "../../overlay/dataplane.ts";
import { plan } from "../../overlay/plan.ts";
import { segmentOf } from "../../overlay/wanted.ts";
import { cidr, endpointId, ip, mac } from "../agent/samples.ts";
import { sha256 } from "../simulation/crypto.ts";

/** A dataplane in an empty kernel, and how to make a namespace there. */
export type DataplaneWorld = {
  readonly dataplane: Pick<Dataplane, "read" | "apply" | "attach" | "netnsInode">;
  /** Makes a namespace and returns its path. */
  addNamespace(name: string): Promise<string>;
  /** A path with no namespace behind it. */
  readonly nowhere: string;
  close(): Promise<void>;
};

const parsed = parseVni(5000);
if (parsed === undefined) throw new Error("bug: VNI");
export const vni = parsed;

/** A segment with so many remote endpoints and these local ones. */
export function sampleSegment(remotes: number, ports: readonly EndpointId[] = []): Segment {
  const local = (id: EndpointId) => mac(`02:00:00:00:00:${id.slice(-2)}`);
  const remote = (n: number) => ({
    id: endpointId(1000 + n),
    mac: mac(`02:09:00:00:${hex(n >> 8)}:${hex(n & 255)}`),
    ips: [ip(`10.32.${8 + (n >> 8)}.${n & 255}`)],
    vtep: ip("127.0.0.2"),
  });
  return segmentOf({
    underlay: { device: "lo", address: ip("127.0.0.1"), mtu: 1500 },
    vxlanPort: 4789,
    vni,
    subnets: [cidr("10.32.0.0/16"), cidr("fd00:5::/64")],
    endpoints: [
      ...Array.from({ length: remotes }, (_, n) => remote(n)),
      ...ports.map((id) => ({ id, mac: local(id), ips: [], vtep: undefined })),
    ],
    crypto: { hash: sha256 },
  });
}

export function wantedOf(...segments: readonly Segment[]): Wanted {
  return { segments: new Map(segments.map((segment) => [segment.vni, segment])) };
}

/** An attachment of the n-th endpoint. */
export function sampleAttachment(n: number, netns: string): Attachment {
  return {
    endpoint: endpointId(n),
    vni,
    place: { kind: "netns", netns, interface: "eth0" },
    mac: mac(`02:00:00:00:00:${hex(n)}`),
    addresses: [`10.32.0.${n + 1}/16`, `fd00:5::${n + 1}/64`],
    gateways: [ip("10.32.0.1"), ip("fd00:5::1")],
    mtu: 1450,
  };
}

/** The same as a link of this name. */
export function sampleLink(n: number, link: string): Attachment {
  return { ...sampleAttachment(n, ""), place: { kind: "link", link } };
}

/** Applies what is planned and expects every change to be taken. Returns how many there were. */
export async function settle(
  world: Pick<DataplaneWorld, "dataplane">,
  wanted: Wanted,
): Promise<number> {
  const { dataplane } = world;
  const ops = plan(wanted, await dataplane.read());
  assert.deepEqual(await dataplane.apply(ops), []);
  assert.deepEqual(plan(wanted, await dataplane.read()), [], "planned again, nothing is left");
  return ops.length;
}

export function dataplaneContract(name: string, makeWorld: () => Promise<DataplaneWorld>): void {
  describe(`${name}, as a dataplane,`, () => {
    let world: DataplaneWorld;
    beforeEach(async () => {
      world = await makeWorld();
    });
    afterEach(() => world.close());

    it("starts empty, and takes a segment in one go", async () => {
      assert.equal((await world.dataplane.read()).segments.size, 0);
      await settle(world, wantedOf(sampleSegment(3)));
      const held = (await world.dataplane.read()).segments.get(vni);
      assert.equal(held?.vxlan?.fdb.length, 3);
    });

    it("does the same change twice as once", async () => {
      const wanted = wantedOf(sampleSegment(2));
      const ops = plan(wanted, await world.dataplane.read());
      await world.dataplane.apply(ops);
      assert.deepEqual(await world.dataplane.apply(ops), []);
      assert.deepEqual(plan(wanted, await world.dataplane.read()), []);
    });

    it("moves an endpoint to another VTEP, and the guard with it, with one change each", async () => {
      const segment = sampleSegment(2);
      await settle(world, wantedOf(segment));
      const [first] = [...segment.remotes.values()];
      assert.ok(first);
      const remotes = new Map(segment.remotes).set(first.mac, { ...first, vtep: ip("127.0.0.3") });
      assert.equal(await settle(world, wantedOf({ ...segment, remotes })), 2);
      const fdb = (await world.dataplane.read()).segments.get(vni)?.vxlan?.fdb ?? [];
      assert.deepEqual(
        fdb.filter(({ mac: at }) => at === first.mac).map(({ vtep }) => vtep),
        ["127.0.0.3"],
      );
    });

    it("takes remote endpoints away, and with the last wish the devices", async () => {
      await settle(world, wantedOf(sampleSegment(5)));
      await settle(world, wantedOf(sampleSegment(1)));
      await settle(world, wantedOf());
      assert.equal((await world.dataplane.read()).segments.size, 0);
    });

    it("attaches an interface, and shows its port on the bridge", async () => {
      const endpoint = endpointId(1);
      await settle(world, wantedOf(sampleSegment(1)));
      const netns = await world.addNamespace("c1");
      const { netnsInode } = await world.dataplane.attach(sampleAttachment(1, netns));
      assert.equal(await world.dataplane.netnsInode(netns), netnsInode);
      const { ports } = await world.dataplane.read();
      const { mac: own } = sampleAttachment(1, netns);
      assert.deepEqual([...ports], [[endpoint, { vni, isUp: true, macs: [own] }]]);
      assert.equal(await settle(world, wantedOf(sampleSegment(1, [endpoint]))), 0);
    });

    it("makes a link for somebody else to move, and shows its port on the bridge", async () => {
      const { endpoint } = sampleAttachment(1, "");
      await settle(world, wantedOf(sampleSegment(1)));
      assert.deepEqual(await world.dataplane.attach(sampleLink(1, "lnk1")), {
        netnsInode: undefined,
      });
      assert.deepEqual([...(await world.dataplane.read()).ports.keys()], [endpoint]);
      assert.equal(await settle(world, wantedOf(sampleSegment(1, [endpoint]))), 0);
    });

    it("refuses a link whose name is taken, and takes it again when its port was removed", async () => {
      await settle(world, wantedOf(sampleSegment(1)));
      await world.dataplane.attach(sampleLink(1, "lnk1"));
      await assert.rejects(world.dataplane.attach(sampleLink(2, "lnk1")), {
        code: "INTERFACE_TAKEN",
      });
      assert.equal(await settle(world, wantedOf(sampleSegment(1))), 1);
      await world.dataplane.attach(sampleLink(2, "lnk1"));
      assert.deepEqual([...(await world.dataplane.read()).ports.keys()], [endpointId(2)]);
    });

    it("removes a port that nobody wants any more", async () => {
      await settle(world, wantedOf(sampleSegment(1)));
      await world.dataplane.attach(sampleAttachment(1, await world.addNamespace("c1")));
      assert.equal(await settle(world, wantedOf(sampleSegment(1))), 1);
      assert.equal((await world.dataplane.read()).ports.size, 0);
    });

    it("refuses to attach to a namespace that is not there, and leaves nothing", async () => {
      await settle(world, wantedOf(sampleSegment(1)));
      await assert.rejects(world.dataplane.attach(sampleAttachment(1, world.nowhere)), {
        code: "NETNS_MISSING",
      });
      assert.equal(await world.dataplane.netnsInode(world.nowhere), undefined);
      assert.equal(await settle(world, wantedOf(sampleSegment(1))), 0);
    });
  });
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, "0");
}
