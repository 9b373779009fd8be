/**
 * What earlier runs of this host wrote, as far as others know better than its disk: asked for
 * before this run writes anything, taken back where it was forgotten, and moved above.
 * `store/fence.ts` says when that is enough.
 */
import type { Refusal } from "../base/errors.ts";
import type { HostId } from "../base/id.ts";
import type { Log } from "../base/log.ts";
import type { Instant } from "../base/time.ts";
import { Fence, type FenceOptions, type FenceState, type Trust } from "../store/fence.ts";
import { compareVersions, type Head, nothing, type Version } from "../store/head.ts";
import { takeBack } from "../store/past.ts";
import type { Change } from "../store/record.ts";
import type { Replica } from "../store/replica.ts";
import type { Write, Writer } from "../store/writer.ts";

/** What our past needs of the agent. */
export type OwnPastOptions = {
  readonly self: HostId;
  readonly replica: Replica;
  readonly writer: Writer;
  readonly options: FenceOptions;
  readonly log: Log;
  /** Whether others let this host in, so that there are some, whatever the disk knows of them. */
  readonly isGuest: boolean;
  readonly linked: () => readonly HostId[];
  /** Whether since the start a peer has sent us all it had, of every origin. */
  readonly hasSynced: () => boolean;
  /** Asks a peer what it has of all. */
  readonly compare: (host: HostId, now: Instant) => void;
  /** Asks a peer for our own full set. */
  readonly fetch: (host: HostId, target: Version, now: Instant) => void;
  readonly write: (writes: readonly Write[]) => void;
  /** What waited may be written. */
  readonly opened: () => void;
};

const cure = "stop one of them, remove its data directory and let it join anew; restart the other";
const awaited =
  "this host's own records may be incomplete; it waits for another host to give them back " +
  "(if there is none, restart the agent once with --isolated)";

type Past = { readonly head: Head; readonly records: readonly Change[] };

/** The one that knows whether we may write. */
export class OwnPast {
  readonly #options: OwnPastOptions;
  readonly #fence: Fence;
  /** While asking: the newest of what others hold of us. */
  #newest: Past | undefined;
  #isOpen = false;
  #isHolding = false;
  #isIsolated = false;
  /** The newest of ourselves that a peer has shown. */
  #heardOf: Version = nothing;
  /** Our seq when this run began. */
  #since = 0;

  constructor(options: OwnPastOptions) {
    this.#options = options;
    this.#fence = new Fence(options.options);
  }

  get state(): FenceState {
    return this.#fence.state;
  }

  /**
   * Whether peers have told us since the start what they hold of us, and we have not less. Of those
   * that are still asked one may know endpoints of ours that our disk does not.
   */
  get isCompared(): boolean {
    const isNewest = compareVersions(this.#options.writer.version, this.#heardOf) >= 0;
    return this.#fence.isCompared && this.isRestored && isNewest;
  }

  /**
   * Whether what is known may lack what was known before, so that nothing may be taken out of the
   * kernel because the map does not hold it.
   */
  get isHolding(): boolean {
    return this.#isHolding;
  }

  /**
   * Whether our records are what they should be, as far as anybody whom we could ask knows. An old
   * disk tells of endpoints that are gone: until then nothing is made again for those.
   */
  get isRestored(): boolean {
    return this.#isOpen && this.#newest === undefined && !this.#options.writer.isForked;
  }

  /** Why nothing of ours can be written for now, or undefined; what is soon over is waited for. */
  refusal(): Refusal | undefined {
    const { state } = this.#fence;
    if (state.kind === "cloned") {
      const message = `another machine runs under this host's identity (boot ${state.boot}); ${cure}`;
      return { code: "IDENTITY_CLONED", message };
    }
    if (state.kind === "open" || state.trust === "whole") return undefined;
    return { code: "OWN_RECORDS_AWAITED", message: awaited };
  }

  /** `isIsolated`: an operator says that there is nobody to ask. */
  start(disk: { readonly trust: Trust; readonly isIsolated: boolean }, now: Instant): void {
    const { trust, isIsolated } = disk;
    const { writer, replica, self } = this.#options;
    const { isGuest } = this.#options;
    const hasOthers = isGuest || replica.heads().some(({ origin }) => origin !== self);
    this.#since = writer.version.seq;
    this.#fence.start({ trust, isAlone: isIsolated || (trust === "whole" && !hasOthers) }, now);
    this.#isHolding = trust === "doubtful";
    this.#isIsolated = isIsolated;
    this.tick(now);
  }

  tick(now: Instant): void {
    const linked = this.#options.linked();
    for (const host of this.#fence.step(linked, now)) this.#options.compare(host, now);
    const isDue = !this.#isOpen || this.#newest !== undefined;
    if (this.#fence.state.kind === "open" && isDue) this.#open();
    const { writer, hasSynced } = this.#options;
    if (this.#isOpen && !writer.isBusy && (this.#isIsolated || hasSynced()))
      this.#isHolding = false;
  }

  /** A peer has said what it has; of us this, if it is newer or other than what we have. */
  compared(from: HostId, self: Version | undefined, now: Instant): void {
    if (self !== undefined) {
      this.#notice(self);
      this.#options.fetch(from, self, now);
      return;
    }
    this.#fence.answered(from, now);
    this.tick(now);
  }

  /** A head that is newer or other than ours; without its records these are asked for. */
  heard(from: HostId, past: { head: Head; records: readonly Change[] | undefined }, now: Instant) {
    const { head, records } = past;
    this.#notice(head);
    if (this.#fence.state.kind === "cloned" || this.#fence.isRefuted(head)) {
      this.#fence.answered(from, now);
    } else if (records === undefined) {
      this.#options.fetch(from, head, now);
      return;
    } else {
      const { epoch, seq } = head;
      this.#options.log.warn("peers hold other records of ours than our disk", {
        host: from,
        epoch,
        seq,
      });
      const isNewest = this.#newest === undefined || compareVersions(head, this.#newest.head) > 0;
      if (isNewest) this.#newest = { head, records };
      this.#fence.doubt();
      this.#fence.answered(from, now);
    }
    this.tick(now);
  }

  #notice({ epoch, seq }: Version): void {
    if (compareVersions({ epoch, seq }, this.#heardOf) > 0) this.#heardOf = { epoch, seq };
  }

  #open(): void {
    const { writer, replica, self, log, write } = this.#options;
    const past = this.#newest;
    this.#newest = undefined;
    if (past !== undefined && this.#fence.outdone(past.head) === "cloned") {
      log.error("another machine runs under this host's identity; stopped writing", {
        reason: `its boot is ${past.head.boot}`,
      });
      writer.open(false);
      return;
    }
    writer.open(true);
    this.#isOpen = true;
    if (past === undefined) {
      this.#options.opened();
      return;
    }
    const lost = takeBack(replica.origin(self), past.records, this.#since);
    log.warn("records taken back from peers", { count: lost.length });
    writer.refute(past.head, lost);
    write(lost);
  }
}
