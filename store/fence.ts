/**
 * Whether this host may write its own records: not before it knows what it wrote in earlier runs,
 * and not beside another machine that runs under its identity.
 *
 *   asking --all linked peers have told what they hold of us, or nobody is there--> open
 *   open ----another run of ours moves above us again and again-----------------> cloned
 *
 * A version that was used before would be believed by some and not by others, and a set that lacks
 * what was forgotten would delete it everywhere (gossip.md 3.4; SWIM's refutation, Das et al. 2002,
 * with a limit).
 */
import type { BootId, HostId } from "../base/id.ts";
import type { Instant } from "../base/time.ts";
import type { Head } from "./head.ts";

/**
 * What the disk says of our own records. `whole`: these are all, unless the disk is an old copy.
 * `new`: we have just joined, and may have been here before. `doubtful`: some may be missing.
 */
export type Trust = "whole" | "new" | "doubtful";

/** How long is asked, in milliseconds, and how often another run of ours is outdone. */
export type FenceOptions = {
  /** With a whole disk and nobody who answers, we go on after this long. */
  readonly aloneMs: number;
  /** With a whole disk, further peers may link and answer for this long after the first. */
  readonly glanceMs: number;
  /** With a doubtful disk, further peers may link and answer for this long after the first. */
  readonly settleMs: number;
  /** Each peer is asked again after this long without an answer. */
  readonly askAgainMs: number;
  /** So often one other run of ours may have moved above us before we take it to be alive. */
  readonly outdone: number;
};

/** Where we stand. */
export type FenceState =
  | { readonly kind: "asking"; readonly trust: Trust }
  | { readonly kind: "open" }
  | { readonly kind: "cloned"; readonly boot: BootId };

/** Other runs remembered: each is an epoch that was refuted. */
const runsRemembered = 64;

/** Keeps us from writing. */
export class Fence {
  readonly #options: FenceOptions;
  #state: FenceState = { kind: "asking", trust: "doubtful" };
  #startedAt: Instant = 0;
  #firstAnswerAt: Instant | undefined;
  readonly #answered = new Set<HostId>();
  readonly #askedAt = new Map<HostId, Instant>();
  readonly #runs = new Map<BootId, { readonly epoch: number; readonly times: number }>();

  constructor(options: FenceOptions) {
    this.#options = options;
  }

  get state(): FenceState {
    return this.#state;
  }

  /** Whether a peer has told us since the start what it holds of us. */
  get isCompared(): boolean {
    return this.#firstAnswerAt !== undefined;
  }

  /** `isAlone`: there is nobody whom we could ask, or an operator says so. */
  start({ trust, isAlone }: { readonly trust: Trust; readonly isAlone: boolean }, now: Instant) {
    this.#startedAt = now;
    this.#state = isAlone ? { kind: "open" } : { kind: "asking", trust };
  }

  /** A peer has said all that it holds of us. */
  answered(host: HostId, now: Instant): void {
    this.#answered.add(host);
    this.#firstAnswerAt ??= now;
  }

  /** A peer holds what our disk should: others may hold more, and are to be heard as well. */
  doubt(): void {
    if (this.#state.kind === "asking" && this.#state.trust === "whole")
      this.#state = { kind: "asking", trust: "doubtful" };
  }

  /** Opens where that is due; otherwise the linked peers that are to be asked now. */
  step(linked: readonly HostId[], now: Instant): readonly HostId[] {
    if (this.#state.kind !== "asking") return [];
    if (this.#isSure(this.#state.trust, linked, now)) {
      this.#state = { kind: "open" };
      return [];
    }
    const due = linked.filter((host) => !this.#answered.has(host) && this.#isDue(host, now));
    for (const host of due) this.#askedAt.set(host, now);
    return due;
  }

  /** Whether we have moved above this head of another run already. */
  isRefuted({ boot, epoch }: Head): boolean {
    return epoch <= (this.#runs.get(boot)?.epoch ?? 0);
  }

  /** We are to move above this head of another run; unless we have done so too often. */
  outdone(head: Head): "refute" | "cloned" {
    const times = (this.#runs.get(head.boot)?.times ?? 0) + 1;
    this.#runs.set(head.boot, { epoch: head.epoch, times });
    for (const oldest of this.#runs.keys()) {
      if (this.#runs.size <= runsRemembered) break;
      this.#runs.delete(oldest);
    }
    if (times <= this.#options.outdone) return "refute";
    this.#state = { kind: "cloned", boot: head.boot };
    return "cloned";
  }

  #isSure(trust: Trust, linked: readonly HostId[], now: Instant): boolean {
    const first = this.#firstAnswerAt;
    const { aloneMs, glanceMs, settleMs } = this.#options;
    const isQuiet = (ms: number) =>
      first !== undefined && now >= first + ms && linked.every((host) => this.#answered.has(host));
    switch (trust) {
      case "whole":
        return isQuiet(glanceMs) || now >= this.#startedAt + aloneMs;
      case "new":
        return first !== undefined;
      case "doubtful":
        return isQuiet(settleMs);
    }
  }

  #isDue(host: HostId, now: Instant): boolean {
    const asked = this.#askedAt.get(host);
    return asked === undefined || now >= asked + this.#options.askAgainMs;
  }
}
