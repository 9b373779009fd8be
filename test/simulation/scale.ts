/**
 * `npm run simulate:scale`: what one host sends, idle and for one change, in clusters of growing
 * size. Nothing goes wrong here; what is asked is by which law the figures grow.
 */
import { Cluster } from "./cluster.ts";
import type { SimulatedHost } from "./host.ts";

/** How long figures are taken, in simulated milliseconds. */
const idleMs = 10_000;
const updates = 5;

type Row = {
  readonly hosts: number;
  readonly links: number;
  readonly joinMs: number;
  readonly idle: Rate;
  readonly update: Rate;
  readonly spreadMs: number;
};

/** Per host: messages and bytes, in a second or for an update. */
type Rate = { readonly messages: number; readonly bytes: number };

const sizes = process.argv.slice(2).map(Number);
const rows: Row[] = [];
for (const hosts of sizes.length > 0 ? sizes : [10, 30, 100, 300, 1_000]) {
  if (!Number.isInteger(hosts) || hosts < 2) throw new Error(`${hosts} is no size of a cluster`);
  const row = measure(hosts);
  show(row);
  rows.push(row);
}
plot("idle, bytes a second and host", (row) => row.idle.bytes);
plot("an update, bytes a host", (row) => row.update.bytes);

function measure(hosts: number): Row {
  const cluster = new Cluster({ seed: 1, hosts });
  const joinMs = runUntil(cluster, () => isJoined(cluster));
  const [host] = cluster.hosts;
  if (host === undefined) throw new Error("bug: a cluster without hosts");
  cluster.createNetwork(host, "web", "10.50.0.0/16");
  // Links settle to the computed neighbours, and rumours of the join die down.
  cluster.run(30_000);
  const idle = during(cluster, () => cluster.run(idleMs));
  const seconds = idleMs / 1_000;
  let spreadMs = 0;
  const busy = during(cluster, () => {
    for (let at = 0; at < updates; at += 1) {
      cluster.attach(host, "web");
      runUntil(cluster, () => cluster.endpoints.size > at);
      const written = cluster.schedule.now();
      spreadMs += runUntil(cluster, () => hasAll(cluster, host)) / updates;
      cluster.run(idleMs / updates - (cluster.schedule.now() - written));
    }
  });
  return {
    hosts,
    links: sum(cluster.hosts.map(({ id }) => cluster.network.peersOf(id).length)) / hosts,
    joinMs,
    idle: { messages: idle.messages / seconds / hosts, bytes: idle.bytes / seconds / hosts },
    update: {
      messages: Math.max(0, busy.messages - idle.messages) / updates / hosts,
      bytes: Math.max(0, busy.bytes - idle.bytes) / updates / hosts,
    },
    spreadMs,
  };
}

/** Whether everybody knows the same of everybody; what is cheap to see is looked at first. */
function isJoined({ hosts, witness }: Cluster): boolean {
  const isComplete = hosts.every(({ id }) => witness.view(id).heads.size === hosts.length);
  return isComplete && witness.agree(hosts);
}

/** Whether everybody has what the host has written. */
function hasAll(cluster: Cluster, host: SimulatedHost): boolean {
  const mine = cluster.witness.view(host.id).heads.get(host.id);
  return cluster.hosts.every(({ id }) => {
    return cluster.witness.view(id).heads.get(host.id)?.seq === mine?.seq;
  });
}

function runUntil(cluster: Cluster, isDone: () => boolean): number {
  const start = cluster.schedule.now();
  do cluster.run(1);
  while (!isDone() && cluster.schedule.now() - start < 60_000);
  return cluster.schedule.now() - start;
}

function during(cluster: Cluster, run: () => void): Rate {
  const before = sent(cluster);
  run();
  const after = sent(cluster);
  return { messages: after.messages - before.messages, bytes: after.bytes - before.bytes };
}

function sent({ network }: Cluster): Rate {
  const all = [...network.sent.values()];
  return {
    messages: sum(all.map(({ messages }) => messages)),
    bytes: sum(all.map(({ bytes }) => bytes)),
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}

function show({ hosts, links, joinMs, idle, update, spreadMs }: Row): void {
  const one = ({ messages, bytes }: Rate) =>
    `${messages.toFixed(1)} messages ${bytes.toFixed(0)} B`;
  console.log(
    `${String(hosts).padStart(5)} hosts: ${links.toFixed(1)} links each, ` +
      `all know all after ${joinMs.toFixed(0)} ms; idle ${one(idle)} a second and host; ` +
      `an update ${one(update)} a host, known to all after ${spreadMs.toFixed(0)} ms`,
  );
}

/** Bars of one scale: equal ones say that a host's cost does not grow with the cluster. */
function plot(what: string, figure: (row: Row) => number): void {
  const most = Math.max(...rows.map(figure), 1);
  console.log(`\n${what}`);
  for (const row of rows) {
    const bar = "#".repeat(Math.round((50 * figure(row)) / most));
    console.log(`${String(row.hosts).padStart(5)} |${bar.padEnd(50)} ${figure(row).toFixed(0)}`);
  }
}
