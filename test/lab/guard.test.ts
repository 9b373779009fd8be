/**
 * What a firewall of ours lets through, on a real kernel: this namespace is the host, and next to
 * it is another with a tunnel made by hand, whose owner may be known to us or not.
 *
 *   c1, c2 --ports-- [ sl-5000 ] -- slx-5000 10.9.0.1 ===veth=== 10.9.0.2 vx5000 10.32.9.9 (peer)
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type OpenedDataplane, openDataplane } from "../../overlay/linux/dataplane.ts";
import { endpointId, ip, mac, silentLog } from "../agent/samples.ts";
import { sampleAttachment, sampleSegment, settle, vni, wantedOf } from "../contract/dataplane.ts";
import { sh } from "./shell.ts";

const peerMac = mac("02:09:09:09:09:09");
const ports = [endpointId(1), endpointId(2)];
const known = { mac: peerMac, vtep: ip("10.9.0.2"), ips: [ip("10.32.9.9"), ip("fd00:5::99")] };
const segment = {
  ...sampleSegment(0, ports),
  vtep: ip("10.9.0.1"),
  remotes: new Map([[peerMac, known]]),
};
const wanted = wantedOf(segment);

/** A router advertisement (RFC 4861 section 4.2), with a prefix to take addresses from. */
const advertise = `
use Socket qw(:DEFAULT AF_INET6 SOCK_RAW pack_sockaddr_in6 inet_pton);
my ($to, $index) = @ARGV;
socket(my $s, AF_INET6, SOCK_RAW, 58) or die "socket: $!";
for my $hops (16, 18) { setsockopt($s, 41, $hops, pack("i", 255)) or die "hops: $!"; }
setsockopt($s, 1, 25, "eth0\\0") or die "device: $!";
bind($s, pack_sockaddr_in6(0, inet_pton(AF_INET6, "fe80::c1"), $index)) or die "bind: $!";
my $advert = pack("CCnCCnNN", 134, 0, 0, 64, 0, 1800, 0, 0);
$advert .= pack("CCCCNNN", 3, 4, 64, 0xc0, 86400, 14400, 0) . inet_pton(AF_INET6, "2001:db8:bad::");
send($s, $advert, 0, pack_sockaddr_in6(0, inet_pton(AF_INET6, $to), $index)) or die "send: $!";
`;

function inside(name: string, command: string): string {
  return sh(`nsenter --net=/run/netns/${name} ${command}`);
}

function makePeer(): void {
  sh("ip netns add peer");
  sh("ip link add name u0 type veth peer name u0 netns peer");
  sh("ip address add 10.9.0.1/24 dev u0");
  sh("ip address add fd09::1/64 dev u0 nodad");
  sh("ip link set dev u0 up");
  inside("peer", "ip address add 10.9.0.2/24 dev u0");
  inside("peer", "ip address add fd09::2/64 dev u0 nodad");
  inside("peer", "ip link set dev u0 up");
  makeTunnel("10.9.0.2", "10.9.0.1");
}

/** The peer's own end, made by hand. */
function makeTunnel(here: string, there: string): void {
  const kind = `type vxlan id 5000 dstport 4789 local ${here} nolearning`;
  inside("peer", `ip link add name vx5000 address ${peerMac} ${kind}`);
  inside("peer", "ip address add 10.32.9.9/16 dev vx5000");
  inside("peer", "ip address add fd00:5::99/64 dev vx5000 nodad");
  inside("peer", "ip link set dev vx5000 up");
  const { mac: far } = sampleAttachment(1, "/");
  inside("peer", `bridge fdb add ${far} dev vx5000 dst ${there} self static`);
  for (const address of ["10.32.0.2", "fd00:5::2"]) {
    inside("peer", `ip neigh add ${address} lladdr ${far} dev vx5000 nud permanent`);
  }
}

/** Whether a frame of the peer's reaches the first endpoint. */
function reaches(address = "10.32.0.2"): boolean {
  try {
    inside("peer", `ping -c 1 -W 1 ${address}`);
    return true;
  } catch {
    return false;
  }
}

/** Default routes that somebody's advertisement has made. */
function taken(where: "host" | "c2"): string {
  const command = "ip -6 route show default proto ra";
  return where === "host" ? sh(command) : inside(where, command);
}

function advertiseFrom(name: string): void {
  // Only routers on the link are believed; this address need not first wait for a duplicate.
  inside(name, "ip address replace fe80::c1/64 dev eth0 nodad");
  const [index = ""] = inside(name, "ip -o link show dev eth0").split(":");
  for (const to of ["ff02::1", "fd00:5::3"]) {
    sh(`nsenter --net=/run/netns/${name} perl -e`, [advertise, to, index]);
  }
  // What comes after an advertisement has arrived after it.
  inside(name, "ping -c 1 -W 2 fd00:5::3");
  inside(name, "ping -c 1 -W 2 fd00:5::1");
}

