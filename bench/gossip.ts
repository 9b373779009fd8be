/**
 * Our agents beside others' that solve the same problem, on the same hosts in the same run: how
 * soon all know of all, of a change, of a death; what is lost; and what it costs.
 */
import { loadavg } from "node:os";
import { Lab } from "../test/lab/lab.ts";
import { run } from "../test/lab/process.ts";
import type { Contender } from "./contender.ts";
import { benchDisk } from "./disk.ts";
import { type Effort, type Figures, phases } from "./gossip-phases.ts";
import { printComparison } from "./gossip-report.ts";
import { compiledStarling } from "./package.ts";
import { writeResults } from "./report.ts";
import { SerfContender } from "./serf-contender.ts";
import { StarlingContender } from "./starling-contender.ts";

export type GossipOptions = Effort & {
  /** Numbers of agents: a run for each. */
  readonly sizes: readonly number[];
  readonly peer: "serf" | undefined;
};

/** By product. */
export type Comparison = { readonly hosts: number; readonly figures: Record<string, Figures> };

export async function benchGossip({ sizes, peer, ...effort }: GossipOptions): Promise<void> {
  if (peer !== undefined) await demandProgram(peer);
  const program = await compiledStarling();
  const runs: Comparison[] = [];
  for (const hosts of sizes) {
    const names = Array.from({ length: hosts }, (_, at) => `h${at + 1}`);
    await using lab = await Lab.open({ hosts: names, disk: benchDisk() });
    const figures: Record<string, Figures> = {};
    runs.push({ hosts, figures });
    for (const contender of contenders(lab, { peer, program })) {
      figures[contender.product] = await measure(contender, lab, effort);
      printComparison({ hosts, figures });
      writeResults("gossip", { sizes, peer, effort, runs });
    }
  }
}

/** Ours first; each is set up when the one before is gone. */
function* contenders(
  lab: Lab,
  { peer, program }: Pick<GossipOptions, "peer"> & { readonly program: string | undefined },
): Generator<Contender> {
  yield new StarlingContender(lab, program);
  if (peer === "serf") yield new SerfContender(lab);
}

async function measure(contender: Contender, lab: Lab, effort: Effort): Promise<Figures> {
  await using running = contender;
  const figures: Record<string, number> = {};
  for await (const more of phases({ contender: running, lab, effort })) {
    Object.assign(figures, more);
    if (Object.keys(more).length === 0) continue;
    // On a busy machine a phase is slow because it waits for a core: who reads it must see that.
    const [load = 0] = loadavg();
    const text = Object.entries({ ...more, load }).map(
      ([what, value]) => `${what} ${shown(value)}`,
    );
    figures["load"] = Math.max(load, figures["load"] ?? 0);
    process.stdout.write(`${contender.product}, ${lab.hosts.length} agents: ${text.join("; ")}\n`);
  }
  return figures;
}

function shown(value: number): string {
  return Number.isFinite(value) ? value.toFixed(1) : "never";
}

async function demandProgram(name: string): Promise<void> {
  await run([name, "version"]).catch((cause: unknown) => {
    throw new Error(`${name} is missing: apt-get install ${name}`, { cause });
  });
}
