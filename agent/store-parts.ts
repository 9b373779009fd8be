/** The machines that know what the cluster knows: how it comes to us, and goes to others. */
import type { Refusal } from "../base/errors.ts";
import type { HostId } from "../base/id.ts";
import { Replica } from "../store/replica.ts";
import { Writer } from "../store/writer.ts";
import { Admission } from "./admission.ts";
import { CatchUp } from "./catch-up.ts";
import type { Command } from "./command.ts";
import { limits, timing } from "./config.ts";
import { OwnPast } from "./own-past.ts";
import type { AgentOptions, Hooks } from "./parts.ts";
import { Replication } from "./replication.ts";

/** Makes them; `linked`: the hosts that can be asked. */
export function makeStore(
  options: AgentOptions,
  { emit, learned, write }: Hooks,
  linked: () => readonly HostId[],
) {
  const { self, cluster, crypto, boot, log } = options;
  const admission = new Admission({ cluster, crypto });
  const veto = admission.veto.bind(admission);
  const replica = new Replica({ self, cluster, crypto, limits, veto });
  const wallMs = options.clock.wallMs();
  const writer = new Writer({ replica, crypto, self, cluster, boot, wallMs });
  const catchUp: CatchUp = new CatchUp({
    self,
    replica,
    options: timing.catchUp,
    bulkOrigins: timing.replication.relayedHeads,
    emit,
    log: log.named("catch-up"),
    hooks: {
      took: (from, delta, isBulk, now) => replication.pulled(from, delta, isBulk, now),
      compared: (from, offer, now) => ownPast.compared(from, offer, now),
      isLinked: (host) => linked().includes(host),
    },
  });
  const replication: Replication = new Replication({
    self,
    replica,
    writer,
    catchUp,
    options: timing.replication,
    emit,
    log: log.named("replication"),
    hooks: {
      learned,
      outdone: (from, past, now) => ownPast.heard(from, past, now),
    },
  });
  const ownPast = makeOwnPast({ options, replica, writer, catchUp, replication, linked, write });
  return { replica, writer, catchUp, replication, ownPast };
}

function makeOwnPast(world: {
  readonly options: AgentOptions;
  readonly replica: Replica;
  readonly writer: Writer;
  readonly catchUp: CatchUp;
  readonly replication: Replication;
  readonly linked: () => readonly HostId[];
  readonly write: Hooks["write"];
}): OwnPast {
  const { options, replica, writer, catchUp, replication, linked } = world;
  const { self, log } = options;
  return new OwnPast({
    self,
    replica,
    writer,
    options: timing.fence,
    log: log.named("replication"),
    linked,
    isGuest: options.root === undefined && options.seeds.length > 0,
    hasSynced: () => catchUp.hasCompared,
    compare: (host, now) => catchUp.compare(host, now),
    fetch: (host, target, now) =>
      catchUp.fetch(host, [{ origin: self, target, isWhole: true }], now),
    write: (writes) => void world.write(writes),
    opened: () => replication.appendNext(),
  });
}

/** Why the store takes no records from this command now, or undefined. */
export function storeVeto(
  command: Command,
  known: { readonly self: HostId; readonly replica: Replica; readonly ownPast: OwnPast },
): Refusal | undefined {
  const { self, replica, ownPast } = known;
  return makes.has(command.kind) ? (ownPast.refusal() ?? fullness(replica, self)) : undefined;
}

/** Commands that make records. Those that remove some are never refused for there being many. */
const makes: ReadonlySet<Command["kind"]> = new Set([
  "network-create",
  "endpoint-add",
  "endpoint-rename",
]);

function fullness(replica: Replica, self: HostId): Refusal | undefined {
  const own = replica.origin(self);
  const { recordsPerOrigin, bytesPerOrigin, ownReserve } = limits;
  const part = Math.max((own?.size ?? 0) / recordsPerOrigin, (own?.bytes ?? 0) / bytesPerOrigin);
  if (part < 1 - ownReserve) return undefined;
  const most = `${own?.size} records in ${own?.bytes} bytes; ${recordsPerOrigin} and ${bytesPerOrigin}`;
  const message = `this host holds ${most} are the most one host may; remove endpoints here`;
  return { code: "LIMIT_REACHED", message };
}
