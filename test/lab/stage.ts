/** Where fault tests play: a cluster at work, judged, with a ping that must lose nothing. */
import { seededRandom } from "../../base/random.ts";
import type { AgentOptions } from "./agent.ts";
import { Churn } from "./churn.ts";
import { type Cluster, formCluster } from "./cluster.ts";
import type { Endpoint } from "./endpoint.ts";
import { Inspector } from "./invariants.ts";
import { Lab } from "./lab.ts";
import type { Ping } from "./ping.ts";
import { attempt } from "./process.ts";

export type StageOptions = {
  /** The first two carry the ping, between endpoints x and y. */
  readonly hosts: readonly string[];
  readonly agent?: AgentOptions;
  /** Decides what the churn does. */
  readonly seed?: number;
  /** Changes each second. */
  readonly perSecond?: number;
  readonly slotsPerHost?: number;
  /** What is done to the data folders of some hosts before their agents start. */
  readonly disks?: Readonly<Record<string, (folder: string) => Promise<void>>>;
};

export class Stage implements AsyncDisposable {
  readonly lab: Lab;
  readonly cluster: Cluster;
  readonly inspector: Inspector;
  readonly churn: Churn;
  readonly x: Endpoint;
  readonly y: Endpoint;
  /** From x to y, every 10 ms. */
  #ping: Ping;
  readonly #parts: AsyncDisposableStack;

  private constructor(
    parts: AsyncDisposableStack,
    set: Pick<Stage, "lab" | "cluster" | "inspector" | "churn" | "x" | "y">,
  ) {
    this.#parts = parts;
    this.lab = set.lab;
    this.cluster = set.cluster;
    this.inspector = set.inspector;
    this.churn = set.churn;
    this.x = set.x;
    this.y = set.y;
    this.#ping = parts.use(set.x.startPing(set.y, 10));
  }

  /** Everything runs but the churn. */
  static async open(options: StageOptions): Promise<Stage> {
    const { hosts, agent, seed = 1, perSecond = 20, slotsPerHost = 8 } = options;
    const { disks = {} } = options;
    const [first = "", second = ""] = hosts;
    await using parts = new AsyncDisposableStack();
    const lab = parts.use(await Lab.open({ hosts }));
    for (const [name, prepare] of Object.entries(disks)) {
      const { dataDir } = lab.host(name);
      await prepare(dataDir);
      // Nothing where it is no mount.
      parts.defer(() => attempt(["umount", "--lazy", dataDir]).then(() => undefined));
    }
    const cluster = await formCluster(lab, agent);
    const { agents } = cluster;
    const inspector = parts.use(await Inspector.open(agents));
    await cluster.network("web", "10.32.0.0/16");
    const x = await cluster.endpoint(first, { network: "web", name: "x" });
    const y = await cluster.endpoint(second, { network: "web", name: "y" });
    for (const { view } of [x, y]) inspector.ledger.added(view);
    const { ledger } = inspector;
    const random = seededRandom(seed);
    const wish = { agents, ledger, network: "web", random, perSecond, slotsPerHost };
    const churn = parts.use(await Churn.open(wish));
    const stage = new Stage(parts.move(), { lab, cluster, inspector, churn, x, y });
    await stage.pinged(5);
    return stage;
  }

  /** Resolves when so many more pings have been answered. */
  async pinged(count: number, withinMs = 5_000 + 50 * count): Promise<void> {
    await this.#ping.answered(count, withinMs);
  }

  /** How many pings were lost since this was last asked; a new ping goes on. */
  async pingsLost(): Promise<number> {
    await this.#ping.answered(10);
    const { sent, received } = await this.#ping.stop();
    this.#ping = this.#parts.use(this.x.startPing(this.y, 10));
    return sent - received;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.disposeAsync();
  }
}
