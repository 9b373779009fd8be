/**
 * What follows from a change of the map: for the other machines, for our own records, and for who
 * watches.
 */
import type { HostId, NetworkId } from "../base/id.ts";
import type { Instant } from "../base/time.ts";
import type { Hooks, Parts } from "./parts.ts";
import { networkKey } from "./schema.ts";
import type { TableChange } from "./tables.ts";
import { endpointView, memberView } from "./views.ts";

/** Tells everybody what an origin's records now mean. */
export function follow(
  changes: readonly TableChange[],
  world: { readonly self: HostId; readonly parts: Parts; readonly hooks: Hooks },
  now: Instant,
): void {
  const { parts, hooks, self } = world;
  for (const change of changes) {
    parts.landscape.notice(change);
    parts.names.notice(change);
    parts.addressing.notice(change, now);
    parts.forgetting.notice(change);
    followOne(change, world, now);
    if (change.kind === "endpoint" && change.after?.host === self) {
      parts.attachments.recorded(change.after.id);
    }
    if (change.kind === "endpoint" && change.after === undefined && change.before?.host === self) {
      parts.attachments.gone(change.before);
    }
  }
  const isAboutAddresses = (kind: string) => ["grant", "network", "out"].includes(kind);
  const hasAddresses = changes.some(({ kind }) => isAboutAddresses(kind));
  if (hasAddresses) {
    parts.attachments.retry(now);
    parts.commands.retry(now);
  }
  for (const change of changes) announceEndpoint(change, hooks);
}

/** Says how a host is now. */
export function announceMember(host: HostId, hooks: Hooks, now: Instant): void {
  const member = memberView(hooks.scene(), host, now);
  if (member !== undefined) hooks.emit({ kind: "event", event: { kind: "member", member } });
}

function followOne(
  change: TableChange,
  world: { readonly self: HostId; readonly parts: Parts; readonly hooks: Hooks },
  now: Instant,
): void {
  switch (change.kind) {
    case "host":
      reckonWith(change.host, world, now);
      announceMember(change.host, world.hooks, now);
      break;
    case "network": {
      const network = change.after ?? change.before;
      if (network !== undefined) followNetwork(network.id, change.after !== undefined, world);
      break;
    }
    case "removal":
      followNetwork(change.id, !change.isRemoved, world);
      break;
    case "out":
      reckonWith(change.host, world, now);
      announceMember(change.host, world.hooks, now);
      break;
    case "endpoint":
    case "grant":
      break;
  }
}

/** A host that left, or was retired, is neither dialled nor missed. */
function reckonWith(host: HostId, { parts }: { readonly parts: Parts }, now: Instant): void {
  const { tables, contacts, confirmations } = parts;
  const record = tables.hosts.get(host);
  const isOut = record?.standing === "left" || tables.retirements.isRetired(host);
  if (record !== undefined && !isOut) return contacts.learn(host, record, now);
  contacts.forget(host);
  confirmations.lost(host, now);
}

function followNetwork(
  id: NetworkId,
  isThere: boolean,
  world: { readonly self: HostId; readonly parts: Parts; readonly hooks: Hooks },
): void {
  const { self, parts, hooks } = world;
  const { tables, attachments } = parts;
  const network = tables.networks.get(id);
  const change = isThere ? "added" : "removed";
  const ref = { id, name: network?.name ?? id };
  hooks.emit({ kind: "event", event: { kind: "network", change, network: ref } });
  if (isThere) return;
  // Whoever removed it, each host takes back what it wrote itself, and only that.
  for (const endpoint of tables.endpointsOf(id).values()) {
    if (endpoint.host === self) attachments.withdraw(endpoint.id);
  }
  if (network?.creator === self && tables.isRemoved(id)) {
    hooks.write([{ key: networkKey(id), value: undefined }]);
  }
}

function announceEndpoint(change: TableChange, hooks: Hooks): void {
  const endpoint = change.kind === "endpoint" ? (change.after ?? change.before) : undefined;
  if (change.kind !== "endpoint" || endpoint === undefined) return;
  const { state: _, ...view } = endpointView(hooks.scene(), endpoint);
  const isNew = change.before === undefined;
  const kind = change.after === undefined ? "removed" : isNew ? "added" : "changed";
  hooks.emit({ kind: "event", event: { kind: "endpoint", change: kind, endpoint: view } });
}
