/** Somebody else edits what is ours, on a host whose endpoints talk all the while. */
import assert from "node:assert/strict";
import type { Agent } from "./agent.ts";
import { formCluster } from "./cluster.ts";
import type { Endpoint } from "./endpoint.ts";
import { Inspector } from "./invariants.ts";
import { Lab } from "./lab.ts";
import type { Ping } from "./ping.ts";

/** What an edit may name: devices of ours on host a, and the endpoint on host b as a sees it. */
type Names = {
  readonly bridge: string;
  readonly vxlan: string;
  readonly port: string;
  readonly vni: number;
  readonly mac: string;
  readonly ip: string;
  readonly vtep: string;
};

/** One word per edit, its commands, and whether traffic may stop until it is repaired. */
type Edit = {
  readonly what: string;
  readonly commands: (names: Names) => readonly string[];
  readonly isHarmless?: boolean;
};

/** Of somebody else's firewall. */
const othersTables = [
  "nft add table inet mine",
  "nft add chain inet mine input { type filter hook input priority 0 ; }",
  "nft add rule inet mine input tcp dport 9 drop",
];

const stranger = "02:00:00:00:be:ef";

const edits: readonly Edit[] = [
  {
    what: "the whole ruleset is flushed",
    commands: () => ["nft flush ruleset", ...othersTables],
    isHarmless: true,
  },
  {
    what: "the firewall table is deleted",
    commands: () => ["nft delete table inet starling"],
    isHarmless: true,
  },
  {
    what: "a sender is taken out of the firewall",
    commands: ({ vni, vtep }) => [`nft delete element inet starling senders4 { ${vtep} . ${vni} }`],
  },
  {
    what: "a stranger is let in by the firewall",
    commands: ({ vni }) => [`nft add element inet starling senders4 { 10.77.0.99 . ${vni} }`],
    isHarmless: true,
  },
  {
    what: "the firewall's rules are taken out",
    commands: () => ["nft flush chain inet starling input"],
    isHarmless: true,
  },
  {
    what: "a forwarding entry is deleted",
    commands: ({ mac, vxlan, vtep }) => [`bridge fdb del ${mac} dev ${vxlan} dst ${vtep} self`],
  },
  {
    what: "a forwarding entry is turned to another host",
    commands: ({ mac, vxlan }) => [`bridge fdb replace ${mac} dev ${vxlan} dst 10.77.0.99 self`],
  },
  {
    what: "the bridge forgets where an endpoint is",
    commands: ({ mac, vxlan }) => [`bridge fdb del ${mac} dev ${vxlan} master`],
  },
  {
    what: "a forwarding entry is added",
    commands: ({ vxlan }) => [`bridge fdb add ${stranger} dev ${vxlan} dst 10.77.0.99 self`],
    isHarmless: true,
  },
  {
    what: "everything unknown is to be flooded to somebody",
    commands: ({ vxlan }) => [
      `bridge fdb append 00:00:00:00:00:00 dev ${vxlan} dst 10.77.0.99 self`,
    ],
    isHarmless: true,
  },
  {
    what: "a neighbour is deleted",
    commands: ({ ip, bridge }) => [`ip neigh del ${ip} dev ${bridge}`],
    isHarmless: true,
  },
  {
    what: "a neighbour gets another MAC",
    commands: ({ ip, bridge }) => [
      `ip neigh replace ${ip} lladdr ${stranger} dev ${bridge} nud permanent`,
    ],
    isHarmless: true,
  },
  {
    what: "a neighbour is added",
    commands: ({ bridge }) => [
      `ip neigh add 10.32.99.9 lladdr ${stranger} dev ${bridge} nud permanent`,
    ],
    isHarmless: true,
  },
  { what: "the bridge is set down", commands: ({ bridge }) => [`ip link set ${bridge} down`] },
  {
    what: "the bridge gets another MAC",
    commands: ({ bridge }) => [`ip link set ${bridge} address ${stranger}`],
  },
  {
    what: "the gateway's address is deleted",
    commands: ({ bridge }) => [`ip address flush dev ${bridge}`],
    isHarmless: true,
  },
  {
    what: "the bridge gets another address",
    commands: ({ bridge }) => [`ip address add 10.99.0.1/24 dev ${bridge}`],
    isHarmless: true,
  },
  { what: "the tunnel is set down", commands: ({ vxlan }) => [`ip link set ${vxlan} down`] },
  {
    what: "the tunnel is taken off the bridge",
    commands: ({ vxlan }) => [`ip link set ${vxlan} nomaster`],
  },
  {
    what: "the tunnel gets another MAC",
    commands: ({ vxlan }) => [`ip link set ${vxlan} address ${stranger}`],
    isHarmless: true,
  },
  {
    what: "the tunnel learns and floods",
    commands: ({ vxlan }) => [`bridge link set dev ${vxlan} learning on flood on`],
    isHarmless: true,
  },
  { what: "an MTU is changed", commands: ({ vxlan }) => [`ip link set ${vxlan} mtu 1300`] },
  { what: "the tunnel is deleted", commands: ({ vxlan }) => [`ip link del ${vxlan}`] },
  { what: "the bridge is deleted", commands: ({ bridge }) => [`ip link del ${bridge}`] },
  { what: "a port is set down", commands: ({ port }) => [`ip link set ${port} down`] },
  {
    what: "a port is taken off the bridge",
    commands: ({ port }) => [`ip link set ${port} nomaster`],
  },
  {
    what: "a port may use another MAC",
    commands: ({ port }) => [`bridge fdb add ${stranger} dev ${port} master static`],
    isHarmless: true,
  },
  { what: "a port is deleted", commands: ({ port }) => [`ip link del ${port}`] },
];