describe("the guard", () => {
  let dataplane: OpenedDataplane;
  before(async () => {
    makePeer();
    dataplane = openDataplane({ log: silentLog });
    await settle({ dataplane }, wanted);
    for (const n of [1, 2]) {
      sh(`ip netns add c${n}`);
      await dataplane.attach(sampleAttachment(n, `/run/netns/c${n}`));
    }
  });
  afterEach(() => settle({ dataplane }, wanted));
  after(async () => {
    await dataplane.purge();
    await dataplane[Symbol.asyncDispose]();
    for (const name of ["peer", "c1", "c2"]) sh(`ip netns del ${name}`);
  });

  it("lets a host in that has an endpoint on the network, in IPv4 and IPv6", () => {
    assert.ok(reaches("10.32.0.2"));
    assert.ok(reaches("fd00:5::2"));
  });

  it("keeps a stranger out, though all tables know the way back", async () => {
    sh("nft delete element inet starling senders4 { 10.9.0.2 . 5000 }");
    assert.ok(!reaches());
    assert.equal(await settle({ dataplane }, wanted), 1);
    assert.ok(reaches());
  });

  it("keeps a member out of a network that it is not on", async () => {
    const other = { ...segment, vni: (vni + 1) as typeof vni, ports: new Map() };
    await settle({ dataplane }, wantedOf({ ...segment, remotes: new Map() }, other));
    const { guard } = await dataplane.read();
    assert.ok(guard.kind === "present");
    assert.deepEqual(guard.guard?.senders.get(other.vni), new Set([known.vtep]));
    assert.deepEqual(guard.guard?.senders.get(vni), new Set());
    sh(`bridge fdb replace ${peerMac} dev slx-5000 dst 10.9.0.2 self master static`);
    sh(`ip neigh replace 10.32.9.9 lladdr ${peerMac} dev sl-5000 nud permanent`);
    assert.ok(!reaches());
  });

  it("is put back, with one change, whatever of it somebody removes", async () => {
    for (const damage of [
      "nft flush ruleset",
      "nft delete table bridge starling",
      "nft flush chain inet starling input",
      "nft flush set inet starling vnis",
      "nft add element inet starling senders4 { 10.9.0.7 . 5000 }",
      "nft insert rule inet starling input accept",
      "nft chain inet starling input { policy drop ; }",
    ]) {
      sh(damage);
      assert.equal(await settle({ dataplane }, wanted), 1, damage);
    }
    assert.ok(reaches());
  });

  it("goes with the last network, and leaves the rules of others", async () => {
    sh("nft add table inet theirs");
    await settle({ dataplane }, wantedOf());
    assert.equal(sh("nft list tables"), "table inet theirs\n");
    sh("nft delete table inet theirs");
    await settle({ dataplane }, wanted);
    for (const n of [1, 2]) await dataplane.attach(sampleAttachment(n, `/run/netns/c${n}`));
  });

  it("lets tunnels of others on the same port alone", async () => {
    sh("ip link add name vx9 type vxlan id 9000 dstport 4789 local 10.9.0.1 remote 10.9.0.2");
    sh("ip address add 10.90.0.1/24 dev vx9");
    sh("ip link set dev vx9 up");
    inside("peer", "ip link add name vx9 type vxlan id 9000 dstport 4789 remote 10.9.0.1");
    inside("peer", "ip address add 10.90.0.2/24 dev vx9");
    inside("peer", "ip link set dev vx9 up");
    await settle({ dataplane }, wanted);
    sh("ping -c 1 -W 2 10.90.0.2");
    sh("ip link del dev vx9");
    inside("peer", "ip link del dev vx9");
  });

  it("does the same where the hosts are joined by IPv6", async () => {
    inside("peer", "ip link del dev vx5000");
    makeTunnel("fd09::2", "fd09::1");
    const moved = { ...known, vtep: ip("fd09::2") };
    const over6 = {
      ...segment,
      vtep: ip("fd09::1"),
      mtu: 1430,
      remotes: new Map([[peerMac, moved]]),
    };
    await settle({ dataplane }, wantedOf(over6));
    assert.ok(reaches("10.32.0.2") && reaches("fd00:5::2"));
    sh("nft delete element inet starling senders6 { fd09::2 . 5000 }");
    assert.ok(!reaches());
    inside("peer", "ip link del dev vx5000");
    makeTunnel("10.9.0.2", "10.9.0.1");
  });

  it("is said to be missing where there is no nft, and all else works", async () => {
    const folder = mkdtempSync(join(tmpdir(), "starling-tools-"));
    const path = process.env["PATH"];
    for (const tool of ["ip", "bridge"]) {
      symlinkSync(sh(`which ${tool}`).trim(), join(folder, tool));
    }
    process.env["PATH"] = folder;
    try {
      await using poor = openDataplane({ log: silentLog });
      const { guard } = await poor.read();
      assert.equal(guard.kind, "unsupported");
      assert.match(guard.reason, /nft.*not installed/);
      const other = { ...segment, vni: (vni + 1) as typeof vni, ports: new Map() };
      await settle({ dataplane: poor }, wantedOf(segment, other));
    } finally {
      process.env["PATH"] = path;
      rmSync(folder, { recursive: true });
    }
    // Once nft is there, so is the guard.
    sh("nft flush ruleset");
    await settle({ dataplane }, wanted);
    assert.equal((await dataplane.read()).guard.kind, "present");
  });

  it("keeps an endpoint from being a router for this host and for its neighbours", async () => {
    advertiseFrom("c1");
    assert.equal(taken("host") + taken("c2"), "");
    // Without it both believe the same advertisement, so it was the guard that was seen to work.
    sh("nft flush ruleset");
    sh("sysctl -q -w net.ipv6.conf.sl-5000.accept_ra=1");
    advertiseFrom("c1");
    assert.match(taken("host"), /via fe80::c1/);
    assert.match(taken("c2"), /via fe80::c1/);
    sh("ip -6 route flush proto ra");
    sh("sysctl -q -w net.ipv6.conf.sl-5000.accept_ra=0");
    advertiseFrom("c1");
    assert.equal(taken("host"), "", "the bridge itself refuses them too");
  });
});
