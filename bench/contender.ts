import type { Host } from "../test/lab/host.ts";
import type { Sightings } from "./sightings.ts";

/** One agent of a product under test. */
export type Runner = {
  readonly host: Host;
  readonly pid: number;
  readonly sightings: Sightings;
};

/**
 * A product whose agents run on the lab's hosts, the first host being everybody's seed. What one
 * bench asks of all products, so that they are measured by the same code.
 */
export interface Contender extends AsyncDisposable {
  readonly product: string;
  readonly runners: readonly Runner[];
  /**
   * Everybody joins the first host's agent at once; returns when that was. `isWarm` holds back
   * until all programs run, where a product can be held.
   */
  storm(isWarm: boolean): Promise<number>;
  /** One runner makes updates, as fast as it takes them; returns when all are accepted. */
  update(runner: Runner, names: readonly string[]): Promise<void>;
  kill(runner: Runner): Promise<void>;
  /** After `kill`: it comes back with what its disk holds. */
  restart(runner: Runner): Promise<void>;
  pause(runner: Runner): void;
  resume(runner: Runner): void;
}
