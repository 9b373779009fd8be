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

async function main(): Promise<void> {
  const { positionals, values } = parseArgs({ options, allowPositionals: true });
  const [name] = positionals;
  const given = (text: string | undefined, otherwise: number): number => count(text, otherwise);
  const rounds = (otherwise: number): number => given(values.rounds, otherwise);
  const seconds = (otherwise: number): number => given(values.seconds, otherwise);
  if (positionals.length !== 1) throw new Error("name one bench");
  await enterLab();
  if (name === "convergence")
    await benchConvergence({ hosts: count(values.hosts, 3), rounds: rounds(200) });
  else if (name === "throughput") await benchThroughput({ rounds: rounds(5), seconds: seconds(3) });
  else if (name === "footprint")
    await benchFootprint({ starts: count(values.starts, 10), seconds: seconds(60) });
  else throw new Error(`no bench is called ${name}`);
}

function count(text: string | undefined, otherwise: number): number {
  const value = text === undefined ? otherwise : Number(text);
  if (!Number.isInteger(value) || value < 1) throw new Error(`not a count: ${text}`);
  return value;
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${describeError(error)}\n${usage}\n`);
  process.exitCode = 1;
}
