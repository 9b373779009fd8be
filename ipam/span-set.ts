/**
 * A set of addresses as sorted, disjoint spans: what a /64 costs depends on what is in it, and the
 * next address that is not is found by halving.
 */

type Span = { readonly first: bigint; readonly last: bigint };

/** Numbers, kept as runs. */
export class SpanSet {
  readonly #spans: Span[] = [];

  /** Adds all from first to last. */
  add(first: bigint, last: bigint): void {
    // Spans that touch become one.
    const from = this.#indexOf(first - 1n);
    let [low, high] = [first, last];
    let to = from;
    for (; to < this.#spans.length; to += 1) {
      const span = this.#spans[to];
      if (span === undefined || span.first > last + 1n) break;
      if (span.first < low) low = span.first;
      if (span.last > high) high = span.last;
    }
    this.#spans.splice(from, to - from, { first: low, last: high });
  }

  /** Removes all from first to last. */
  delete(first: bigint, last: bigint): void {
    const from = this.#indexOf(first);
    const rest: Span[] = [];
    let to = from;
    for (; to < this.#spans.length; to += 1) {
      const span = this.#spans[to];
      if (span === undefined || span.first > last) break;
      if (span.first < first) rest.push({ first: span.first, last: first - 1n });
      if (span.last > last) rest.push({ first: last + 1n, last: span.last });
    }
    this.#spans.splice(from, to - from, ...rest);
  }

  has(value: bigint): boolean {
    return this.meets(value, value);
  }

  /** Whether any from first to last is in it. */
  meets(first: bigint, last: bigint): boolean {
    const span = this.#spans[this.#indexOf(first)];
    return span !== undefined && span.first <= last;
  }

  /** The lowest from first to last that is not in it. */
  firstAbsent(first: bigint, last: bigint): bigint | undefined {
    const span = this.#spans[this.#indexOf(first)];
    const absent = span !== undefined && span.first <= first ? span.last + 1n : first;
    return absent <= last ? absent : undefined;
  }

  /** How many from first to last are in it. */
  count(first: bigint, last: bigint): bigint {
    let count = 0n;
    for (let at = this.#indexOf(first); at < this.#spans.length; at += 1) {
      const span = this.#spans[at];
      if (span === undefined || span.first > last) break;
      const low = span.first > first ? span.first : first;
      const high = span.last < last ? span.last : last;
      count += high - low + 1n;
    }
    return count;
  }

  /** Index of the first span that ends at or behind a value. */
  #indexOf(value: bigint): number {
    let [low, high] = [0, this.#spans.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const span = this.#spans[middle];
      if (span !== undefined && span.last < value) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
