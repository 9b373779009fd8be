/**
 * Virtual time: events run in order of their time, equal times in order of their making. Nothing
 * ever waits.
 */
import type { Clock, Instant } from "../../base/time.ts";

type Event = { readonly at: Instant; readonly order: number; readonly run: () => void };

export class Schedule implements Clock {
  readonly #heap: Event[] = [];
  #now: Instant = 0;
  #order = 0;
  #count = 0;

  now(): Instant {
    return this.#now;
  }

  /** A wall clock that nothing may depend on, in whole milliseconds; hosts skew their own. */
  wallMs(): number {
    return 1_800_000_000_000 + Math.floor(this.#now);
  }

  /** Events run so far. */
  get count(): number {
    return this.#count;
  }

  after(ms: number, run: () => void): void {
    this.#order += 1;
    this.#push({ at: this.#now + Math.max(0, ms), order: this.#order, run });
  }

  /** Runs the next event; false where there is none before `end`. */
  step(end: Instant): boolean {
    const next = this.#heap[0];
    if (next === undefined || next.at > end) {
      this.#now = Math.max(this.#now, end);
      return false;
    }
    this.#pop();
    this.#now = next.at;
    this.#count += 1;
    next.run();
    return true;
  }

  #push(event: Event): void {
    const heap = this.#heap;
    heap.push(event);
    for (let at = heap.length - 1; at > 0; ) {
      const up = (at - 1) >> 1;
      if (isBefore(heap[up], heap[at])) break;
      swap(heap, up, at);
      at = up;
    }
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (heap.length === 0 || last === undefined) return;
    heap[0] = last;
    for (let at = 0; ; ) {
      const [left, right] = [2 * at + 1, 2 * at + 2];
      let least = at;
      if (left < heap.length && isBefore(heap[left], heap[least])) least = left;
      if (right < heap.length && isBefore(heap[right], heap[least])) least = right;
      if (least === at) return;
      swap(heap, at, least);
      at = least;
    }
  }
}

function isBefore(a: Event | undefined, b: Event | undefined): boolean {
  if (a === undefined || b === undefined) return false;
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

function swap(heap: Event[], a: number, b: number): void {
  [heap[a], heap[b]] = [heap[b] as Event, heap[a] as Event];
}
