/** What becomes of what a host wants done, while a bug is planted. */
import type { Effect } from "../../agent/effect.ts";
import type { SimulatedHost } from "./host.ts";

/** What a host wants done becomes something else. */
export type Twist = (host: SimulatedHost, effect: Effect) => readonly Effect[];

/** The twists of the run under way: none, unless a bug is planted. */
export const twists: Twist[] = [];

/** Whose agent is at work just now: bugs and later versions are planted by host. */
export const thinking: { host: SimulatedHost | undefined } = { host: undefined };

/** The effects that come of one. */
export function twisted(host: SimulatedHost, effect: Effect): readonly Effect[] {
  if (twists.length === 0) return [effect];
  return twists.reduce<readonly Effect[]>(
    (effects, twist) => effects.flatMap((each) => twist(host, each)),
    [effect],
  );
}
