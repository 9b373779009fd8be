/** The machines of one agent, made in the order in which they know of each other. */
import type { Crypto, Signer } from "../base/crypto.ts";
import type { BootId, ClusterId, HostId, Name } from "../base/id.ts";
import type { Log } from "../base/log.ts";
import type { Random } from "../base/random.ts";
import type { Clock, Instant } from "../base/time.ts";
import { Ledger } from "../ipam/ledger.ts";
import type { Certificate } from "../membership/certificate.ts";
import type { Underlay } from "../overlay/dataplane.ts";
import { nothing } from "../store/head.ts";
import type { JournalOp } from "../store/journal.ts";
import type { Difference } from "../store/origin-state.ts";
import type { Write } from "../store/writer.ts";
import { Addressing } from "./addressing.ts";
import { AdmissionCommands } from "./admission-commands.ts";
import { Attachments } from "./attachments.ts";
import { Commands } from "./commands.ts";
import { limits, timing } from "./config.ts";
import { Confirmations } from "./confirmations.ts";
import { Contacts, type Reach } from "./contacts.ts";
import type { Emit } from "./effect.ts";
import { Forgetting } from "./forgetting.ts";
import { Gatekeeper } from "./gatekeeper.ts";
import { Landscape } from "./landscape.ts";
import { Leaving, leavingRefusal } from "./leaving.ts";
import { containerOf, NameBook } from "./name-book.ts";
import { Places } from "./places.ts";
import { Post } from "./post.ts";
import { Reconciler } from "./reconciler.ts";
import { makeStore, storeVeto } from "./store-parts.ts";
import { type TableChange, Tables } from "./tables.ts";
import type { StatusView } from "./view.ts";
import type { Scene } from "./views.ts";

/** What an agent is made of. */
export type AgentOptions = {
  readonly self: HostId;
  readonly cluster: ClusterId;
  readonly boot: BootId;
  readonly name: Name;
  readonly certificate: Certificate;
  /** Where we listen: `10.0.0.1:7790`. */
  readonly address: string;
  readonly version: string;
  readonly underlay: Underlay;
  readonly vxlanPort: number;
  readonly seeds: readonly string[];
  readonly crypto: Crypto;
  readonly random: Random;
  readonly clock: Clock;
  readonly log: Log;
  /** The cluster's root key, on the host that holds it. */
  readonly root: Signer | undefined;
  /** The operator says that no other host knows more of this one than its own disk. */
  readonly isIsolated: boolean;
  /** Whether names are answered, and for how many seconds an answer may be remembered. */
  readonly names: { readonly isServed: boolean; readonly ttlS: number };
};

/** What the machines tell the agent, and ask of it. */
export type Hooks = {
  readonly emit: Emit;
  /** The map has changed. */
  readonly learned: (origin: HostId, differences: readonly Difference[]) => void;
  /** The map means something else than before. */
  readonly follow: (changes: readonly TableChange[]) => void;
  /** A new link speaks like any other from now on. */
  readonly agreed: (host: HostId) => void;
  /** Our host record is to be written anew. */
  readonly papersChanged: () => void;
  readonly memberChanged: (host: HostId, reach: Reach) => void;
  /** The kernel holds what is wanted. */
  readonly settled: () => void;
  /** Writes records of ours, and with them what only this host keeps; returns the ticket. */
  readonly write: (writes: readonly Write[], localOps?: readonly JournalOp[]) => number;
  readonly scene: () => Scene;
  readonly status: (now: Instant) => StatusView;
};

/** All machines of one agent. */
export type Parts = ReturnType<typeof makeParts>;

/** Makes the machines; none does anything before its first input. */
export function makeParts(options: AgentOptions, hooks: Hooks) {
  const known = makeKnown(options, hooks);
  const forgetting = makeForgetting(options, hooks, known);
  const local = makeLocal(options, hooks, { ...known, forgetting });
  const commands = new Commands({
    self: options.self,
    tables: known.tables,
    ...local,
    forgetting,
    random: options.random,
    emit: hooks.emit,
    scene: hooks.scene,
    status: hooks.status,
    routes: () => local.reconciler.routes,
    alive: () => known.contacts.reachable(),
    version: () => known.writer.version,
    wallMs: () => options.clock.wallMs(),
    write: hooks.write,
    veto: (command) =>
      known.gatekeeper.veto(command) ?? storeVeto(command, { self: options.self, ...known }),
    admission: (command, reply) => admission.ask(command, reply),
    addressMs: timing.addressMs,
  });
  const admission = new AdmissionCommands({
    self: options.self,
    tables: known.tables,
    gatekeeper: known.gatekeeper,
    wallMs: () => options.clock.wallMs(),
    versionOf: (host) => known.replica.versionOf(host),
    write: (writes, then) => commands.whenDurable(hooks.write(writes), then),
  });
  const names = makeNames(options, hooks.emit, { ...known, ...local });
  return { ...known, forgetting, ...local, names, commands };
}

