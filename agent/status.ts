/** The agent's account of itself, warnings included: what `starling status` shows. */
import { toHex } from "../base/bytes.ts";
import type { HostId } from "../base/id.ts";
import type { Instant } from "../base/time.ts";
import type { Replica } from "../store/replica.ts";
import type { Forgetting } from "./forgetting.ts";
import { removalWarnings } from "./forgotten.ts";
import type { Gatekeeper } from "./gatekeeper.ts";
import type { Leaving } from "./leaving.ts";
import type { NameBook } from "./name-book.ts";
import type { OwnPast } from "./own-past.ts";
import type { AgentOptions } from "./parts.ts";
import type { Reconciler } from "./reconciler.ts";
import type { Replication } from "./replication.ts";
import type { MemberState, StatusView } from "./view.ts";
import { memberViews, networkView, type Scene } from "./views.ts";

type Parts = {
  readonly options: AgentOptions;
  readonly scene: Scene;
  readonly replica: Replica;
  readonly ownPast: OwnPast;
  readonly replication: Replication;
  readonly reconciler: Reconciler;
  readonly forgetting: Forgetting;
  readonly leaving: Leaving;
  readonly names: NameBook;
  readonly gatekeeper: Pick<Gatekeeper, "warnings">;
};

/** What `starling status` shows. */
export function statusView(
  { options, scene, reconciler, forgetting, leaving, names, gatekeeper, ...store }: Parts,
  now: Instant,
): StatusView {
  const { self, cluster, boot, name, address, version, underlay } = options;
  const { tables } = scene;
  const { replica } = store;
  const members = memberViews(scene, now);
  const count = (state: string) => members.filter((member) => member.state === state).length;
  const head = replica.origin(self)?.head;
  return {
    version,
    state: "member",
    joining: undefined,
    cluster,
    host: { id: self, name, boot, address },
    underlay: { device: underlay.device, vtep: underlay.address, mtu: underlay.mtu },
    members: {
      alive: count("alive"),
      suspect: count("suspect"),
      unreachable: count("unreachable"),
    },
    networks: tables.shownNetworks().length,
    endpoints: { local: tables.endpointsOn(self).size, total: tables.endpoints.size },
    store: {
      epoch: head?.epoch ?? 0,
      seq: head?.seq ?? 0,
      root: toHex(replica.digest.root()),
      origins: replica.heads().length,
      records: replica.size,
    },
    kernel: {
      isInSync: scene.isSettled,
      repairs: reconciler.repairs,
      failures: reconciler.failures.map(({ op, reason }) => `${op.kind}: ${reason}`),
      conflicts: reconciler.conflicts.map(({ device, reason }) => `${device}: ${reason}`),
    },
    dns: names.view(),
    warnings: [
      ...gatekeeper.warnings(),
      ...warnings(scene, reconciler, members.filter(({ state }) => isIn(state)).length),
      ...storeWarnings(scene, store),
      ...removalWarnings(scene, forgetting),
      ...names.warnings(),
      ...leavingWarnings(leaving),
    ],
    uptimeMs: Math.round(now - scene.startedAt),
  };
}

function leavingWarnings({ obstacle }: Leaving): string[] {
  return obstacle === undefined ? [] : [`this host cannot leave yet: ${obstacle}`];
}

const isolated =
  "most hosts that this one watches do not answer it, and no other host misses them: this host may be the one that is cut off";
const oneWay =
  "does not answer this host, though others reach it: the path between the two is at fault";

function isIn(state: MemberState): boolean {
  return state !== "left" && state !== "retired";
}

function warnings(scene: Scene, reconciler: Reconciler, members: number): string[] {
  const { tables, self, peer } = scene;
  const lost = [...tables.hosts].filter(([host]) => peer(host)?.reach === "unreachable");
  const conflicts = tables.shownNetworks().flatMap((network) => {
    const { name, conflict } = networkView(scene, network);
    return conflict === undefined ? [] : [`network ${name} (${network.id}): ${conflict}`];
  });
  const isCutOff = members > 1 && lost.length === members - 1;
  return [
    ...(isCutOff ? ["no other host is reachable: this host may be the one that is cut off"] : []),
    ...(scene.isIsolated && !isCutOff ? [isolated] : []),
    ...[...tables.hosts].flatMap(([host, { name }]) =>
      peer(host)?.isCutOff === true ? [`host ${name} ${oneWay}`] : [],
    ),
    ...lost.map(([host, { name }]) => {
      const count = tables.endpointsOn(host).size;
      return `host ${name} is unreachable; its ${count} endpoints stay in the kernel, for they may still run`;
    }),
    ...conflicts,
    ...(reconciler.guardFault === undefined ? [] : [unguarded(reconciler.guardFault)]),
    ...reconciler.conflicts.map(
      ({ device, reason }) => `the interface ${device} is in our way and not ours: ${reason}`,
    ),
    ...(tables.hosts.has(self) ? [] : ["this host has not yet published itself"]),
  ];
}

function storeWarnings(
  { tables }: Scene,
  { replica, ownPast, replication }: Pick<Parts, "replica" | "ownPast" | "replication">,
): string[] {
  const nameOf = (host: HostId) => tables.hosts.get(host)?.name ?? host;
  const proofs = [...replica.proofs].map(([host, [{ epoch, seq }]]) => {
    const what = `host ${nameOf(host)} has signed two states of epoch ${epoch}, seq ${seq}`;
    return `${what}: its key is in two hands, or its disk was copied; the proof is kept here`;
  });
  const refused = [...replica.refused].map(
    ([host, { reason }]) => `host ${nameOf(host)}'s newest records are not taken: ${reason}`,
  );
  const own = ownPast.refusal()?.message;
  const { unkept } = replication;
  const behind = `${unkept} rows of others' records are not on disk, for it refuses them; they are tried again`;
  return [
    ...(own === undefined ? [] : [own]),
    ...proofs,
    ...refused,
    ...(unkept === 0 ? [] : [behind]),
  ];
}

function unguarded(reason: string): string {
  return `tunnelled frames of strangers are not kept out, nor router advertisements of endpoints, for there is no working nftables: ${reason}`;
}
