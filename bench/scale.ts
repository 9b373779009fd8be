/**
 * A late joiner of a large cluster, and its restart: how long until its memory, its disk and its
 * kernel hold everything, and what that takes. Transfers go through a pipe instead of libp2p, and
 * the kernel is simulated: what is measured is the store and all that follows from a record.
 */
import { type ChildProcess, fork } from "node:child_process";
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { limits } from "../agent/config.ts";
import { encodeEnvelope } from "../agent/envelope.ts";
import { encode } from "../base/codec.ts";
import type { BootId } from "../base/id.ts";
import { encodeHello, protocolVersion } from "../membership/hello.ts";
import { fingerprintBytes } from "../membership/observers.ts";
import { Revocations } from "../membership/revocations.ts";
import { openJournal } from "../store/leveldb/journal.ts";
import { Replica } from "../store/replica.ts";
import { rowsOf } from "../store/rows.ts";
import { serve } from "../store/sync.ts";
import { silentLog } from "../test/agent/samples.ts";
import { benchDisk } from "./disk.ts";
import { printTable, printTargets, type Target, writeResults } from "./report.ts";
import { endpointId, endpointRecord, memberOf, Origin, ownRecords } from "./scale-cluster.ts";
import type { FromHost, ToHost, Used } from "./scale-host.ts";

/** The host that joins late is this one of the cluster. */
const joiner = 1_000_000;
/** Changes that come one by one, after everything has come. */
const changes = 1_000;

type Measured = {
  readonly endpoints: number;
  readonly hosts: number;
  /** In memory and on disk alone: the joiner has no endpoint of its own. */
  readonly storeMs: number;
  readonly catchUpMs: number;
  readonly catchUpCpuMs: number;
  readonly idleMiB: number;
  readonly fullMiB: number;
  readonly restMiB: number;
  readonly heldMiB: number;
  readonly diskMiB: number;
  readonly restartMs: number;
  readonly restartedMiB: number;
  readonly changeMs: number;
};

/** Prints a column for each size. */
export async function benchScale(wish: {
  readonly endpoints: readonly number[];
  readonly hosts: number;
}): Promise<void> {
  const measured: Measured[] = [];
  for (const endpoints of wish.endpoints) measured.push(await measure(endpoints, wish.hosts));
  printTable(
    ["endpoints", ...measured.map(({ endpoints }) => String(endpoints))],
    rowsFor(measured),
  );
  printTargets(measured.flatMap(targetsOf));
  writeResults("scale", { measured });
}

function rowsFor(measured: readonly Measured[]): string[][] {
  const row = (what: string, figure: (one: Measured) => string) => [what, ...measured.map(figure)];
  return [
    row("hosts that hold them", ({ hosts }) => String(hosts)),
    row("all in memory and LevelDB, ms", ({ storeMs }) => storeMs.toFixed(0)),
    row("mappings per second", (one) => rateOf(one).toFixed(0)),
    row("and all in the kernel as well, ms", ({ catchUpMs }) => catchUpMs.toFixed(0)),
    row("processor time, ms", ({ catchUpCpuMs }) => catchUpCpuMs.toFixed(0)),
    row("resident before, MiB", ({ idleMiB }) => idleMiB.toFixed(0)),
    row("resident after, MiB", ({ fullMiB }) => fullMiB.toFixed(0)),
    row("resident once collected, MiB", ({ restMiB }) => restMiB.toFixed(0)),
    row("in use of that, above before, MiB", ({ heldMiB }) => heldMiB.toFixed(0)),
    row("LevelDB, MiB", ({ diskMiB }) => diskMiB.toFixed(1)),
    row("restart until all is back, ms", ({ restartMs }) => restartMs.toFixed(0)),
    row("resident after restart, MiB", ({ restartedMiB }) => restartedMiB.toFixed(0)),
    row("one more endpoint, ms of the loop", ({ changeMs }) => changeMs.toFixed(2)),
  ];
}

function rateOf({ endpoints, storeMs }: Measured): number {
  return (endpoints / storeMs) * 1_000;
}

function targetsOf(one: Measured): Target[] {
  const at = `at ${one.endpoints} endpoints`;
  return [
    {
      what: `applied ${at}`,
      measured: rateOf(one),
      limit: 50_000,
      unit: "mappings/s",
      kind: "at least",
    },
    {
      what: `memory above idle ${at}`,
      measured: one.fullMiB - one.idleMiB,
      limit: 150,
      unit: "MiB",
      kind: "at most",
    },
  ];
}

