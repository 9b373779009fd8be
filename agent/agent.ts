/**
 * The agent: every input is a call that runs to its end, takes `now`, and leaves effects behind.
 *
 *        commands                     messages, links                     the tick
 *           v                               v                                v
 *   +--------------------------------- this file ------------------------------------+
 *   |  contacts: who answers    replication: what we all know    addressing: which   |
 *   |  attachments: what is here    reconciler: what the kernel should hold          |
 *   +--------------------------------------------------------------------------------+
 *           v                               v                                v
 *        answers                   send, publish, pull              append, apply, attach
 */

import { bytesEqual } from "../base/bytes.ts";
import { encode } from "../base/codec.ts";
import type { Refusal } from "../base/errors.ts";
import type { EndpointId, HostId } from "../base/id.ts";
import type { Log } from "../base/log.ts";
import type { Instant } from "../base/time.ts";
import type { GossipVerdict, Link } from "../membership/transport.ts";
import type { SafeFile } from "../membership/vault.ts";
import type { Query, ServerReport } from "../names/name-server.ts";
import type { Reply } from "../names/record.ts";
import type { Actual, OpFailure } from "../overlay/dataplane.ts";
import type { Trust } from "../store/fence.ts";
import type { JournalOp } from "../store/journal.ts";
import { serve } from "../store/sync.ts";
import type { Write } from "../store/writer.ts";
import type { Command } from "./command.ts";
import { limits, timing } from "./config.ts";
import { announceMember, follow } from "./consequences.ts";
import { dispatch, hearGossip, type Reader } from "./dispatch.ts";
import type { Effect } from "./effect.ts";
import { decodeEnvelope } from "./envelope.ts";
import { unmarkFresh } from "./fresh.ts";
import { type AgentOptions, type Hooks, makeParts, type Parts } from "./parts.ts";
import { restoreParts, type Stored } from "./restoring.ts";
import { hostKey } from "./schema.ts";
import { selfRecord, withSelf } from "./self-record.ts";
import { statusView } from "./status.ts";
import type { TableChange } from "./tables.ts";
import type { Scene } from "./views.ts";

export type { AgentOptions } from "./parts.ts";

/** One agent: its inputs are its methods, what it wants done is drained. */
export class Agent {
  readonly #options: AgentOptions;
  readonly #log: Log;
  readonly #startedAt: Instant;
  readonly #hooks: Hooks;
  readonly #parts: Parts;
  #effects: Effect[] = [];
  #writeTicket = 0;
  #refreshedAt: Instant = 0;
  /** The time of the input being handled. */
  #now: Instant;

