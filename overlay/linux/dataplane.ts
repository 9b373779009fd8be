/**
 * The kernel's bridges, VXLAN devices, forwarding and neighbour entries, through two long-lived
 * iproute2 batches, and the guard through nftables.
 */
import type { Vni } from "../../base/address.ts";
import type { Log } from "../../base/log.ts";
import type { Dataplane, DataplaneOp, OpFailure } from "../dataplane.ts";
import { ownDevice } from "../names.ts";
import { Attacher, type Batches, netnsInode } from "./attach.ts";
import { Batch } from "./batch.ts";
import { type GuardOp, type Lines, linesOf } from "./commands.ts";
import { ensureDevice } from "./devices.ts";
import { actualOf } from "./dump.ts";
import { Guardian } from "./guard.ts";
import { Passage } from "./passage.ts";
import { Reader } from "./reader.ts";
import { runJson } from "./run.ts";
import { Visitor } from "./visitor.ts";
import { watchKernel } from "./watch.ts";

/** The real one, to be closed. */
export type OpenedDataplane = Dataplane &
  AsyncDisposable & {
    /** Removes everything with our mark in this namespace; needs to know nothing. */
    purge(): Promise<void>;
  };

/** Nothing is changed by opening. */
export function openDataplane({ log }: { readonly log: Log }): OpenedDataplane {
  const stack = new AsyncDisposableStack();
  const batches = { ip: stack.use(new Batch("ip")), bridge: stack.use(new Batch("bridge")) };
  const reader = stack.use(new Reader());
  const visitor = stack.use(new Visitor());
  visitor.prepare();
  const attacher = new Attacher(batches, visitor);
  const guardian = new Guardian(log);
  const passage = new Passage(log);
  return {
    read: async () => {
      const readings = await reader.read();
      const actual = actualOf(readings);
      if (actual.segments.size > 0) void passage.keep(performance.now());
      return { ...actual, guard: guardian.read(readings) };
    },
    apply: async (ops) => {
      if (ops.some(({ kind }) => kind === "bridge-set")) void passage.keep(performance.now());
      // In the order of the batch would be one process after another, and they do not depend on
      // each other: a caller is told when both are done.
      const [failures] = await Promise.all([
        applyDevices(
          ops.filter((op) => !isGuard(op)),
          batches,
        ),
        applyGuard(ops.findLast(isGuard), guardian),
      ]);
      return failures;
    },
    attach: (attachment) => {
      void passage.keep(performance.now(), "soon");
      return attacher.attach(attachment);
    },
    netnsInode,
    watch: (changed) => watchKernel(changed, log),
    purge: async () => {
      await purgeLinks(batches);
      await guardian.set(undefined);
      await passage.remove();
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

function isGuard(op: DataplaneOp): op is GuardOp {
  return op.kind === "guard-set" || op.kind === "guard-remove";
}

function isEntry({ kind }: DataplaneOp): boolean {
  return kind === "remote-set" || kind === "remote-remove" || kind === "neighbour-remove";
}

async function applyGuard(op: GuardOp | undefined, guardian: Guardian): Promise<void> {
  if (op !== undefined) await guardian.set(op.kind === "guard-set" ? op.guard : undefined);
}

async function applyDevices(
  ops: readonly Exclude<DataplaneOp, GuardOp>[],
  batches: Batches,
): Promise<OpFailure[]> {
  const failures: OpFailure[] = [];
  const broken = new Set<Vni>();
  let bulk: { readonly op: DataplaneOp; readonly lines: Lines }[] = [];
  for (const op of ops) {
    if (op.kind !== "bridge-set" && op.kind !== "vxlan-set") {
      if ("vni" in op && broken.has(op.vni)) failures.push({ op, reason: "its device is missing" });
      else bulk.push({ op, lines: linesOf(op) });
      continue;
    }
    failures.push(...(await applyLines(bulk, batches)));
    bulk = [];
    const { vni } = op.segment;
    const ensured = broken.has(vni)
      ? ({ kind: "refused", reason: "its bridge is missing" } as const)
      : await ensureDevice(op);
    if (ensured.kind === "refused") {
      broken.add(vni);
      failures.push({ op, reason: ensured.reason });
      continue;
    }
    if (ensured.kind === "made") renew(batches);
    bulk.push({ op, lines: ensured.lines });
  }
  return [...failures, ...(await applyLines(bulk, batches))];
}

function renew({ ip, bridge }: Batches): void {
  ip.renew();
  bridge.renew();
}

async function applyLines(
  bulk: readonly { readonly op: DataplaneOp; readonly lines: Lines }[],
  batches: Batches,
): Promise<OpFailure[]> {
  const ready = runAll(bulk, "ip", batches);
  // Entries on devices that are there already need not wait for each other: it is the time until a
  // new endpoint is reached.
  const isOnlyEntries = bulk.every(({ op }) => isEntry(op));
  if (!isOnlyEntries) await ready;
  const [ip, bridge] = await Promise.all([ready, runAll(bulk, "bridge", batches)]);
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

async function purgeLinks(batches: Batches): Promise<void> {
  const links = (await runJson("ip", ["link", "show"])) as {
    readonly ifname: string;
    readonly ifalias?: string;
  }[];
  const ours = links.filter(({ ifname, ifalias }) => ownDevice(ifname, ifalias) !== undefined);
  await batches.ip.run(ours.map(({ ifname }) => `link del dev ${ifname.split("@")[0]}`));
}
