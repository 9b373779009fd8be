/**
 * One source of chance for each concern, all from one seed: turning a fault off does not shift what
 * the others do, so that a failure can be looked at with less around it.
 */
import { type Random, seededRandom } from "../../base/random.ts";

/** The dice of one concern. */
export function dice(seed: number, concern: string): Random {
  let hash = 0x811c9dc5 ^ seed;
  for (const letter of concern) hash = Math.imul(hash ^ letter.charCodeAt(0), 0x01000193);
  return seededRandom(Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) ^ seed);
}

/** Whether something of this probability happens. */
export function happens(random: Random, percent: number): boolean {
  return random.below(1_000) < 10 * percent;
}
