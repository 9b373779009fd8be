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

import * as v from "valibot";
import { bytesEqual } from "../base/bytes.ts";
import { decode, encode } from "../base/codec.ts";
import type { Crypto } from "../base/crypto.ts";
import type { Refusal } from "../base/errors.ts";
import type { BootId, ClusterId, EndpointId, HostId, Name, NetworkId } from "../base/id.ts";
import type { Log } from "../base/log.ts";
import type { Random } from "../base/random.ts";
import type { Clock, Instant } from "../base/time.ts";
import {
  type Certificate,
  certificateFault,
  certificatesEqual,
} from "../membership/certificate.ts";
import type { Link } from "../membership/transport.ts";
import type { Actual, OpFailure, Underlay } from "../overlay/dataplane.ts";
import type { Difference } from "../store/origin-state.ts";
import type { RecordKey } from "../store/record.ts";
import { Replica } from "../store/replica.ts";
import type { StoredOrigin } from "../store/rows.ts";
import { serve } from "../store/sync.ts";
import { type Write, Writer } from "../store/writer.ts";
import { Addressing } from "./addressing.ts";
import { Attachments } from "./attachments.ts";
import type { Command } from "./command.ts";
import { Commands } from "./commands.ts";
import { limits, timing } from "./config.ts";
import { Confirmations } from "./confirmations.ts";
import { Contacts } from "./contacts.ts";
import type { Effect } from "./effect.ts";
import { decodeEnvelope, type Envelope } from "./envelope.ts";
import { Landscape } from "./landscape.ts";
import { Reconciler } from "./reconciler.ts";
import type { JoinOffice } from "./relay.ts";
import { Relay } from "./relay.ts";
import { Replication } from "./replication.ts";
import { type HostRecord, hostKey, hostSchema, networkKey } from "./schema.ts";
import { statusView } from "./status.ts";
import { type TableChange, Tables } from "./tables.ts";
import { endpointView, memberView, type Scene } from "./views.ts";

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
  /** Redeems and prints tokens, where this host may. */
  readonly office: JoinOffice;
};

export class Agent {
  readonly #options: AgentOptions;
  readonly #log: Log;
  readonly #startedAt: Instant;
  readonly #tables = new Tables();
  readonly #replica: Replica;
  readonly #writer: Writer;
  readonly #replication: Replication;
  readonly #contacts: Contacts;
  readonly #addressing: Addressing;
  readonly #attachments: Attachments;
  readonly #reconciler: Reconciler;
  readonly #confirmations: Confirmations;
  readonly #landscape: Landscape;
  readonly #relay: Relay;
  readonly #commands: Commands;
  /** Certificates that have been verified, so that each is verified once. */
  readonly #certificates = new Map<HostId, Certificate>();
  #effects: Effect[] = [];
  #writeTicket = 0;
  /** The time of the input being handled. */
  #now: Instant;

