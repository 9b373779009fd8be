/**
 * One host of a large cluster, as a process of its own: the real core, real keys and a real
 * LevelDB; its peer is the process that started it, and its kernel is simulated.
 */
import { setTimeout } from "node:timers/promises";
import { Agent } from "../agent/agent.ts";
import { Loop } from "../agent/node/loop.ts";
import type { BootId, HostId } from "../base/id.ts";
import type { Log } from "../base/log.ts";
import { systemClock } from "../base/node/clock.ts";
import { systemRandom } from "../base/node/random.ts";
import type { Transport } from "../membership/transport.ts";
import type { Dataplane } from "../overlay/dataplane.ts";
import { openJournal } from "../store/leveldb/journal.ts";
import { RowReader } from "../store/rows.ts";
import { memberOf } from "./scale-cluster.ts";
import { TakingKernel } from "./taking-kernel.ts";

/** What the process that started us says. */
export type ToHost =
  | {
      readonly kind: "link";
      readonly host: HostId;
      readonly hello: Uint8Array;
      /** Shows that the peer holds something else. */
      readonly ping: Uint8Array;
      /** So many endpoints are to be known in the end. */
      readonly endpoints: number;
    }
  | { readonly kind: "frame"; readonly id: number; readonly frame: Uint8Array }
  | { readonly kind: "ended"; readonly id: number }
  /** Gossip, to be taken one after the other. */
  | {
      readonly kind: "gossip";
      readonly from: HostId;
      readonly messages: readonly Uint8Array[];
      readonly endpoints: number;
    }
  | { readonly kind: "stop" };

/** What we say to it. */
export type FromHost =
  | { readonly kind: "started"; readonly ms: number; readonly usage: Used }
  | { readonly kind: "pull"; readonly id: number; readonly request: Uint8Array }
  /** All that came is in the kernel and on disk. */
  | { readonly kind: "settled"; readonly ms: number; readonly usage: Used }
  | { readonly kind: "stopped" };

/** What the process uses, and what it knows. */
export type Used = {
  readonly rssMiB: number;
  /** The same once everything that is not in use has been collected, as an idle agent does. */
  readonly restMiB: number;
  /** What of it is in use, after everything that is not has been collected. */
  readonly heldMiB: number;
  readonly cpuMs: number;
  readonly endpoints: number;
  readonly remotes: number;
};

const [directory = "", number = "2"] = process.argv.slice(2);
const member = memberOf(Number(number));
const kernel = new TakingKernel();
const silent: Log = {
  error: (phrase, fields) => void process.stderr.write(`${phrase} ${JSON.stringify(fields)}\n`),
  warn: (phrase, fields) => void process.stderr.write(`${phrase} ${JSON.stringify(fields)}\n`),
  info: () => undefined,
  debug: () => undefined,
  named: () => silent,
};

function tell(message: FromHost): void {
  process.send?.(message);
}

const transport: Transport = {
  dial: () => undefined,
  send: () => undefined,
  publish: () => undefined,
  pull: ({ id, request }) => tell({ kind: "pull", id, request }),
  close: () => undefined,
  join: () => Promise.reject(new Error("nobody joins here")),
};

const dataplane: Dataplane = {
  read: async () => kernel.read(),
  apply: async (ops) => {
    kernel.apply(ops);
    return [];
  },
  attach: async () => ({ netnsInode: 1 }),
  netnsInode: async () => 1,
  watch: () => () => undefined,
};

const startedAt = performance.now();
const journal = await openJournal({ directory, log: silent });
const agent = new Agent({
  self: member.host,
  cluster: member.cluster,
  boot: "b".repeat(16) as BootId,
  name: member.name,
  certificate: member.certificate,
  address: member.address,
  version: "bench",
  underlay: { device: "eth0", address: member.vtep, mtu: 1_500 },
  vxlanPort: 4_789,
  seeds: [],
  crypto: member.crypto,
  random: systemRandom,
  clock: systemClock,
  log: silent,
  root: undefined,
  isIsolated: true,
  names: { isServed: false, ttlS: 1 },
});
const reader = new RowReader();
for await (const row of journal.load("origins")) reader.take(row);
const places = await Array.fromAsync(journal.load("local"));
agent.restore({ origins: reader.finish().origins, places });
const loop = new Loop({
  clock: systemClock,
  log: silent,
  joining: () => {
    throw new Error("bug: we are a member");
  },
  stopped: () => undefined,
});
const vault = { save: async () => undefined };
const names = { listen: () => undefined };
await loop.start({ agent, ports: { transport, journal, dataplane, vault, names }, trust: "whole" });

async function used(): Promise<Used> {
  const { user, system } = process.cpuUsage();
  const rssMiB = process.memoryUsage.rss() / 2 ** 20;
  // The last resort gives back pages too, as an idle agent does in time.
  globalThis.gc?.({ type: "major", execution: "sync", flavor: "last-resort" });
  const { heapUsed, external } = process.memoryUsage();
  return {
    rssMiB,
    restMiB: process.memoryUsage.rss() / 2 ** 20,
    heldMiB: (heapUsed + external) / 2 ** 20,
    cpuMs: (user + system) / 1_000,
    endpoints: await endpointsKnown(),
    remotes: kernel.remotes,
  };
}

async function endpointsKnown(): Promise<number> {
  const answer = await loop.ask({ kind: "status" });
  if (answer.kind !== "status") throw new Error("bug: no status");
  return answer.status.kernel.isInSync ? answer.status.endpoints.total : 0;
}

/** Once the kernel holds what the map implies and the disk what the map is. */
async function settled(since: number, endpoints: number): Promise<void> {
  while ((await endpointsKnown()) < endpoints) await setTimeout(50);
  // An empty append is behind all others.
  await journal.append([], { isDurable: false });
  tell({ kind: "settled", ms: performance.now() - since, usage: await used() });
}

process.on("message", (message: ToHost) => {
  switch (message.kind) {
    case "link": {
      const since = performance.now();
      const { host, hello, ping } = message;
      loop.linkUp({ host, hello, address: "peer", isInbound: false });
      loop.received(host, ping);
      void settled(since, message.endpoints);
      break;
    }
    case "frame":
      loop.pulled(message.id, message.frame);
      break;
    case "ended":
      loop.pullEnded(message.id, undefined);
      break;
    case "gossip": {
      const since = performance.now();
      for (const each of message.messages) loop.gossiped(message.from, each);
      void settled(since, message.endpoints);
      break;
    }
    case "stop":
      loop.close();
      void journal[Symbol.asyncDispose]().then(() => {
        tell({ kind: "stopped" });
        process.disconnect();
      });
      break;
  }
});
tell({ kind: "started", ms: performance.now() - startedAt, usage: await used() });
