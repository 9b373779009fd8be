/**
 * Who is out, and what follows from it. Entries come by gossip, on links, from an operator or from
 * our own disk; what two hosts know is compared when a link comes up, before anything else is read
 * from it, and every few seconds while it stands.
 */
import * as v from "valibot";
import { bytesEqual } from "../base/bytes.ts";
import { decode } from "../base/codec.ts";
import type { HostId } from "../base/id.ts";
import type { Log } from "../base/log.ts";
import type { Instant } from "../base/time.ts";
import type { Hello } from "../membership/hello.ts";
import { packEntries, type Revocation, type Revocations } from "../membership/revocations.ts";
import type { GossipVerdict } from "../membership/transport.ts";
import type { Replica } from "../store/replica.ts";
import { limits } from "./config.ts";
import type { Emit } from "./effect.ts";
import type { Envelope } from "./envelope.ts";
import { Keeper, type Saved } from "./keeper.ts";
import { hostKey, hostSchema } from "./schema.ts";
import type { TableChange, Tables } from "./tables.ts";

/** A message carries entries up to so many bytes: one that is larger goes alone. */
const batchBytes = 64 * 1024;

/** The set of revocations at work. */
export class Bans {
  readonly keeper: Keeper;
  readonly #self: HostId;
  readonly #revocations: Revocations;
  readonly #replica: Replica;
  readonly #tables: Tables;
  readonly #emit: Emit;
  readonly #log: Log;
  readonly #compareMs: number;
  readonly #linked: () => readonly HostId[];
  readonly #follow: (changes: readonly TableChange[]) => void;
  readonly #agreed: (host: HostId) => void;
  /** Hosts on new links whose entries we have not all read. */
  readonly #unread = new Set<HostId>();
  readonly #hasTold = new Set<HostId>();
  readonly #hidden = new Set<HostId>();
  #compareAt: Instant = 0;
  /** The disk refused the newest entries: they are in force, and not yet kept. */
  #isUnsaved = false;

  constructor(options: {
    readonly self: HostId;
    readonly revocations: Revocations;
    readonly replica: Replica;
    readonly tables: Tables;
    readonly emit: Emit;
    readonly log: Log;
    readonly compareMs: number;
    readonly linked: () => readonly HostId[];
    /** The map's meaning has changed. */
    readonly follow: (changes: readonly TableChange[]) => void;
    /** A new link's other words count from now on. */
    readonly agreed: (host: HostId) => void;
  }) {
    this.#self = options.self;
    this.#revocations = options.revocations;
    this.#replica = options.replica;
    this.#tables = options.tables;
    this.#emit = options.emit;
    this.#log = options.log;
    this.#compareMs = options.compareMs;
    this.#linked = options.linked;
    this.#follow = options.follow;
    this.#agreed = options.agreed;
    const content = () => packEntries(this.#revocations.entries());
    this.keeper = new Keeper("revocations", options.emit, content);
  }

  /** Whether this host itself is out. */
  get isSelfRevoked(): boolean {
    return this.#revocations.isRevoked(this.#self);
  }

  /** Takes back what the disk held, before any record is. */
  restore(entries: readonly Uint8Array[]): void {
    for (const bytes of entries) {
      const said = this.#revocations.add(bytes);
      if (typeof said === "object") this.#limit(said);
    }
  }

  /** Entries that are new here take effect, are kept, and are passed on. */
  take(
    entries: readonly Uint8Array[],
    from: HostId | undefined,
    then: Saved = () => undefined,
  ): GossipVerdict {
    const fresh: Uint8Array[] = [];
    for (const bytes of entries) {
      const outcome = this.#add(bytes, from);
      // Each costs a verification: after one that is false no more is read.
      if (outcome === "false") return this.#spread(fresh, then, "reject");
      if (outcome === "new") fresh.push(bytes);
    }
    return this.#spread(fresh, then, fresh.length > 0 ? "accept" : "ignore");
  }

  #spread(fresh: readonly Uint8Array[], then: Saved, verdict: GossipVerdict): GossipVerdict {
    if (fresh.length === 0) return verdict;
    this.#enforce();
    this.#save(then);
    for (const batch of batches(fresh)) {
      const message: Envelope = { kind: "revocations", entries: batch, isLast: false };
      this.#emit({ kind: "publish", message });
    }
    return verdict;
  }

