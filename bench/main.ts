/**
 * `npm run bench -- NAME`: real agents on simulated hosts, measured from outside; tables here, JSON
 * in bench/results.
 */
import { parseArgs } from "node:util";
import { describeError } from "../base/errors.ts";
import { enterLab } from "../test/lab/enter.ts";
import { benchConvergence } from "./convergence.ts";
import { benchFootprint } from "./footprint.ts";
import { benchThroughput } from "./throughput.ts";

const usage = `usage: npm run bench -- NAME [OPTION...]
  convergence [--hosts 3] [--rounds 200]    endpoint made on one host -> in all others' kernels
  throughput [--rounds 5] [--seconds 3]     TCP between endpoints, against a VXLAN built by hand
  footprint [--starts 10] [--seconds 60]    start to ready; memory, CPU, traffic when idle`;

const options = {
  hosts: { type: "string", default: "3" },
  rounds: { type: "string" },
  starts: { type: "string", default: "10" },
  seconds: { type: "string" },
} as const;

/** The bench that was asked for. Throws where the words make no sense. */
function chosen(): () => Promise<void> {
  const { positionals, values } = parseArgs({ options, allowPositionals: true });
  const [name, ...more] = positionals;
  const hosts = count(values.hosts);
  const starts = count(values.starts);
  if (more.length > 0) throw new Error(`one bench at a time: ${positionals.join(" ")}`);
  switch (name) {
    case "convergence":
      if (hosts < 2) throw new Error("convergence needs two hosts or more");
      return () => benchConvergence({ hosts, rounds: count(values.rounds ?? "200") });
    case "throughput": {
      const [rounds, seconds] = [count(values.rounds ?? "5"), count(values.seconds ?? "3")];
      return () => benchThroughput({ rounds, seconds });
    }
    case "footprint":
      return () => benchFootprint({ starts, seconds: count(values.seconds ?? "60") });
    default:
      throw new Error(name === undefined ? "name a bench" : `no bench is called ${name}`);
  }
}

function count(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new Error(`not a count: ${text}`);
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
await enterLab();
await bench();