async function measure(endpoints: number, hosts: number): Promise<Measured> {
  const directory = await mkdtemp(join(benchDisk() ?? tmpdir(), "scale-"));
  try {
    const cluster = makeCluster(endpoints, hosts);
    const storeMs = await measureStore(join(directory, "bare"), cluster, endpoints);
    await prepare(directory);
    const first = await Host.start(directory);
    const caught = await first.link(cluster, endpoints + 1);
    const changeMs = await measureChange(first, cluster, endpoints + 1);
    await first.stop();
    const diskMiB = (await sizeOf(join(directory, "bare"))) / 2 ** 20;
    const again = await Host.start(directory);
    await again.stop();
    return {
      endpoints,
      hosts,
      storeMs,
      catchUpMs: caught.ms,
      catchUpCpuMs: caught.usage.cpuMs - first.started.usage.cpuMs,
      idleMiB: first.started.usage.rssMiB,
      fullMiB: caught.usage.rssMiB,
      restMiB: caught.usage.restMiB,
      heldMiB: caught.usage.heldMiB - first.started.usage.heldMiB,
      diskMiB,
      restartMs: again.started.ms,
      restartedMiB: again.started.usage.rssMiB,
      changeMs,
    };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

type Cluster = { readonly replica: Replica; readonly origins: readonly Origin[] };

function makeCluster(endpoints: number, hosts: number): Cluster {
  const { host: self, cluster, crypto } = memberOf(1);
  const replica = new Replica({ self, cluster, crypto, limits, veto: () => undefined });
  const origins = Array.from({ length: hosts }, (_, at) => {
    const origin = new Origin(memberOf(at + 1));
    const own: ReturnType<typeof endpointRecord>[] = ownRecords(memberOf(at + 1));
    for (let n = at; n < endpoints; n += hosts) own.push(endpointRecord(n));
    const delta = origin.write(own);
    if (at === 0) replica.commit(delta);
    else replica.receive(delta);
    return origin;
  });
  return { replica, origins };
}

/** The joiner has one endpoint of its own, so that its kernel needs all others. */
async function prepare(directory: string): Promise<void> {
  const member = memberOf(joiner);
  const own = endpointRecord(500_000, "local");
  const delta = new Origin(member).write([...ownRecords(member), own]);
  const place = { netns: "/run/netns/local", inode: 1, interface: "eth0" };
  const key = `attachment/${endpointId(500_000)}`;
  await using journal = await openJournal({ directory, log: silentLog });
  await journal.append([...rowsOf(delta, []), { table: "local", key, value: encode(place) }], {
    isDurable: true,
  });
}

/** What the store takes alone. */
async function measureStore(
  directory: string,
  cluster: Cluster,
  endpoints: number,
): Promise<number> {
  const host = await Host.start(directory);
  const { ms } = await host.link(cluster, endpoints);
  await host.stop();
  return ms;
}

/** The loop's time for one delta with one endpoint, as gossip brings it. */
async function measureChange(host: Host, cluster: Cluster, before: number): Promise<number> {
  const origin = cluster.origins[1] ?? cluster.origins[0];
  if (origin === undefined) throw new Error("a cluster needs a host");
  const messages = Array.from({ length: changes }, (_, at) => {
    const delta = origin.write([endpointRecord(600_000 + at)]);
    return encodeEnvelope({ kind: "delta", delta });
  });
  const { ms } = await host.gossip(messages, before + changes);
  return ms / changes;
}

async function sizeOf(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const sizes = files.map(
    async ({ parentPath, name }) => (await stat(join(parentPath, name))).size,
  );
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

type Said<Kind extends FromHost["kind"]> = Extract<FromHost, { kind: Kind }>;

/** The process that joins, as we see it. */
class Host {
  readonly started: { readonly ms: number; readonly usage: Used };
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, started: Said<"started">) {
    this.#child = child;
    this.started = started;
  }

  static async start(directory: string): Promise<Host> {
    const script = join(import.meta.dirname, "scale-host.ts");
    // As bin/starling starts an agent.
    const execArgv = ["--max-semi-space-size=4", "--v8-pool-size=2", "--expose-gc"];
    const options = { serialization: "advanced", execArgv } as const;
    const child = fork(script, [directory, String(joiner)], options);
    return new Host(child, await heard(child, "started"));
  }

  /** Links it with the cluster, and serves it until it has everything. */
  async link(cluster: Cluster, endpoints: number): Promise<Said<"settled">> {
    const child = this.#child;
    child.on("message", (message: FromHost) => {
      if (message.kind !== "pull") return;
      const { id, request } = message;
      for (const frame of serve(cluster.replica, request, limits))
        say(child, { kind: "frame", id, frame });
      say(child, { kind: "ended", id });
    });
    const { host, certificate, name, address, crypto } = memberOf(1);
    const revocations = new Revocations({ cluster: certificate.cluster, crypto, limits }).hash();
    const boot = "c".repeat(16) as BootId;
    const protocol = protocolVersion;
    const hello = encodeHello({ protocol, certificate, boot, name, address, revocations });
    const root = cluster.replica.digest.root();
    const reports = new Uint8Array(fingerprintBytes);
    const ping = encodeEnvelope({ kind: "ping", nonce: 1, root, reports });
    say(child, { kind: "link", host, hello, ping, endpoints });
    return heard(child, "settled");
  }

  gossip(messages: readonly Uint8Array[], endpoints: number): Promise<Said<"settled">> {
    say(this.#child, { kind: "gossip", from: memberOf(1).host, messages, endpoints });
    return heard(this.#child, "settled");
  }

  async stop(): Promise<void> {
    say(this.#child, { kind: "stop" });
    await heard(this.#child, "stopped");
  }
}

function say(child: ChildProcess, message: ToHost): void {
  child.send(message);
}

function heard<Kind extends FromHost["kind"]>(
  child: ChildProcess,
  kind: Kind,
): Promise<Said<Kind>> {
  return new Promise((resolve, reject) => {
    const take = (message: FromHost) => {
      if (message.kind !== kind) return;
      child.off("message", take);
      resolve(message as Said<Kind>);
    };
    child.on("message", take);
    child.once("exit", (code) => reject(new Error(`the host ended with ${code}`)));
  });
}
