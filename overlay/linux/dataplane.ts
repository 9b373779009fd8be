/**
 * The kernel's bridges, VXLAN devices, forwarding and neighbour entries, through two long-lived
 * iproute2 batches.
 */
import type { Vni } from "../../base/address.ts";
import type { Log } from "../../base/log.ts";
import type { Dataplane, DataplaneOp, OpFailure, Segment } from "../dataplane.ts";
import { bridgeName, ownDevice, vxlanName } from "../names.ts";
import { Attacher, type Batches, netnsInode } from "./attach.ts";
import { Batch } from "./batch.ts";
import { bridgeCreate, bridgeSet, type Lines, linesOf, vxlanCreate, vxlanSet } from "./commands.ts";
import { dump } from "./dump.ts";
import { runJson } from "./run.ts";
import { watchKernel } from "./watch.ts";

export type OpenedDataplane = Dataplane &
  AsyncDisposable & {
    /** Removes everything with our mark in this namespace; needs to know nothing. */
    purge(): Promise<void>;
  };

/** Nothing is changed by opening. */
export function openDataplane({ log }: { readonly log: Log }): OpenedDataplane {
  const stack = new AsyncDisposableStack();
  const batches = { ip: stack.use(new Batch("ip")), bridge: stack.use(new Batch("bridge")) };
  const attacher = new Attacher(batches);
  return {
    read: dump,
    apply: (ops) => apply(ops, batches),
    attach: (attachment) => attacher.attach(attachment),
    netnsInode,
    watch: (changed) => watchKernel(changed, log),
    purge: () => purge(batches),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

async function apply(ops: readonly DataplaneOp[], batches: Batches): Promise<OpFailure[]> {
  const failures: OpFailure[] = [];
  const broken = new Set<Vni>();
  let bulk: { readonly op: DataplaneOp; readonly lines: Lines }[] = [];
  const flush = async () => {
    failures.push(...(await applyLines(bulk, batches)));
    bulk = [];
  };
  for (const op of ops) {
    if (op.kind !== "bridge-set" && op.kind !== "vxlan-set") {
      if ("vni" in op && broken.has(op.vni)) failures.push({ op, reason: "its device is missing" });
      else bulk.push({ op, lines: linesOf(op) });
      continue;
    }
    await flush();
    const device = deviceOf(op);
    const isBroken = broken.has(op.segment.vni);
    const reason = isBroken ? "its bridge is missing" : await ensureDevice(device, batches);
    if (reason === undefined) bulk.push({ op, lines: device.lines });
    else {
      broken.add(op.segment.vni);
      failures.push({ op, reason });
    }
  }
  await flush();
  return failures;
}

type Device = {
  readonly name: string;
  readonly create: string;
  readonly lines: Lines;
  readonly segment: Segment;
};

function deviceOf({ kind, segment }: Extract<DataplaneOp, { segment: Segment }>): Device {
  return kind === "bridge-set"
    ? {
        name: bridgeName(segment.vni),
        create: bridgeCreate(segment),
        lines: bridgeSet(segment),
        segment,
      }
    : {
        name: vxlanName(segment.vni),
        create: vxlanCreate(segment),
        lines: vxlanSet(segment),
        segment,
      };
}

/** Makes the device, or finds our own; why neither was possible. */
async function ensureDevice(device: Device, batches: Batches): Promise<string | undefined> {
  const { name, create, segment } = device;
  const { ip, bridge } = batches;
  const reason = (await ip.run([create])).get(0);
  ip.renew();
  bridge.renew();
  if (reason === undefined || !reason.includes("exists")) return reason;
  const [link] = (await runJson("ip", ["-d", "link", "show", "dev", name]).catch(() => [])) as {
    readonly ifalias?: string;
    readonly linkinfo?: {
      readonly info_data?: {
        readonly local?: string;
        readonly local6?: string;
        readonly port?: number;
      };
    };
  }[];
  if (link === undefined) {
    return `${reason}: perhaps another VXLAN device has VNI ${segment.vni} and port ${segment.vxlanPort}`;
  }
  if (ownDevice(name, link.ifalias) === undefined) return `${name} exists and is not ours`;
  const settings = link.linkinfo?.info_data;
  const local = settings?.local ?? settings?.local6;
  if (local === undefined || (local === segment.vtep && settings?.port === segment.vxlanPort))
    return undefined;
  // Address and port of a VXLAN device cannot be changed.
  return (await ip.run([`link del dev ${name}`, create])).get(1);
}

async function applyLines(
  bulk: readonly { readonly op: DataplaneOp; readonly lines: Lines }[],
  batches: Batches,
): Promise<OpFailure[]> {
  const ip = await runAll(bulk, "ip", batches);
  const bridge = await runAll(bulk, "bridge", batches);
  return bulk.flatMap(({ op, lines }, at) => {
    const reason = ip.get(at) ?? bridge.get(at);
    return reason === undefined || lines.isOptional ? [] : [{ op, reason }];
  });
}

/** Runs one tool's lines of all ops at once: the first failure of each op, by the op's place. */
async function runAll(
  bulk: readonly { readonly lines: Lines }[],
  tool: "ip" | "bridge",
  batches: Batches,
): Promise<ReadonlyMap<number, string>> {
  const owners: number[] = [];
  const lines: string[] = [];
  for (const [at, { lines: own }] of bulk.entries()) {
    for (const line of own[tool]) {
      lines.push(line);
      owners.push(at);
    }
  }
  const reasons = new Map<number, string>();
  for (const [line, reason] of await batches[tool].run(lines)) {
    const owner = owners[line] ?? 0;
    if (!reasons.has(owner)) reasons.set(owner, reason);
  }
  return reasons;
}

async function purge(batches: Batches): Promise<void> {
  const links = (await runJson("ip", ["link", "show"])) as {
    readonly ifname: string;
    readonly ifalias?: string;
  }[];
  const ours = links.filter(({ ifname, ifalias }) => ownDevice(ifname, ifalias) !== undefined);
  await batches.ip.run(ours.map(({ ifname }) => `link del dev ${ifname.split("@")[0]}`));
}