  #save(then: Saved): void {
    this.keeper.save((refusal) => {
      this.#isUnsaved = refusal !== undefined;
      const reason = refusal?.message;
      if (refusal !== undefined) this.#log.error("revocations could not be kept", { reason });
      then(refusal);
    });
  }

  /** A new link: where the sets differ, only entries are read from it until all have come. */
  linkUp(host: HostId, hello: Hello | undefined): void {
    this.linkDown(host);
    if (hello === undefined || bytesEqual(hello.revocations, this.#revocations.hash())) return;
    this.#unread.add(host);
    this.#tell(host);
  }

  linkDown(host: HostId): void {
    this.#hasTold.delete(host);
    this.#unread.delete(host);
  }

  /** Whether what this host says is to be left unread for now. */
  isUnread(host: HostId): boolean {
    return this.#unread.has(host);
  }

  /** A host's entries; after its last its other words count. */
  told(
    from: HostId,
    { entries, isLast }: Extract<Envelope, { kind: "revocations" }>,
  ): GossipVerdict {
    const verdict = this.take(entries, from);
    if (!isLast) return verdict;
    // It waits for ours, be it that by now we see no difference.
    if (!this.#hasTold.has(from)) this.#tell(from);
    if (this.#unread.delete(from)) this.#agreed(from);
    return verdict;
  }

  /** What a linked host's set comes to: where it is another, it gets all of ours. */
  compared(from: HostId, { hash }: Extract<Envelope, { kind: "revoked" }>): void {
    if (!bytesEqual(hash, this.#revocations.hash())) this.#tell(from);
  }

  tick(now: Instant): void {
    if (now < this.#compareAt) return;
    this.#compareAt = now + this.#compareMs;
    if (this.#isUnsaved) this.#save(() => undefined);
    if (this.#revocations.size === 0) return;
    const message: Envelope = { kind: "revoked", hash: this.#revocations.hash() };
    for (const to of this.#linked()) this.#emit({ kind: "send", to, message });
  }

  /** An origin's records have changed: its certificate may be another one. */
  judge(origin: HostId): void {
    if (this.#revocations.size > 0) this.#follow(this.#judge(origin));
  }

  #add(bytes: Uint8Array, from: HostId | undefined): "new" | "known" | "false" {
    const said = this.#revocations.add(bytes);
    if (said === undefined) return "known";
    if (said === "false") {
      this.#log.warn("revocation is malformed or not signed by an admin", { host: from });
      return said;
    }
    if (said === "full") {
      this.#log.error("revocation not taken: there are as many as may be", { host: from });
      return "known";
    }
    this.#limit(said);
    if (said.scope === "host" && said.host === this.#self) {
      this.#log.error("this host's key was revoked: it stays as it is, and talks to nobody");
    } else this.#log.warn("revoked", { host: said.host, kind: said.scope });
    return "new";
  }

  #limit({ scope, host }: Revocation): void {
    const last = this.#revocations.lastOf(host);
    if (scope === "host" && last !== undefined && host !== this.#self) {
      this.#replica.limit(host, last);
    }
  }

  #enforce(): void {
    const known = new Set([...this.#replica.origins(), ...this.#linked()]);
    this.#follow([...known].flatMap((host) => this.#judge(host)));
  }

  /** Hides or shows what an origin says of itself, and ends our connections with who is out. */
  #judge(host: HostId): TableChange[] {
    if (host === this.#self) return [];
    const reason = this.#barOf(host);
    if (reason !== undefined) this.#part(host, reason);
    const isHidden = this.#hidden.has(host);
    if (reason !== undefined && !isHidden) {
      this.#hidden.add(host);
      return this.#tables.hide(host);
    }
    if (reason === undefined && isHidden) {
      this.#hidden.delete(host);
      return this.#tables.show(host, this.#replica.origin(host)?.entries() ?? []);
    }
    return [];
  }

  /** Who is sent away is told why, in words that prove it: it goes on alone, and can say so. */
  #part(host: HostId, reason: string): void {
    if (this.#linked().includes(host)) this.#tell(host);
    this.#emit({ kind: "close", host, reason });
  }

  #barOf(host: HostId): string | undefined {
    if (this.#revocations.isRevoked(host)) return this.#revocations.bar({ host, chain: [] });
    const value = this.#replica.origin(host)?.get(hostKey);
    const parsed = v.safeParse(hostSchema, value && decode(value, limits.valueBytes));
    return parsed.success ? this.#revocations.bar(parsed.output.certificate) : undefined;
  }

  #tell(to: HostId): void {
    this.#hasTold.add(to);
    const all = batches(this.#revocations.entries());
    for (const [at, entries] of all.entries()) {
      const isLast = at === all.length - 1;
      this.#emit({ kind: "send", to, message: { kind: "revocations", entries, isLast } });
    }
  }
}

/** Entries in messages; of none, one empty message. */
function batches(entries: readonly Uint8Array[]): Uint8Array[][] {
  const all: Uint8Array[][] = [[]];
  let bytes = 0;
  for (const entry of entries) {
    if (bytes > 0 && (bytes + entry.length > batchBytes || (all.at(-1)?.length ?? 0) >= 256)) {
      all.push([]);
      bytes = 0;
    }
    all.at(-1)?.push(entry);
    bytes += entry.length;
  }
  return all;
}