  constructor(options: AgentOptions) {
    this.#options = options;
    this.#log = options.log;
    this.#now = options.clock.now();
    this.#startedAt = this.#now;
    this.#hooks = {
      emit: (effect) => this.#emit(effect),
      learned: (origin, differences) => {
        this.#follow(this.#parts.tables.update(origin, differences));
        if (differences.some(({ key }) => key === hostKey))
          this.#parts.gatekeeper.bans.judge(origin);
      },
      follow: (changes) => this.#follow(changes),
      agreed: (host) => this.#parts.replication.compare(host, this.#now),
      papersChanged: () => this.#publishSelf(),
      memberChanged: (host, reach) => {
        if (reach === "unreachable") this.#parts.confirmations.lost(host, this.#now);
        announceMember(host, this.#hooks, this.#now);
      },
      settled: () => this.#settled(),
      write: (writes, localOps) => this.#write(writes, localOps),
      scene: () => this.#scene(),
      status: (now) => statusView({ options, scene: this.#scene(), ...this.#parts }, now),
    };
    this.#parts = makeParts(options, this.#hooks);
  }

  /** Everything the last inputs left to do, in order. */
  drain(): readonly Effect[] {
    this.#refresh();
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  /** Takes back the small files, first of all. False where one is not what it should be. */
  restoreFile(file: "tokens" | "revocations", bytes: Uint8Array): boolean {
    return this.#parts.gatekeeper.restore(file, bytes);
  }

  /** Takes back what the disk held, before any input. Returns origins that are not whole. */
  restore(stored: Stored): HostId[] {
    return restoreParts(this.#parts, { learned: this.#hooks.learned, now: this.#now }, stored);
  }

  /**
   * The first input after `restore`: makes sure that our own host record says what is so. `trust`:
   * what the disk says of our own records.
   */
  start(trust: Trust, now: Instant): void {
    this.#now = now;
    this.#parts.ownPast.start({ trust, isIsolated: this.#options.isIsolated }, now);
    this.#parts.gatekeeper.papers.start();
    this.#publishSelf(true);
    this.tick(now);
  }

  /** What we say first on a link. */
  hello(): Uint8Array {
    return this.#parts.gatekeeper.hello();
  }

  /** Why we do not link with this peer, or undefined where we do. */
  refusal(peer: HostId, hello: Uint8Array, now: Instant): string | undefined {
    if (this.#parts.ownPast.state.kind === "cloned")
      return "another machine runs under its identity, and it has stopped";
    return this.#parts.gatekeeper.refusal(peer, hello, now);
  }

  /** How the write of a small file ended. */
  saved(file: SafeFile, refusal: Refusal | undefined, now: Instant): void {
    this.#now = now;
    this.#parts.gatekeeper.saved(file, refusal);
  }

  ask(ticket: number, command: Command, now: Instant): void {
    this.#now = now;
    this.#parts.commands.ask(ticket, command, now);
  }

  tick(now: Instant): void {
    this.#now = now;
    this.#parts.contacts.tick(now);
    this.#parts.catchUp.tick(now);
    this.#parts.ownPast.tick(now);
    this.#parts.replication.tick(now);
    this.#parts.addressing.tick(now);
    this.#parts.forgetting.tick(now);
    this.#parts.leaving.tick(now);
    this.#parts.attachments.retry(now);
    this.#parts.commands.retry(now);
    this.#parts.confirmations.tick(now);
    this.#parts.gatekeeper.tick(now);
    if (!this.#parts.ownPast.isHolding) this.#parts.reconciler.tick(now);
  }

  /** A `wake` is due. */
  woken(now: Instant): void {
    this.#now = now;
    this.#parts.replication.woken(now);
  }

  linkUp(link: Link, now: Instant): void {
    this.#now = now;
    const { contacts, gatekeeper, replication } = this.#parts;
    contacts.linkUp(link, now);
    gatekeeper.linkUp(link);
    if (!gatekeeper.bans.isUnread(link.host)) replication.linkUp(link.host);
  }

  linkDown(host: HostId, reason: string, now: Instant): void {
    this.#now = now;
    this.#parts.contacts.linkDown(host, reason, now);
    this.#parts.catchUp.linkDown(host, now);
    this.#parts.replication.linkDown(host);
    this.#parts.gatekeeper.bans.linkDown(host);
  }

  dialFailed(address: string, reason: string, now: Instant): void {
    this.#now = now;
    this.#parts.contacts.dialFailed(address, reason, now);
    this.#parts.gatekeeper.dialFailed(address, reason);
  }

  /** A message on a link. */
  received(from: HostId, bytes: Uint8Array, now: Instant): void {
    this.#now = now;
    const envelope = decodeEnvelope(bytes);
    if (envelope === undefined) {
      this.#log.warn("malformed message", { host: from, bytes: bytes.length });
      this.#parts.gatekeeper.judged(from, "reject", now);
    } else dispatch(from, envelope, this.#reader(), now);
  }

  /** A gossiped message; the verdict decides whether it is passed on. */
  gossiped(from: HostId, bytes: Uint8Array, now: Instant): GossipVerdict {
    this.#now = now;
    const { gatekeeper } = this.#parts;
    if (gatekeeper.bans.isUnread(from)) return "ignore";
    const verdict = hearGossip(from, decodeEnvelope(bytes), this.#parts, now);
    gatekeeper.judged(from, verdict, now);
    return verdict;
  }

  /**
   * The frames that answer a host's pull; also while we do not read what it says: no frames would
   * tell it that we know nothing it lacks.
   */
  serve(_from: HostId, request: Uint8Array): Iterable<Uint8Array> {
    return serve(this.#parts.replica, request, limits);
  }

  pulled(id: number, frame: Uint8Array, now: Instant): void {
    this.#now = now;
    this.#parts.catchUp.pulled(id, frame, now);
  }

  pullEnded(id: number, reason: string | undefined, now: Instant): void {
    this.#now = now;
    if (reason !== undefined) this.#log.debug("pull ended early", { reason });
    this.#parts.catchUp.ended(id, reason, now);
  }

  /**
   * A stranger, or a member on a stranger's behalf, wants to join. Answered by a `joined` effect.
   */
  joinRequested(ticket: number, request: Uint8Array, now: Instant): void {
    this.#now = now;
    this.#parts.gatekeeper.joinRequested(ticket, request, now);
  }

  appended(now: Instant): void {
    this.#now = now;
    const { tickets } = this.#parts.replication.appended(now);
    this.#parts.commands.durable(tickets, now);
  }

  appendFailed(refusal: Refusal, now: Instant): void {
    this.#now = now;
    this.#log.error("own records could not be written", { reason: refusal.message });
    this.#parts.commands.lost(this.#parts.replication.appendFailed(), refusal, now);
  }

  /** Others' records are on disk, or with a refusal they are not. */
  kept(ops: readonly JournalOp[], refusal: Refusal | undefined, now: Instant): void {
    this.#now = now;
    this.#parts.replication.kept(ops, refusal?.message, now);
  }

  applied(failures: readonly OpFailure[], now: Instant): void {
    this.#now = now;
    this.#parts.reconciler.applied(failures, now);
  }

  dumped(actual: Actual | undefined, now: Instant): void {
    this.#now = now;
    if (actual === undefined) this.#parts.reconciler.dumpFailed(now);
    else this.#parts.reconciler.dumped(actual, now);
  }

  attached(
    endpoint: EndpointId,
    outcome: { readonly netnsInode: number | undefined } | { readonly refusal: Refusal },
    now: Instant,
  ): void {
    this.#now = now;
    if (this.#parts.attachments.attached(endpoint, outcome)) this.#parts.reconciler.repaired();
  }

  inspected(id: EndpointId, inode: number | undefined, now: Instant): void {
    this.#now = now;
    const endpoint = this.#parts.tables.endpoints.get(id);
    if (this.#parts.attachments.found(id, inode) || endpoint === undefined) return;
    const network = this.#parts.tables.isShown(endpoint.network)
      ? this.#parts.tables.networks.get(endpoint.network)
      : undefined;
    this.#parts.attachments.inspected(endpoint, network, inode);
  }

  /** Who asks for a name is answered at once; nothing changes by it. */
  resolve(query: Query): Reply {
    return this.#parts.names.resolve(query);
  }

  /** What the name server says of itself. */
  serving(report: ServerReport): void {
    this.#parts.names.serving(report);
  }

  kernelChanged(now: Instant): void {
    this.#now = now;
    this.#parts.reconciler.kernelChanged(now);
  }

  /**
   * The agent is ready: the kernel equals the map as far as we know it, or is left alone until we
   * know it well enough.
   */
  get isSettled(): boolean {
    const { reconciler, writer, ownPast, landscape } = this.#parts;
    const isSettled = reconciler.isSettled && !landscape.isBehind && !writer.isBusy;
    return ownPast.isHolding || isSettled;
  }

  /** Answers what is open; the agent is asked nothing more. */
  close(): void {
    this.#parts.commands.close();
  }

  /** Messages to one host find their way also where there is no link. */
  #emit(effect: Effect): void {
    this.#effects.push(effect.kind === "send" ? this.#parts.post.address(effect) : effect);
  }

  #reader(): Reader {
    return {
      self: this.#options.self,
      parts: this.#parts,
      emit: this.#hooks.emit,
      settled: this.#hooks.settled,
    };
  }

  #follow(changes: readonly TableChange[]): void {
    const { self } = this.#options;
    follow(changes, { self, parts: this.#parts, hooks: this.#hooks }, this.#now);
    const isOurs = changes.some((change) => change.kind === "appointment" && change.host === self);
    if (isOurs) this.#publishSelf();
  }

  /** Our own host record says what is so. */
  #publishSelf(isStarting = false): void {
    const { gatekeeper, replica, tables } = this.#parts;
    const value = encode(selfRecord(this.#options, gatekeeper.papers, { tables, isStarting }));
    const known = replica.origin(this.#options.self)?.get(hostKey);
    if (known === undefined || !bytesEqual(known, value))
      this.#write([{ key: hostKey, value }], [unmarkFresh]);
  }

  #refresh(): void {
    const { landscape, attachments, reconciler, ownPast, catchUp } = this.#parts;
    const sinceMs = this.#now - this.#refreshedAt;
    const leastMs = landscape.isMinor ? timing.bulkMaxMs : timing.bulkMs;
    const isEarly = catchUp.isInBulk && sinceMs < leastMs;
    if (ownPast.isHolding || isEarly) return;
    this.#refreshedAt = this.#now;
    const wanted = landscape.wanted(attachments.making());
    if (wanted === undefined) return;
    reconciler.want(wanted);
    this.#parts.names.place(landscape.here);
  }

  #settled(): void {
    const { attachments, reconciler, confirmations, replica, landscape } = this.#parts;
    if (landscape.isBehind) return;
    attachments.segmentsReady(reconciler.conflicts);
    confirmations.settled((origin) => replica.origin(origin)?.head, this.#now);
  }

  #write(writes: readonly Write[], localOps: readonly JournalOp[] = []): number {
    this.#writeTicket += 1;
    const all = withSelf(writes, this.#options, this.#parts);
    this.#parts.replication.write(this.#writeTicket, all, localOps);
    return this.#writeTicket;
  }

  #scene(): Scene {
    const { tables, landscape, contacts, places, reconciler, addressing } = this.#parts;
    return {
      self: this.#options.self,
      tables,
      namings: landscape.namings,
      peer: (host) => contacts.view(host),
      place: (endpoint) => places.get(endpoint),
      isMissing: (endpoint) => places.isMissing(endpoint),
      isSettled: reconciler.isSettled && !landscape.isBehind,
      mtu: landscape.mtu,
      freeHere: (network) => addressing.freeHere(network),
      startedAt: this.#startedAt,
      isIsolated: contacts.isIsolated,
    };
  }
}
