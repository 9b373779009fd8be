import type { Clock } from "../time.ts";

/**
 * The machine's clocks. `now` is milliseconds since the process started and never runs backwards.
 */
export const systemClock: Clock = {
  now: () => performance.now(),
  wallMs: () => Date.now(),
};
