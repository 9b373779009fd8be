/**
 * From an endpoint made on one host to the forwarding entry in every other host's kernel. Both ends
 * are what the kernels announced; one machine, so one clock.
 *
 *   POST ---> agent a ---> port appears in kernel a ....... kernel: entry appears in kernel b, c, ...
 *   |________________________________ call ______________________________________________|
 *                          |_________________________ kernel ______________________________|
 */
import type { Agent } from "../test/lab/agent.ts";
import { type Cluster, formCluster } from "../test/lab/cluster.ts";
import { Lab } from "../test/lab/lab.ts";
import type { Monitor } from "../test/lab/monitor.ts";
import { addNamespace, namespacePath, removeNamespace } from "../test/lab/namespace.ts";
import { benchDisk } from "./disk.ts";
import { compiledStarling } from "./package.ts";
import { type Quantiles, quantiles } from "./quantiles.ts";
import { printQuantiles, printTargets, writeResults } from "./report.ts";

export type ConvergenceOptions = { readonly hosts: number; readonly rounds: number };

type Observer = { readonly name: string; readonly fdb: Monitor };
type Stage = {
  readonly agent: Agent;
  readonly links: Monitor;
  readonly observers: readonly Observer[];
};
/** Milliseconds of one change until each observer's kernel had it, by the two starting points. */
type Delays = { readonly kernel: readonly number[]; readonly call: readonly number[] };
type Sample = { readonly added: Delays; readonly removed: Delays };

/** Rounds in which code is still being compiled: an agent meets them once in its life. */
const warmUp = 20;
const patience = { withinMs: 10_000 };
const namespace = "probe";

export async function benchConvergence({ hosts, rounds }: ConvergenceOptions): Promise<void> {
  const names = Array.from({ length: hosts }, (_, at) => `h${at + 1}`);
  const program = await compiledStarling();
  await using lab = await Lab.open({ hosts: names, disk: benchDisk() });
  const stage = await setStage(lab, await formCluster(lab, { program }));
  await addNamespace(namespace);
  const samples: Sample[] = [];
  for (let round = -warmUp; round < rounds; round += 1) {
    const sample = await playRound(stage, round + warmUp);
    if (round >= 0) samples.push(sample);
    if (process.stdout.isTTY) process.stdout.write(`\r${round + 1} of ${rounds} `);
  }
  await removeNamespace(namespace);
  if (process.stdout.isTTY) process.stdout.write("\r\u001b[K");
  report({ hosts, rounds }, stage, samples);
}

/**
 * A network with an endpoint on every host, for only such hosts need entries, and a monitor on
 * every kernel.
 */
async function setStage(lab: Lab, cluster: Cluster): Promise<Stage> {
  const [agent, ...others] = cluster.agents;
  if (agent === undefined || others.length === 0) throw new Error("this needs two hosts or more");
  await cluster.network("web", "10.32.0.0/16");
  for (const { name } of lab.hosts) await cluster.endpoint(name, { network: "web", name });
  const observers = await Promise.all(
    lab.hosts.slice(1).map(async (host) => ({ name: host.name, fdb: await host.monitor("fdb") })),
  );
  return { agent, links: await agent.host.monitor("link"), observers };
}

async function playRound({ agent, links, observers }: Stage, round: number): Promise<Sample> {
  const mac = `02:be:00:00:${hex(round >> 8)}:${hex(round & 255)}`;
  const { address } = agent.host;
  const entry = `${mac} dev \\S+ dst ${address} self`;
  const body = { network: "web", netns: namespacePath(namespace), interface: "eth0", mac };
  const added = await time({ links, observers, own: /^\d+: /, entry: `^${entry}` }, async () => {
    const reply = await agent.api.ask("POST", "/v1/endpoints", body);
    if (reply.status >= 300) throw new Error(`endpoint refused: ${JSON.stringify(reply.body)}`);
    return (reply.body as { endpoint: { id: string } }).endpoint.id;
  });
  const gone = { links, observers, own: /^Deleted /, entry: `^Deleted ${entry}` };
  // The next round begins when every kernel is done with this one: single changes are measured, not
  // how they queue.
  const path = `/v1/endpoints/${added.value}?wait=${patience.withinMs}`;
  const removed = await time(gone, () => agent.api.ask("DELETE", path));
  return { added: added.delays, removed: removed.delays };
}

type Watched = {
  readonly links: Monitor;
  readonly observers: readonly Observer[];
  readonly own: RegExp;
  readonly entry: string;
};

async function time<T>(
  { links, observers, own, entry }: Watched,
  change: () => Promise<T>,
): Promise<{ readonly value: T; readonly delays: Delays }> {
  const from = links.lines.count;
  const marks = observers.map(({ fdb }) => fdb.lines.count);
  // Whole milliseconds rounded down: the call is never made to look faster than it was.
  const calledAt = Date.now();
  const value = await change();
  const ownAt = (await links.until(own, { ...patience, from })).at;
  const notices = await Promise.all(
    observers.map(({ fdb }, at) =>
      fdb.until(new RegExp(entry), { ...patience, from: marks[at] ?? 0 }),
    ),
  );
  return {
    value,
    delays: {
      kernel: notices.map(({ at }) => at - ownAt),
      call: notices.map(({ at }) => at - calledAt),
    },
  };
}

function report(options: ConvergenceOptions, stage: Stage, samples: readonly Sample[]): void {
  const tables: Record<string, Record<string, Quantiles>> = {};
  for (const change of ["added", "removed"] as const) {
    for (const start of ["kernel", "call"] as const) {
      const delays = samples.map((sample) => sample[change][start]);
      const rows = stage.observers.map(
        ({ name }, at) =>
          [`${name}`, quantiles(delays.map((each) => each[at] ?? Number.NaN))] as const,
      );
      const all = ["every host", quantiles(delays.map((each) => Math.max(...each)))] as const;
      tables[`${change}, from ${start}`] = Object.fromEntries([...rows, all]);
    }
  }
  for (const [name, table] of Object.entries(tables)) printQuantiles(`ms, endpoint ${name}`, table);
  const worst = tables["added, from kernel"]?.["every host"];
  if (worst !== undefined && options.hosts === 3) {
    const target = { unit: "ms", kind: "at most" } as const;
    printTargets([
      { what: "added, p50", measured: worst.p50, limit: 10, ...target },
      { what: "added, p99", measured: worst.p99, limit: 40, ...target },
    ]);
  }
  writeResults("convergence", { ...options, warmUp, tables, samples });
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, "0");
}
