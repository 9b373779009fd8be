/**
 * `npm run bench -- NAME`: real agents on simulated hosts, measured from outside; tables here, JSON
 * in bench/results.
 */
import { parseArgs } from "node:util";
import { describeError } from "../base/errors.ts";
import { enterLab } from "../test/lab/enter.ts";
import { benchConvergence } from "./convergence.ts";
import { benchDockerSoak } from "./docker-soak.ts";
import { benchFootprint } from "./footprint.ts";
import { benchGossip } from "./gossip.ts";
import { benchPeers } from "./peers.ts";
import { benchScale } from "./scale.ts";
import { benchSoak } from "./soak.ts";
import { benchThroughput } from "./throughput.ts";

/** Benches that need no hosts to run on, and no kernel. */
const bare = ["scale"];

const usage = `usage: npm run bench -- NAME [OPTION...]
  convergence [--hosts 3] [--rounds 200]    endpoint made on one host -> in all others' kernels
  throughput [--rounds 5] [--seconds 3]     TCP between endpoints, against a VXLAN built by hand
  footprint [--starts 10] [--seconds 60]    start to ready; memory, CPU, traffic when idle
  scale [--endpoints 10000,100000] [--hosts 50]
                                            a late joiner's catch-up, memory, disk, restart
  gossip [--hosts 5,20,50] [--peer serf]    agents by the dozen, beside another product's:
      joins, updates, deaths, partitions, load, cost; how much of each:
      [--updates 100] [--burst 1000] [--kills 3] [--seconds 20] [--split 60] [--minutes 1]
  peers [--rounds 50] [--seconds 3]         containers of real engines, beside Docker Swarm's
  docker-soak [--minutes 1] [--endpoints 500]
                                            containers' endpoints come and go: what is left
  soak [--minutes 1] [--seed 1]             six hosts at work and a fault every 20 s: what grows`;

const options = {
  hosts: { type: "string" },
  rounds: { type: "string" },
  starts: { type: "string", default: "10" },
  seconds: { type: "string" },
  endpoints: { type: "string" },
  peer: { type: "string" },
  updates: { type: "string", default: "100" },
  burst: { type: "string", default: "1000" },
  kills: { type: "string", default: "3" },
  split: { type: "string", default: "60" },
  minutes: { type: "string", default: "1" },
  seed: { type: "string", default: "1" },
} as const;

type Words = ReturnType<typeof parseArgs<{ options: typeof options }>>["values"];

/** The bench that was asked for. Throws where the words make no sense. */
function chosen(): () => Promise<void> {
  const { positionals, values } = parseArgs({ options, allowPositionals: true });
  const [name, ...more] = positionals;
  const starts = count(values.starts);
  if (more.length > 0) throw new Error(`one bench at a time: ${positionals.join(" ")}`);
  switch (name) {
    case "convergence": {
      const hosts = count(values.hosts ?? "3");
      if (hosts < 2) throw new Error("convergence needs two hosts or more");
      return () => benchConvergence({ hosts, rounds: count(values.rounds ?? "200") });
    }
    case "throughput": {
      const [rounds, seconds] = [count(values.rounds ?? "5"), count(values.seconds ?? "3")];
      return () => benchThroughput({ rounds, seconds });
    }
    case "footprint":
      return () => benchFootprint({ starts, seconds: count(values.seconds ?? "60") });
    case "scale": {
      const endpoints = (values.endpoints ?? "10000,100000").split(",").map((size) => count(size));
      return () => benchScale({ endpoints, hosts: count(values.hosts ?? "50") });
    }
    case "gossip":
      return gossip(values);
    case "peers": {
      const [rounds, seconds] = [count(values.rounds ?? "50"), count(values.seconds ?? "3")];
      return () => benchPeers({ rounds, seconds });
    }
    case "docker-soak": {
      const [minutes, endpoints] = [count(values.minutes), count(values.endpoints ?? "500")];
      return () => benchDockerSoak({ minutes, endpoints });
    }
    case "soak": {
      const [minutes, seed] = [count(values.minutes), count(values.seed)];
      return () => benchSoak({ minutes, seed });
    }
    default:
      throw new Error(name === undefined ? "name a bench" : `no bench is called ${name}`);
  }
}

function gossip(values: Words): () => Promise<void> {
  const { peer } = values;
  if (peer !== undefined && peer !== "serf") throw new Error(`no peer is called ${peer}`);
  const sizes = (values.hosts ?? "5,20,50").split(",").map((size) => count(size));
  if (Math.min(...sizes) < 3) throw new Error("gossip needs three hosts or more");
  const effort = {
    updates: count(values.updates),
    burst: count(values.burst),
    kills: count(values.kills),
    idleSeconds: count(values.seconds ?? "20"),
    splitSeconds: count(values.split, 0),
    minutes: count(values.minutes, 0),
  };
  return () => benchGossip({ sizes, peer, ...effort });
}

function count(text: string, least = 1): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < least) throw new Error(`not a count: ${text}`);
  return value;
}

function chosenOrUsage(): () => Promise<void> {
  try {
    return chosen();
  } catch (error) {
    process.stderr.write(`${describeError(error)}\n${usage}\n`);
    process.exit(2);
  }
}

const bench = chosenOrUsage();
if (!bare.includes(process.argv[2] ?? "")) await enterLab();
await bench();
