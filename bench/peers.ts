/**
 * Starling beside Docker Swarm's overlay: the same engine on as many hosts each, on one wire, and
 * the same containers, in one run, with the rounds in turn. All is seen from outside: what kernels
 * announce, what a container pings, what its resolver answers; one machine, so one clock.
 *
 *   docker run ---> own port on the bridge ----> entry in the others' kernels, ping, name
 *   |___________________ docker run -> ... _____________________________________|
 *                   |__________________ own port up -> ... _____________________|
 */
import { image } from "../test/docker/image.ts";
import { Lab } from "../test/lab/lab.ts";
import type { Monitor } from "../test/lab/monitor.ts";
import { Process } from "../test/lab/process.ts";
import type { DockerMesh } from "./docker-mesh.ts";
import { compiledStarling } from "./package.ts";
import { type Figures, type Product, type Row, reportPeers } from "./peers-report.ts";
import { openStarling } from "./starling-mesh.ts";
import { openSwarm } from "./swarm-mesh.ts";
import { measureTcp } from "./throughput.ts";
import { proportionalMiB } from "./usage.ts";

export type PeersOptions = {
  readonly rounds: number;
  /** Of each run of TCP. */
  readonly seconds: number;
};

type Sample = Readonly<Record<Row, number>>;
type Both<T> = Record<Product, T>;

const warmUp = 3;
const withinMs = 30_000;
const tcpRuns = 5;

export async function benchPeers({ rounds, seconds }: PeersOptions): Promise<void> {
  const program = await compiledStarling();
  await using lab = await Lab.open({ hosts: ["a", "b", "c", "sa", "sb", "sc"] });
  await using stack = new AsyncDisposableStack();
  const swarm = await openSwarm(lab, ["sa", "sb", "sc"], stack);
  const starling = await openStarling(lab, { names: ["a", "b", "c"], program, stack });
  const meshes = [starling, swarm];
  const samples: Both<Sample[]> = { starling: [], swarm: [] };
  for (let round = -warmUp; round < rounds; round += 1) {
    for (const mesh of inTurn(meshes, round)) {
      const sample = await playRound(mesh, round + warmUp);
      if (round >= 0) samples[mesh.product].push(sample);
    }
    if (process.stdout.isTTY) process.stdout.write(`\r${round + 1} of ${rounds} `);
  }
  if (process.stdout.isTTY) process.stdout.write("\r\u001b[K");
  const tcp: Both<number[]> = { starling: [], swarm: [] };
  for (let run = 0; run < tcpRuns; run += 1) {
    for (const mesh of inTurn(meshes, run)) {
      tcp[mesh.product].push(await throughput(mesh, seconds));
    }
  }
  const mebibytes = {
    starling: proportionalMiB(starling.processes()),
    swarm: proportionalMiB(swarm.processes()),
  } satisfies Figures["mebibytes"];
  reportPeers({ rounds, seconds, samples, tcp, mebibytes });
}

function inTurn<T>(both: readonly T[], at: number): readonly T[] {
  return at % 2 === 0 ? both : both.toReversed();
}

/** One container's life on the second host, as the first sees it. */
async function playRound(mesh: DockerMesh, round: number): Promise<Sample> {
  const { engines, ends, names, links, tables } = mesh;
  const [[, runner], [near]] = [engines, ends];
  if (runner === undefined || near === undefined) throw new Error("this needs two hosts");
  const container = `p${round}`;
  const [address, name] = [mesh.address(round), mesh.nameOf(container)];
  const mac = `02:be:00:00:${hex(round >> 8)}:${hex(round & 255)}`;
  const entry = `${mac} dev \\S+ dst ${runner.host.address}\\b.* self`;
  const from = links.lines.count;
  await using ping = new Process([...near.enter, "ping", "-D", "-n", "-i", "0.005", address]);
  names.ask(name);
  const asked = ["--network", mesh.network, "--ip", address, "--mac-address", mac];
  const start = Date.now();
  const entryAt = allAnnounce(tables, new RegExp(`^${entry}`));
  await runner.sleeper("--name", container, ...asked);
  const returnedAt = Date.now();
  const own = await links.until(/^\d+: .* master (br0|sl-)/, { withinMs, from });
  const reachableAt = await firstAnswer(ping);
  const nameAt = await names.seen("found", name, withinMs);
  const addedAt = await entryAt;
  const end = Date.now();
  const goneAt = allAnnounce(tables, new RegExp(`^Deleted ${entry}`));
  await runner.docker("rm", "-f", container);
  return {
    entry: addedAt - own.at,
    gone: (await goneAt) - end,
    run: returnedAt - start,
    reachable: reachableAt - start,
    name: nameAt - start,
    nameAfter: nameAt - own.at,
    nameGone: (await names.seen("gone", name, withinMs)) - end,
    again: await runAgain(mesh, address),
  };
}

/** How long a container takes that asks for the address which the last one has just left. */
async function runAgain({ engines, network }: DockerMesh, address: string): Promise<number> {
  const start = performance.now();
  await engines[1]?.docker("run", "--rm", "--network", network, "--ip", address, image, "true");
  return performance.now() - start;
}

/** When the last of the kernels announced it. */
async function allAnnounce(tables: readonly Monitor[], pattern: RegExp): Promise<number> {
  const notices = await Promise.all(
    tables.map((table) => table.until(pattern, { withinMs, from: table.lines.count })),
  );
  return Math.max(...notices.map(({ at }) => at));
}

/** By ping's own time stamp, in milliseconds. */
async function firstAnswer(ping: Process): Promise<number> {
  const line = await ping.out.until(/^\[\d+\.\d+\] \d+ bytes from/, { withinMs });
  return Number(/^\[(\d+\.\d+)\]/.exec(line)?.[1]) * 1_000;
}

async function throughput({ ends }: DockerMesh, seconds: number): Promise<number> {
  const [near, far] = ends;
  if (near === undefined || far === undefined) throw new Error("this needs two hosts");
  return measureTcp({ client: near.enter, server: far.enter, address: far.address }, seconds);
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, "0");
}
