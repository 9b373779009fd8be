/** Forgetting a host, for people: who may be forgotten, and how far it is. */
import type { Refusal } from "../base/errors.ts";
import type { HostId } from "../base/id.ts";
import { selfRetired } from "../ipam/refusals.ts";
import type { Command } from "./command.ts";
import type { Forgetting } from "./forgetting.ts";
import { type Found, findHost } from "./lookup.ts";
import type { ForgottenView } from "./view.ts";
import { hostRef, type Scene } from "./views.ts";

/** The host that is meant, if it may be forgotten: not ourselves, nor one that answers. */
export function forgettable(scene: Scene, ref: string, isForced: boolean): Found<HostId> {
  const { hosts, hidden } = scene.tables;
  const names = [...hosts].map(([id, { name }]) => [id, name] as const);
  const found = findHost(new Map([...hidden, ...names]), ref);
  if (found.kind === "refused") return found;
  const host = found.item;
  const { name } = hostRef(scene, host);
  if (host === scene.self) {
    const message = `${name} is this host; "starling leave" takes it out`;
    return { kind: "refused", refusal: { code: "BAD_REQUEST", message } };
  }
  const { retirements } = scene.tables;
  const isOut = hidden.has(host) || retirements.isRetired(host);
  const isGone = isOut || hosts.get(host)?.standing === "left";
  const reach = scene.peer(host)?.reach;
  if (isForced || isGone || reach === "unreachable") return found;
  const message = `host ${name} is ${reach ?? "known"}, not unreachable; "starling leave" there loses nothing, --force cuts it off`;
  return { kind: "refused", refusal: { code: "HOST_ALIVE", message } };
}

/** Commands that make sense only on a host that counts. */
const changes: readonly Command["kind"][] = [
  "network-create",
  "network-remove",
  "endpoint-add",
  "endpoint-rename",
  "address-reserve",
  "forget",
  "leave",
];

/**
 * Why a host does not do this: what a forgotten one writes counts for nobody, and the only admin
 * does not leave others who can let nobody in.
 */
export function barOf(command: Command, scene: Scene): Refusal | undefined {
  const { self, tables } = scene;
  const isChange = changes.some((change) => change === command.kind);
  if (isChange && tables.retirements.isRetired(self)) return selfRetired();
  if (command.kind !== "leave" || command.isForced || !isOnlyAdmin(scene)) return undefined;
  const advice = "make another one (starling admin add <host>), or --force";
  const message = `this host is the only admin, and without one nobody can join: ${advice}`;
  return { code: "LAST_ADMIN", message };
}

function isOnlyAdmin({ self, tables }: Scene): boolean {
  const others = [...tables.hosts].filter(([host, { standing }]) => {
    return host !== self && standing === undefined && !tables.retirements.isRetired(host);
  });
  const isAdmin = tables.hosts.get(self)?.admin !== undefined;
  return isAdmin && others.length > 0 && others.every(([, { admin }]) => admin === undefined);
}

/** How far the removal of a host is. */
export function forgottenView(scene: Scene, host: HostId, forgetting: Forgetting): ForgottenView {
  const progress = forgetting.progress(host);
  const ref = (id: HostId) => hostRef(scene, id);
  const view = { host: ref(host), endpoints: scene.tables.cutOffOn(host).length };
  switch (progress?.kind) {
    case "released":
      return { ...view, addresses: "released", waitingFor: [], settledBy: ref(progress.by) };
    case "frozen": {
      const { settler, waitingFor } = progress;
      const hosts = waitingFor.map(ref);
      return { ...view, addresses: "frozen", waitingFor: hosts, settledBy: ref(settler) };
    }
    case "orphaned":
    case undefined:
      return { ...view, addresses: "frozen", waitingFor: [], settledBy: undefined };
  }
}

/** What an operator should know of hosts that were taken out, ourselves included. */
export function removalWarnings(scene: Scene, forgetting: Forgetting): string[] {
  const { tables, self } = scene;
  const { retirements } = tables;
  const others = retirements.retired().filter((host) => host !== self);
  const frozen = others.flatMap((host) => frozenWarning(forgottenView(scene, host, forgetting)));
  return [...(retirements.isRetired(self) ? [ownWarning(scene)] : []), ...frozen];
}

function frozenWarning({ host, addresses, waitingFor, settledBy }: ForgottenView): string[] {
  if (addresses === "released") return [];
  const what = `host ${host.name} was forgotten, and its addresses are frozen`;
  if (settledBy === undefined)
    return [`${what}: whoever forgot it is gone too; run "starling forget ${host.name}" again`];
  const names = waitingFor.map(({ name }) => name).join(", ");
  return names === "" ? [] : [`${what} until ${names} acknowledge it to ${settledBy.name}`];
}

function ownWarning(scene: Scene): string {
  const { tables, self } = scene;
  const by = tables.retirements.retirersOf(self).map((host) => hostRef(scene, host).name);
  const cutOff = tables.cutOffOn(self);
  const taken = cutOff.filter(({ network, ips }) =>
    ips.some((ip) => tables.holderOf(network, ip) !== undefined),
  );
  const names = cutOff.map(({ id, name }) => name ?? id).join(", ");
  const ends = cutOff.length === 0 ? "" : `; its endpoints are cut off (${names})`;
  const twice =
    taken.length === 0 ? "" : `, ${taken.length} of them because others have their addresses now`;
  const how = "stop the agent, move its data directory away and join as a new host";
  return `this host was forgotten by ${by.join(", ")}${ends}${twice}; to come back, ${how}`;
}
