/** What happens to a simulated cluster while its faults last. Every choice is the seed's. */
import { pick, shuffled } from "../../base/random.ts";
import type { Cluster } from "./cluster.ts";
import { type dice, happens } from "./dice.ts";
import type { SimulatedHost } from "./host.ts";
import { portsLost } from "./losses.ts";
import { type FaultName, faultNames } from "./options.ts";
import { works } from "./workload.ts";

type Act = {
  readonly fault: FaultName;
  readonly weight: number;
  readonly act: (cluster: Cluster) => void;
};

const acts: readonly Act[] = [
  { fault: "crash", weight: 4, act: (cluster) => crashOne(cluster, false) },
  { fault: "power", weight: 4, act: (cluster) => crashOne(cluster, true) },
  { fault: "wipe", weight: 2, act: wipeOne },
  { fault: "rollback", weight: 2, act: rollBackOne },
  { fault: "partition", weight: 4, act: partition },
  { fault: "one-way", weight: 2, act: (cluster) => cluster.split(true) },
  { fault: "pause", weight: 3, act: pauseOne },
  { fault: "slow", weight: 2, act: slowOne },
  { fault: "disk", weight: 2, act: (cluster) => changeDisks(cluster) },
  { fault: "clock", weight: 2, act: jumpClock },
  { fault: "kernel", weight: 5, act: disturbOne },
  {
    fault: "loss",
    weight: 2,
    act: ({ network, random }) => {
      network.faults.gossipLoss = random.below(4) * 15;
    },
  },
  {
    fault: "duplication",
    weight: 1,
    act: ({ network, random }) => {
      network.faults.gossipRepeat = random.below(3) * 10;
    },
  },
  {
    fault: "replay",
    weight: 1,
    act: ({ network, random }) => {
      network.faults.gossipReplay = random.below(3) * 10;
    },
  },
  {
    fault: "delay",
    weight: 1,
    act: ({ network, random }) => {
      network.faults.delayMs = random.below(20);
    },
  },
  {
    fault: "reordering",
    weight: 1,
    act: ({ network, random }) => {
      network.faults.jitterMs = random.below(100);
    },
  },
  { fault: "breaks", weight: 2, act: breakLinks },
];

/** One random step: something is done with the cluster, or to it. */
export function chaosStep(cluster: Cluster, faults: ReadonlySet<FaultName> = usualFaults): void {
  draw(cluster.work, works)?.act(cluster);
  if (happens(cluster.random, 45))
    draw(
      cluster.random,
      acts.filter(({ fault }) => faults.has(fault)),
    )?.act(cluster);
  if (happens(cluster.random, 12)) bootOne(cluster);
  if (happens(cluster.random, 8)) mend(cluster);
  cluster.run(cluster.work.below(400));
}

const usualFaults: ReadonlySet<FaultName> = new Set(faultNames);

function draw<Item extends { readonly weight: number }>(
  random: ReturnType<typeof dice>,
  items: readonly Item[],
): Item | undefined {
  const total = items.reduce((sum, { weight }) => sum + weight, 0);
  if (total === 0) return undefined;
  let left = random.below(total);
  for (const item of items) {
    if (left < item.weight) return item;
    left -= item.weight;
  }
  return undefined;
}

function crashOne(cluster: Cluster, losesPower: boolean): void {
  const host = cluster.anyHost();
  if (!host.isUp) return;
  const reaches = happens(cluster.random, 30);
  const { random } = cluster;
  host.crash((unsynced) => (losesPower ? random.below(unsynced + 1) : unsynced), reaches);
  cluster.does(losesPower ? "power lost" : "killed", host);
}

/** The machine is set up anew: same key, nothing else. */
function wipeOne(cluster: Cluster): void {
  const host = cluster.anyHost();
  if (host.isUp) host.crash();
  cluster.loseDisk(host, () => host.disk.wipe());
  cluster.does("disk lost", host);
}

/** A backup is made now, and put back later. */
function rollBackOne(cluster: Cluster): void {
  const host = cluster.anyHost();
  const putBack = host.disk.snapshot();
  cluster.does("backup made", host);
  cluster.schedule.after(500 + cluster.random.below(6_000), () => {
    if (cluster.isHealed) return;
    if (host.isUp) host.crash();
    cluster.loseDisk(host, putBack);
    cluster.does("backup put back", host);
  });
}

function bootOne(cluster: Cluster): void {
  const down = cluster.hosts.filter((host) => !host.isUp && !cluster.zombies.has(host));
  const host = pick(cluster.random, down);
  if (host === undefined) return;
  host.boot();
  cluster.mark("booted");
}

function mend(cluster: Cluster): void {
  cluster.network.mendAll();
  cluster.does("paths mended");
}

/** Halves, one host alone, or two sides that only one host still joins. */
function partition(cluster: Cluster): void {
  const shape = cluster.random.below(4);
  const order = shuffled(cluster.random, cluster.hosts);
  const [first, ...rest] = order;
  if (first === undefined || shape > 1) return cluster.split(false);
  if (shape === 0) {
    cluster.separate([first], rest, false);
    cluster.mark("host cut off");
  } else {
    const half = Math.floor(rest.length / 2);
    cluster.separate(rest.slice(0, half), rest.slice(half), false);
    cluster.mark("bridge");
  }
}

function pauseOne(cluster: Cluster): void {
  const host = cluster.anyHost();
  if (!host.isUp || host.isPaused) return;
  host.pause();
  const ms = 100 + cluster.random.below(8_000);
  cluster.schedule.after(ms, () => host.resume());
  cluster.does("paused", host);
}

function slowOne(cluster: Cluster): void {
  const host = cluster.anyHost();
  host.slowMs = 1 + cluster.random.below(20);
  cluster.schedule.after(500 + cluster.random.below(4_000), () => {
    host.slowMs = 0;
  });
  cluster.does("slow", host);
}

function changeDisks(cluster: Cluster): void {
  cluster.diskFaults = cluster.random.below(3) * 15;
}

function jumpClock(cluster: Cluster): void {
  const host = cluster.anyHost();
  host.skewMs += (cluster.random.below(2) === 0 ? -1 : 1) * cluster.random.below(3_600_000);
  cluster.does("clock jumped", host);
}

function disturbOne(cluster: Cluster): void {
  const { random } = cluster;
  const host: SimulatedHost = cluster.anyHost();
  const ports = host.kernel.plugged();
  const what = host.kernel.disturb((count) => random.below(Math.max(1, count)));
  portsLost(cluster, host, ports);
  if (what === undefined) return;
  host.disturbedAt = cluster.schedule.now();
  cluster.does(`kernel: ${what}`, host);
}

function breakLinks(cluster: Cluster): void {
  const { network, random } = cluster;
  network.faults.linkBreak = random.below(3) * 20;
  if (!happens(random, 30)) return;
  const host = cluster.anyHost();
  network.breakLinks(host.id);
  cluster.does("links broke", host);
}
