/**
 * Pulls from other hosts: what a peer has of all origins (compare), and what of them we lack
 * (fetch). Fetches wait in a line: a few at a time, a few origins each, and none while the disk is
 * behind, so that whatever is to come, what is in memory stays small. An origin that has come whole
 * is kept, so a transfer that was cut goes on where it was.
 */
import type { HostId } from "../base/id.ts";
import type { Log } from "../base/log.ts";
import type { Instant } from "../base/time.ts";
import type { Delta } from "../store/delta.ts";
import { compareVersions, nothing, type Version } from "../store/head.ts";
import type { Replica } from "../store/replica.ts";
import { Assembler, compareRequest, fetchRequest, type Offer, wantsOf } from "../store/sync.ts";
import { limits } from "./config.ts";
import type { Emit } from "./effect.ts";

/** How pulls are paced, in milliseconds and counts. */
export type CatchUpOptions = {
  /** A pull without a frame for this long is given up. */
  readonly pullIdleMs: number;
  /** A pull that ended early is asked again after this long. */
  readonly pullRetryMs: number;
  /** Fetches under way at once. */
  readonly fetches: number;
  /** Origins of one fetch. */
  readonly fetchOrigins: number;
  /** How long after one peer has told all it has we wait for the others that were asked. */
  readonly patienceMs: number;
  /** Rows on their way to the disk beyond which nothing more is fetched. */
  readonly rowsUnkept: number;
};

/** An origin to be fetched; from nothing on where `isWhole`. */
export type Wish = {
  readonly origin: HostId;
  /** What the peer said it has. */
  readonly target: Version;
  readonly isWhole: boolean;
};

/** What pulls bring. */
export type CatchUpHooks = {
  /** `isBulk`: more came with it than is worth passing on one by one. */
  readonly took: (from: HostId, delta: Delta, isBulk: boolean, now: Instant) => void;
  /** What a peer has of ourselves; undefined: it has said all else, and that it has nothing. */
  readonly compared: (from: HostId, self: Offer | undefined, now: Instant) => void;
  /** Whether there is a link; who has none may never have one again, being no neighbour. */
  readonly isLinked: (host: HostId) => boolean;
};

type Job = {
  readonly from: HostId;
  readonly kind: "compare" | "fetch";
  readonly wishes: readonly Wish[];
  readonly isBulk: boolean;
  /** What one compare has led to; its fetches that have not ended well. */
  readonly round: { left: number };
};

type Running = Job & {
  readonly assembler: Assembler;
  readonly offers: Offer[];
  idleAt: Instant;
};

/** What is being pulled, and what waits for it. */
export class CatchUp {
  readonly #self: HostId;
  readonly #replica: Replica;
  readonly #options: CatchUpOptions;
  readonly #bulkOrigins: number;
  readonly #emit: Emit;
  readonly #log: Log;
  readonly #hooks: CatchUpHooks;
  readonly #running = new Map<number, Running>();
  #line: Job[] = [];
  /** By time: what ended early and is asked again. */
  #later: { readonly at: Instant; readonly job: Job }[] = [];
  #rowsUnkept = 0;
  #comparedAt: Instant | undefined;
  #id = 0;

  constructor(options: {
    readonly self: HostId;
    readonly replica: Replica;
    readonly options: CatchUpOptions;
    /** Of more origins at once nothing is passed on. */
    readonly bulkOrigins: number;
    readonly emit: Emit;
    readonly log: Log;
    readonly hooks: CatchUpHooks;
  }) {
    this.#self = options.self;
    this.#replica = options.replica;
    this.#options = options.options;
    this.#bulkOrigins = options.bulkOrigins;
    this.#emit = options.emit;
    this.#log = options.log;
    this.#hooks = options.hooks;
  }

  /** Whether anything is under way or waits. */
  get isBusy(): boolean {
    return this.#running.size + this.#line.length + this.#later.length > 0;
  }

