/** The Docker plugin of one agent: its socket, and its look at Docker. */
import { basename } from "node:path";
import type { Desk } from "../../agent/command.ts";
import type { Log } from "../../base/log.ts";
import type { Random } from "../../base/random.ts";
import type { Clock } from "../../base/time.ts";
import { Pools } from "../docker-pool.ts";
import { callsOf } from "./driver.ts";
import { Engine, type EngineLimits } from "./engine.ts";
import { type Keep, Networks } from "./networks.ts";
import { openPluginServer, type PluginLimits } from "./server.ts";
import { Watcher, type WatcherTiming } from "./watcher.ts";

/** What the plugin lives from. */
export type DockerPluginOptions = {
  /** Where Docker finds us; the file's name without `.sock` is that of the driver. */
  readonly path: string;
  /** The descriptor of a socket that listens there already. */
  readonly inherited: number | undefined;
  /** Where Docker's API is. */
  readonly dockerSocket: string;
  readonly desk: Desk;
  readonly keep: Keep;
  /** What was kept before. */
  readonly rows: Iterable<{ readonly key: string; readonly value: Uint8Array }>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly limits: PluginLimits & EngineLimits & { readonly dockerPools: number };
  readonly timing: WatcherTiming;
};

/** Serves Docker until disposed. Throws a MeshError: SOCKET_UNUSABLE. */
export async function openDockerPlugin(options: DockerPluginOptions): Promise<AsyncDisposable> {
  const { path, inherited, dockerSocket, desk, clock, random, log, limits, timing } = options;
  const networks = new Networks(options);
  const engine = new Engine(dockerSocket, limits);
  const driver = basename(path).replace(/\.sock$/, "");
  const watcher = new Watcher({ engine, desk, networks, clock, log, driver, timing });
  const pools = new Pools(random, limits.dockerPools);
  const touched = watcher.touched.bind(watcher);
  const calls = callsOf({ desk, networks, pools, touched });
  const server = await openPluginServer({ path, inherited, calls, log, limits });
  const closing = new AbortController();
  const watching = watcher.run(closing.signal);
  return {
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]();
      closing.abort();
      await watching;
    },
  };
}