/** What the cluster knows, and who is in it. */
function makeKnown(options: AgentOptions, hooks: Hooks) {
  const { emit, memberChanged } = hooks;
  const { self, cluster, crypto, random, seeds, log } = options;
  const linked = (): readonly HostId[] => contacts.linked();
  const readable = () => linked().filter((host) => !gatekeeper.bans.isUnread(host));
  const store = makeStore(options, hooks, readable);
  const contacts: Contacts = new Contacts({
    self,
    cluster,
    crypto,
    seeds,
    options: { ...timing, ...limits },
    random,
    emit,
    log: log.named("contacts"),
    root: () => store.replica.digest.root(),
    isCloned: () => store.ownPast.state.kind === "cloned",
    changed: memberChanged,
  });
  const tables = new Tables();
  const { replica } = store;
  const gatekeeper = new Gatekeeper({
    ...{ ...options, ...hooks, tables, replica, linked },
    reachable: () => contacts.reachable(),
  });
  const post = new Post({
    ...{ self, cluster, crypto, hops: limits.letterHops, log: log.named("post") },
    isLinked: (host) => contacts.isLinked(host),
    via: (host) => contacts.via(host),
  });
  return { tables, ledger: new Ledger(), ...store, contacts, post, gatekeeper };
}

/** What this host has to do with hosts that go. */
function makeForgetting(
  options: AgentOptions,
  { write }: Hooks,
  { tables, ledger, replica, writer, catchUp, ownPast, contacts }: ReturnType<typeof makeKnown>,
) {
  const { self, crypto, log, isIsolated } = options;
  const forgetting: Forgetting = new Forgetting({
    self,
    tables,
    ledger,
    crypto,
    log: log.named("forgetting"),
    lookMs: timing.forgettingMs,
    settleMs: timing.settleMs,
    versionOf: (host) => replica.origin(host)?.head ?? nothing,
    lastOf: (host) => replica.lastOf(host),
    isBusy: () => writer.hasMore,
    isCompared: () =>
      isIsolated || (ownPast.isCompared && catchUp.hasCompared) || forgetting.isAlone,
    write,
    alive: () => contacts.reachable(),
  });
  return forgetting;
}

/** What is on this host: addresses, interfaces, devices. */
function makeLocal(
  options: AgentOptions,
  { emit, settled, write }: Hooks,
  known: ReturnType<typeof makeKnown> & { readonly forgetting: Forgetting },
) {
  const { tables, ledger, contacts, forgetting, writer, ownPast } = known;
  const { self, random, underlay, vxlanPort, crypto, log } = options;
  const addressing = new Addressing({
    self,
    tables,
    random,
    emit,
    log: log.named("addressing"),
    options: { ...timing.addressing, reservationMs: timing.reservationMs },
    write,
    ledger,
    isReachable: (host) => contacts.isReachable(host),
    isHeldBack: (grant) => forgetting.isHeldBack(grant),
    mayAllocate: () => (leaving.isLeaving ? leavingRefusal() : forgetting.doubt),
  });
  const landscape = new Landscape({ self, tables, underlay, vxlanPort, crypto });
  const places = new Places();
  const attachments = new Attachments({
    ...{ emit, addressing, places },
    log: log.named("attachments"),
    mtu: () => landscape.mtu,
    vniOf: (network) => landscape.vniOf(network),
    write: (key, value, ops) => write([{ key, value }], ops),
  });
  const reconciler = new Reconciler({
    options: timing.reconciler,
    emit,
    log: log.named("reconciler"),
    settled,
    looking: () => attachments.looking(),
    dumped: (actual) => {
      if (ownPast.isRestored) attachments.compare(actual, tables.endpointsOn(self).keys());
    },
    mayPrune: (now) => ownPast.isRestored && isComplete(options, known, now),
  });
  const confirmations = new Confirmations({ self, emit, askAgainMs: timing.confirmAgainMs });
  const leaving: Leaving = new Leaving({
    ...{ self, tables, ledger, forgetting, attachments, confirmations, emit, write },
    version: () => writer.version,
    isBusy: () => writer.hasMore,
    farewellMs: timing.farewellMs,
  });
  return { addressing, landscape, places, attachments, reconciler, confirmations, leaving };
}

/** What endpoints of this host are told when they ask for names. */
function makeNames(
  { self, random, names: options }: AgentOptions,
  emit: Emit,
  known: Pick<ReturnType<typeof makeKnown>, "tables" | "contacts"> & { readonly places: Places },
): NameBook {
  const { tables, contacts, places } = known;
  return new NameBook({
    ...{ self, tables, random, emit, options },
    answersAtMost: limits.namesAnswers,
    isReachable: (host) => contacts.isReachable(host),
    containerOf: (endpoint) => containerOf(endpoint, places.get(endpoint.id)),
  });
}

/** Whether the peers have told us what there is, or there is nobody who could. */
function isComplete(
  { isIsolated, seeds }: AgentOptions,
  { catchUp, forgetting }: Pick<Parts, "catchUp" | "forgetting">,
  now: Instant,
): boolean {
  return isIsolated || catchUp.hasHeardAll(now) || (seeds.length === 0 && forgetting.isAlone);
}