describe("what others change", () => {
  const stack = new AsyncDisposableStack();
  let agent: Agent;
  let inspector: Inspector;
  let x: Endpoint;
  let y: Endpoint;
  let names: Names;

  async function edit(commands: readonly string[]): Promise<void> {
    for (const command of commands) await agent.host.run(command.split(" "));
  }

  /** How many pings were lost. */
  async function lossOf(ping: Ping): Promise<number> {
    await ping.answered(10);
    const { sent, received } = await ping.stop();
    return sent - received;
  }

  before(async () => {
    const lab = stack.use(await Lab.open({ hosts: ["a", "b"] }));
    const cluster = await formCluster(lab);
    agent = cluster.agent("a");
    await edit(othersThings);
    inspector = stack.use(await Inspector.open(cluster.agents));
    await cluster.network("web", "10.32.0.0/16");
    x = await cluster.endpoint("a", { network: "web", name: "x" });
    y = await cluster.endpoint("b", { network: "web", name: "y" });
    for (const { view } of [x, y]) inspector.ledger.added(view);
    const [{ vni = 0 } = {}] = await agent.api.networks();
    names = {
      ...{ vni, bridge: `sl-${vni}`, vxlan: `slx-${vni}`, port: `slp${x.view.id.slice(-12)}` },
      ...{ mac: y.view.mac, ip: y.address, vtep: "10.77.0.2" },
    };
    await inspector.allHolds();
  });
  after(() => stack.disposeAsync());

  for (const { what, commands, isHarmless = false } of edits) {
    it(`is put right within two seconds where ${what}`, async () => {
      const ping = x.startPing(y, 10);
      await using _ = ping;
      await ping.answered(5);
      const { repairs } = (await agent.api.status()).kernel;
      const at = performance.now();
      await edit(commands(names));
      await inspector.allHolds(5_000);
      const tookMs = performance.now() - at;
      assert.ok(tookMs < 2_000, `${Math.round(tookMs)} ms`);
      const loss = await lossOf(ping);
      assert.ok(isHarmless ? loss === 0 : loss < 200, `${loss} pings lost`);
      assert.ok((await agent.api.status()).kernel.repairs > repairs);
    });
  }
});

/** Things of somebody else's, as much like ours as can be. */
const othersThings = [
  "ip link add mine type bridge",
  "ip link set mine up",
  "ip address add 10.50.0.1/24 dev mine",
  "ip neigh add 10.50.0.2 lladdr 02:00:00:00:00:02 dev mine nud permanent",
  "ip link add mine-77 type vxlan id 77 dstport 4789 local 10.77.0.1 nolearning",
  "ip link set mine-77 master mine up",
  "bridge fdb add 02:00:00:00:00:77 dev mine-77 dst 10.77.0.88 self",
  "bridge fdb add 02:00:00:00:00:77 dev mine-77 master static",
  "ip link add sl-mine type bridge",
  ...othersTables,
];
