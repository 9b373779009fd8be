/**
 * A machine that was copied while it ran: the same identity and the same disk, in two processes.
 * The others reach now the one and now the other, as where two machines share an address; whoever
 * is not reached stands still.
 */
import type { Cluster } from "./cluster.ts";
import { SimulatedHost } from "./host.ts";
import { markingLog } from "./marking-log.ts";

/** Two lives of one host. */
export class Clones {
  readonly first: SimulatedHost;
  readonly second: SimulatedHost;
  readonly #cluster: Cluster;
  #isFirst = true;

  /** Copies a host's disk, and its machine with it. */
  constructor(cluster: Cluster, host: SimulatedHost) {
    const { schedule, network, random } = cluster;
    this.#cluster = cluster;
    this.first = host;
    // What two say under one name nobody is held to.
    cluster.witness.distrust(host.id);
    const mark = (name: string) => cluster.mark(name);
    const log = markingLog({ mark, note: (text) => cluster.note(host.n, 13, text) });
    const { n, seeds } = host;
    this.second = new SimulatedHost({ n, schedule, network, random, log, seeds });
    this.second.disk.copyFrom(host.disk);
    this.#turn();
  }

  /** The one that is reached just now. */
  get reached(): SimulatedHost {
    return this.#isFirst ? this.first : this.second;
  }

  /** From now on the other one is reached. */
  swap(): void {
    this.#isFirst = !this.#isFirst;
    this.#turn();
  }

  #turn(): void {
    const [on, off] = this.#isFirst ? [this.first, this.second] : [this.second, this.first];
    this.#cluster.network.reset(off.id);
    if (off.isUp) off.pause();
    this.#cluster.network.join(on);
    if (on.isUp) on.resume();
    else on.boot();
  }
}