  constructor(options: AgentOptions) {
    this.#options = options;
    this.#log = options.log;
    this.#now = options.clock.now();
    this.#startedAt = this.#now;
    const { self, cluster, crypto, boot, random } = options;
    const emit = (effect: Effect) => void this.#effects.push(effect);
    const veto = (origin: HostId, get: (key: RecordKey) => Uint8Array | undefined) =>
      this.#veto(origin, get(hostKey));
    this.#replica = new Replica({ self, cluster, crypto, limits, veto });
    this.#writer = new Writer({ replica: this.#replica, crypto, self, cluster, boot });
    this.#replication = new Replication({
      self,
      replica: this.#replica,
      writer: this.#writer,
      options: timing.replication,
      emit,
      log: options.log.named("replication"),
      learned: (origin, differences) => this.#learn(origin, differences),
    });
    this.#contacts = new Contacts({
      self,
      seeds: options.seeds,
      liveness: timing.liveness,
      dialer: timing.dialer,
      random,
      emit,
      log: options.log.named("contacts"),
      root: () => this.#replica.digest.root(),
      changed: (host) => this.#memberChanged(host),
    });
    const write = (writes: readonly Write[]) => this.#write(writes);
    this.#addressing = new Addressing({
      self,
      tables: this.#tables,
      random,
      emit,
      log: options.log.named("addressing"),
      options: timing.addressing,
      write,
      alive: () => this.#contacts.linked(),
    });
    this.#landscape = new Landscape({
      self,
      tables: this.#tables,
      underlay: options.underlay,
      vxlanPort: options.vxlanPort,
      crypto,
    });
    this.#attachments = new Attachments({
      emit,
      log: options.log.named("attachments"),
      addressing: this.#addressing,
      mtu: () => this.#landscape.mtu,
      vniOf: (network) => this.#landscape.vniOf(network),
      write: (key, value, op) => this.#write([{ key, value }], [op]),
    });
    this.#confirmations = new Confirmations({ self, emit });
    this.#reconciler = new Reconciler({
      options: timing.reconciler,
      emit,
      log: options.log.named("reconciler"),
      settled: () => this.#settled(),
      dumped: (actual) => this.#attachments.compare(actual, this.#tables.endpointsOn(self).keys()),
    });
    this.#relay = new Relay({
      self,
      office: options.office,
      emit,
      linked: () => this.#contacts.linked(),
    });
    this.#commands = new Commands({
      self,
      tables: this.#tables,
      attachments: this.#attachments,
      addressing: this.#addressing,
      confirmations: this.#confirmations,
      random,
      emit,
      scene: () => this.#scene(),
      status: (now) => this.#status(now),
      routes: () => this.#reconciler.routes,
      alive: () => this.#contacts.linked(),
      version: () => this.#writer.version,
      wallMs: () => options.clock.wallMs(),
      write,
      token: () => options.office.token(),
      addressMs: timing.addressMs,
    });
  }

  /** Everything the last inputs left to do, in order. */
  drain(): readonly Effect[] {
    this.#refresh();
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  /** Takes back what the disk held; before any other input. Returns origins whose records are not whole. */
  restore(
    origins: readonly StoredOrigin[],
    places: Iterable<{ key: string; value: Uint8Array }>,
  ): HostId[] {
    const damaged: HostId[] = [];
    for (const { head, entries } of origins) {
      const state = this.#replica.emptyState(head);
      if (!state.restore(entries) || head.cluster !== this.#options.cluster)
        damaged.push(head.origin);
      else {
        this.#replica.adopt(state);
        const differences = entries.map(({ key, value }) => ({
          key,
          before: undefined,
          after: value,
        }));
        this.#learn(head.origin, differences);
      }
    }
    for (const { key, value } of places) this.#attachments.restore(key, value);
    return damaged;
  }

  /** The first input after `restore`: makes sure that our own host record says what is so. */
  start(now: Instant): void {
    this.#now = now;
    const { certificate, name, address, underlay, version } = this.#options;
    const record: HostRecord = { certificate, name, address, vtep: underlay.address, version };
    const value = encode(record);
    const known = this.#replica.origin(this.#options.self)?.get(hostKey);
    if (known === undefined || !bytesEqual(known, value)) this.#write([{ key: hostKey, value }]);
    this.tick(now);
  }

  ask(ticket: number, command: Command, now: Instant): void {
    this.#now = now;
    this.#commands.ask(ticket, command, now);
  }

  tick(now: Instant): void {
    this.#now = now;
    this.#contacts.tick(now);
    this.#replication.tick(now);
    this.#addressing.tick(now);
    this.#attachments.retry(now);
    this.#confirmations.tick(now);
    this.#relay.tick(now);
    this.#reconciler.tick(now);
  }

  linkUp(link: Link, now: Instant): void {
    this.#now = now;
    this.#contacts.linkUp(link, now);
    this.#replication.compare(link.host, now);
  }

  linkDown(host: HostId, reason: string, now: Instant): void {
    this.#now = now;
    this.#contacts.linkDown(host, reason, now);
    this.#replication.linkDown(host);
    this.#confirmations.lost(host, now);
  }

  dialFailed(address: string, reason: string, now: Instant): void {
    this.#now = now;
    this.#contacts.dialFailed(address, reason, now);
  }

  /** A message on a link. */
  received(from: HostId, bytes: Uint8Array, now: Instant): void {
    this.#now = now;
    const envelope = decodeEnvelope(bytes);
    if (envelope === undefined)
      this.#log.warn("malformed message", { host: from, bytes: bytes.length });
    else this.#dispatch(from, envelope, now);
  }

  /** A gossiped message; the verdict decides whether it is passed on. */
  gossiped(from: HostId, bytes: Uint8Array, now: Instant): "accept" | "ignore" | "reject" {
    this.#now = now;
    const envelope = decodeEnvelope(bytes);
    if (envelope?.kind !== "delta" && envelope?.kind !== "head") return "reject";
    const outcome =
      envelope.kind === "delta"
        ? this.#replication.received(from, envelope.delta, now)
        : this.#replication.heard(from, envelope.head, now);
    if (outcome.kind === "refused") return "reject";
    return outcome.kind === "stale" ? "ignore" : "accept";
  }

  serve(request: Uint8Array): Iterable<Uint8Array> {
    return serve(this.#replica, request, limits);
  }

  pulled(id: number, frame: Uint8Array, now: Instant): void {
    this.#now = now;
    this.#replication.pulled(id, frame, now);
  }

  pullEnded(id: number, reason: string | undefined, now: Instant): void {
    this.#now = now;
    if (reason !== undefined) this.#log.debug("pull ended early", { reason });
    this.#replication.pullEnded(id, now);
  }

  /** A stranger, or a member on a stranger's behalf, wants to join. Answered by a `joined` effect. */
  joinRequested(ticket: number, request: Uint8Array, now: Instant): void {
    this.#now = now;
    this.#relay.requested(ticket, request, now);
  }

  appended(now: Instant): void {
    this.#now = now;
    const { tickets } = this.#replication.appended(now);
    this.#commands.durable(tickets, now);
  }

  appendFailed(refusal: Refusal, now: Instant): void {
    this.#now = now;
    this.#log.error("own records could not be written", { reason: refusal.message });
    this.#commands.lost(this.#replication.appendFailed(), refusal, now);
  }

  applied(failures: readonly OpFailure[], now: Instant): void {
    this.#now = now;
    this.#reconciler.applied(failures, now);
  }

  dumped(actual: Actual | undefined, now: Instant): void {
    this.#now = now;
    if (actual === undefined) this.#reconciler.dumpFailed(now);
    else this.#reconciler.dumped(actual, now);
  }

  attached(
    endpoint: EndpointId,
    outcome: { readonly netnsInode: number } | { readonly refusal: Refusal },
    now: Instant,
  ): void {
    this.#now = now;
    this.#attachments.attached(endpoint, outcome);
  }

  inspected(id: EndpointId, inode: number | undefined, now: Instant): void {
    this.#now = now;
    const endpoint = this.#tables.endpoints.get(id);
    if (endpoint === undefined) return;
    const network = this.#tables.isShown(endpoint.network)
      ? this.#tables.networks.get(endpoint.network)
      : undefined;
    this.#attachments.inspected(endpoint, network, inode);
  }

  kernelChanged(now: Instant): void {
    this.#now = now;
    this.#reconciler.kernelChanged(now);
  }

  /** Whether the kernel equals the map as far as we know it: the agent is ready. */
  get isSettled(): boolean {
    return this.#reconciler.isSettled && !this.#writer.isBusy;
  }

  /** Answers what is open; the agent is asked nothing more. */
  close(): void {
    this.#commands.close();
  }

  #dispatch(from: HostId, envelope: Envelope, now: Instant): void {
    switch (envelope.kind) {
      case "ping": {
        const { nonce, root } = envelope;
        const message: Envelope = { kind: "pong", nonce, root: this.#replica.digest.root() };
        this.#effects.push({ kind: "send", to: from, message });
        this.#replication.rootHeard(from, root, now);
        break;
      }
      case "pong":
        this.#contacts.pong(from, envelope.nonce, now);
        this.#replication.rootHeard(from, envelope.root, now);
        break;
      case "delta":
        this.#replication.received(from, envelope.delta, now);
        break;
      case "head":
        this.#replication.heard(from, envelope.head, now);
        break;
      case "confirm":
        this.#confirmations.owe(from, envelope);
        this.#replication.catchUp(from, from, envelope, now);
        if (this.#reconciler.isSettled) this.#settled();
        break;
      case "applied":
        if (envelope.origin === this.#options.self)
          this.#confirmations.applied(from, envelope, now);
        break;
      case "ask":
        this.#addressing.asked(from, envelope);
        break;
      case "deny":
        this.#addressing.denied(from, envelope);
        this.#attachments.retry(now);
        break;
      case "join":
        this.#relay.relayed(from, envelope);
        break;
      case "joined":
        this.#relay.answered(envelope);
        break;
    }
  }

  #learn(origin: HostId, differences: readonly Difference[]): void {
    const changes = this.#tables.update(origin, differences);
    for (const change of changes) this.#notice(change);
    if (changes.some(({ kind }) => kind === "grant" || kind === "network")) {
      this.#attachments.retry(this.#now);
    }
  }

  #notice(change: TableChange): void {
    this.#landscape.notice(change);
    this.#addressing.notice(change, this.#now);
    switch (change.kind) {
      case "host":
        if (change.after !== undefined) this.#contacts.learn(change.host, change.after, this.#now);
        else this.#contacts.forget(change.host);
        this.#memberChanged(change.host);
        break;
      case "network":
        this.#networkChanged((change.after ?? change.before)?.id, change.after !== undefined);
        break;
      case "removal":
        this.#networkChanged(change.id, !change.isRemoved);
        break;
      case "endpoint":
        if (change.after?.host === this.#options.self) this.#attachments.recorded(change.after.id);
        this.#announceEndpoint(change);
        break;
      case "grant":
        break;
    }
  }

  #networkChanged(id: NetworkId | undefined, isThere: boolean): void {
    if (id === undefined) return;
    const network = this.#tables.networks.get(id);
    const name = network?.name ?? id;
    const change = isThere ? "added" : "removed";
    this.#effects.push({
      kind: "event",
      event: { kind: "network", change, network: { id, name } },
    });
    if (isThere) return;
    // Whoever removed it, each host takes back what it wrote itself, and only that.
    for (const endpoint of this.#tables.endpointsOf(id).values()) {
      if (endpoint.host === this.#options.self) this.#attachments.withdraw(endpoint.id);
    }
    if (network?.creator === this.#options.self && this.#tables.isRemoved(id)) {
      this.#write([{ key: networkKey(id), value: undefined }]);
    }
  }

  #announceEndpoint(change: Extract<TableChange, { kind: "endpoint" }>): void {
    const endpoint = change.after ?? change.before;
    if (endpoint === undefined) return;
    const { state: _, ...view } = endpointView(this.#scene(), endpoint);
    const kind =
      change.after === undefined ? "removed" : change.before === undefined ? "added" : "changed";
    this.#effects.push({
      kind: "event",
      event: { kind: "endpoint", change: kind, endpoint: view },
    });
  }

  #memberChanged(host: HostId): void {
    const member = memberView(this.#scene(), host, this.#now);
    if (member !== undefined)
      this.#effects.push({ kind: "event", event: { kind: "member", member } });
  }

  #refresh(): void {
    const wanted = this.#landscape.wanted(this.#attachments.making());
    if (wanted !== undefined) this.#reconciler.want(wanted);
  }

  #settled(): void {
    this.#attachments.segmentsReady(this.#reconciler.conflicts);
    this.#confirmations.settled((origin) => this.#replica.origin(origin)?.head, this.#now);
  }

  #veto(origin: HostId, host: Uint8Array | undefined): string | undefined {
    const parsed = v.safeParse(hostSchema, host && decode(host, limits.valueBytes));
    if (!parsed.success) return "it has no host record";
    const { cluster, crypto } = this.#options;
    const { certificate } = parsed.output;
    const known = this.#certificates.get(origin);
    if (known !== undefined && certificatesEqual(known, certificate)) return undefined;
    const fault = certificateFault(certificate, { cluster, host: origin }, crypto);
    if (fault === undefined) this.#certificates.set(origin, certificate);
    return fault;
  }

  #write(writes: readonly Write[], localOps: Parameters<Replication["write"]>[2] = []): number {
    this.#writeTicket += 1;
    this.#replication.write(this.#writeTicket, writes, localOps);
    return this.#writeTicket;
  }

  #scene(): Scene {
    return {
      self: this.#options.self,
      tables: this.#tables,
      namings: this.#landscape.namings,
      peer: (host) => this.#contacts.view(host),
      place: (endpoint) => this.#attachments.place(endpoint),
      isSettled: this.#reconciler.isSettled,
      mtu: this.#landscape.mtu,
      freeHere: (network) => this.#addressing.freeHere(network),
      startedAt: this.#startedAt,
    };
  }

  #status(now: Instant) {
    return statusView(
      {
        options: this.#options,
        scene: this.#scene(),
        replica: this.#replica,
        reconciler: this.#reconciler,
      },
      now,
    );
  }
}