  /** Peers that are being asked what they have. */
  get comparing(): number {
    return [...this.#running.values()].filter(({ kind }) => kind === "compare").length;
  }

  /** Whether so much is coming that what follows from it had better wait for more. */
  get isInBulk(): boolean {
    return this.#running.values().some(({ isBulk }) => isBulk);
  }

  /** Whether since the start a peer has shown us all it had, and sent what we lacked. */
  get hasCompared(): boolean {
    return this.#comparedAt !== undefined;
  }

  /**
   * Whether all who were asked have told what they have: one of several may be behind itself. Who
   * does not come to an end is not waited for any longer than `patienceMs`.
   */
  hasHeardAll(now: Instant): boolean {
    if (this.#comparedAt === undefined) return false;
    return !this.isBusy || now >= this.#comparedAt + this.#options.patienceMs;
  }

  /** A peer has what we have, of all origins. */
  agrees(from: HostId, now: Instant): void {
    this.#comparedAt ??= now;
    this.#hooks.compared(from, undefined, now);
  }

  /** Asks a peer what it has, and then for what we lack. */
  compare(from: HostId, now: Instant): void {
    if (this.#jobs().some((job) => job.from === from && job.kind === "compare")) return;
    this.#ask({ from, kind: "compare", wishes: [], isBulk: false, round: { left: 1 } }, now);
  }

  /** Asks a peer for these origins, but for those that are coming already. */
  fetch(from: HostId, wishes: readonly Wish[], now: Instant, round = { left: 1 }): void {
    const coming = new Set(
      this.#jobs().flatMap((job) => job.wishes.map((wish) => this.#keyOf(job.from, wish))),
    );
    const fresh = wishes.filter((wish) => !coming.has(this.#keyOf(from, wish)));
    const isBulk = fresh.length > this.#bulkOrigins;
    // What comes from somebody else may come to nothing.
    if (fresh.length < wishes.length) round.left += 1;
    const { fetchOrigins } = this.#options;
    for (let at = 0; at < fresh.length; at += fetchOrigins) {
      const some = fresh.slice(at, at + fetchOrigins);
      this.#line.push({ from, kind: "fetch", wishes: some, isBulk, round });
      round.left += 1;
    }
    this.#advance(now);
  }

  pulled(id: number, frame: Uint8Array, now: Instant): void {
    const pull = this.#running.get(id);
    if (pull === undefined) return;
    pull.idleAt = now + this.#options.pullIdleMs;
    const taken = pull.assembler.take(frame);
    if (taken.kind === "versions") pull.offers.push(...taken.versions);
    if (taken.kind === "delta") this.#hooks.took(pull.from, taken.delta, pull.isBulk, now);
    if (taken.kind !== "malformed") return;
    this.#log.warn("malformed sync frame", { host: pull.from });
    // What was in it is missing, so this was no answer.
    this.ended(id, "a frame was malformed", now);
  }

  /** With a reason where it ended before all had come. */
  ended(id: number, reason: string | undefined, now: Instant): void {
    const pull = this.#running.get(id);
    this.#running.delete(id);
    if (pull === undefined) return;
    if (reason !== undefined) this.#askLater(pull, now);
    else {
      if (pull.kind === "compare") this.#compared(pull, now);
      this.#rest(pull.round, now);
    }
    this.#advance(now);
  }

  linkDown(host: HostId, now: Instant): void {
    for (const [id, pull] of this.#running) if (pull.from === host) this.#running.delete(id);
    this.#line = this.#line.filter((job) => job.from !== host);
    this.#later = this.#later.filter(({ job }) => job.from !== host);
    this.#advance(now);
  }

  /** So many rows more are on their way to the disk, or with a negative count fewer. */
  unkept(rows: number, now: Instant): void {
    this.#rowsUnkept += rows;
    if (rows < 0) this.#advance(now);
  }

  tick(now: Instant): void {
    for (const [id, pull] of this.#running) {
      if (pull.idleAt < now) this.ended(id, "nothing came any more", now);
    }
    const due = this.#later.filter(({ at }) => at <= now);
    this.#later = this.#later.filter(({ at }) => at > now);
    for (const { job } of due) {
      if (job.kind === "compare") this.#ask(job, now);
      else this.#line.push(job);
    }
    this.#advance(now);
  }

  #jobs(): Job[] {
    return [...this.#running.values(), ...this.#line, ...this.#later.map(({ job }) => job)];
  }

  #compared({ from, offers, round }: Running, now: Instant): void {
    const wants = wantsOf(this.#replica, offers);
    const targets = new Map(offers.map((offer) => [offer.origin, offer]));
    const wishes = wants.flatMap(({ origin, epoch }): Wish[] => {
      const target = targets.get(origin);
      const isOther = origin !== this.#self && target !== undefined;
      return isOther ? [{ origin, target, isWhole: epoch === 0 }] : [];
    });
    const isSelfWanted = wants.some(({ origin }) => origin === this.#self);
    this.#hooks.compared(from, isSelfWanted ? targets.get(this.#self) : undefined, now);
    if (wishes.length > 0) this.fetch(from, wishes, now, round);
  }

  /** One job of a round less. */
  #rest(round: Job["round"], now: Instant): void {
    round.left -= 1;
    if (round.left === 0) this.#comparedAt ??= now;
  }

  /** What has come meanwhile, from here or elsewhere, is not asked for again. */
  #askLater(job: Job, now: Instant): void {
    const { from, kind, isBulk, round } = job;
    // It would keep everybody else from being asked for the same.
    if (!this.#hooks.isLinked(from)) return;
    const wishes = this.#stillWanted(job.wishes);
    if (kind === "fetch" && wishes.length === 0) {
      this.#rest(round, now);
      return;
    }
    const at = now + this.#options.pullRetryMs;
    this.#later.push({ at, job: { from, kind, wishes, isBulk, round } });
  }

  /** Asks for what is first in line, as far as may be. */
  #advance(now: Instant): void {
    const { fetches, rowsUnkept } = this.#options;
    while (this.#rowsUnkept <= rowsUnkept) {
      const running = [...this.#running.values()].filter(({ kind }) => kind === "fetch");
      const next = this.#line[0];
      if (next === undefined || running.length >= fetches) return;
      this.#line.shift();
      // Somebody else may have brought it, or more, while it stood in line.
      const wishes = this.#stillWanted(next.wishes);
      if (wishes.length === 0) this.#rest(next.round, now);
      else this.#ask({ ...next, wishes }, now);
    }
  }

  #stillWanted(wishes: readonly Wish[]): readonly Wish[] {
    return wishes.filter(
      ({ origin, target }) =>
        origin === this.#self || compareVersions(this.#have(origin), target) < 0,
    );
  }

  #ask(job: Job, now: Instant): void {
    const { from, kind, wishes } = job;
    this.#id += 1;
    this.#running.set(this.#id, {
      ...job,
      assembler: new Assembler(limits),
      offers: [],
      idleAt: now + this.#options.pullIdleMs,
    });
    const request =
      kind === "compare" ? compareRequest(this.#replica) : fetchRequest(this.#wants(wishes));
    this.#emit({ kind: "pull", pull: { id: this.#id, from, request } });
  }

  #wants(wishes: readonly Wish[]) {
    return wishes.map(({ origin, isWhole }) => ({
      origin,
      ...(isWhole ? nothing : this.#have(origin)),
    }));
  }

  #have(origin: HostId): Version {
    const { epoch, seq } = this.#replica.versionOf(origin);
    return { epoch, seq };
  }

  /** Wishes with one key bring the same, but what each peer has of us we want to know of each. */
  #keyOf(from: HostId, { origin, target, isWhole }: Wish): string {
    const whose = origin === this.#self ? from : "anybody";
    return `${origin} ${target.epoch} ${target.seq} ${isWhole} ${whose}`;
  }
}
