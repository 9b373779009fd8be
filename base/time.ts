/** A moment on a clock that never runs backwards, in milliseconds since an arbitrary start. */
export type Instant = number;

/**
 * Where time comes from. `now` is monotonic and orders things; `wallMs` is for people and for
 * nothing else.
 */
export interface Clock {
  now(): Instant;
  wallMs(): number;
}
