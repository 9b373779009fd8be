/**
 * One Docker engine on one host of the lab. The plugin sockets an engine looks for are at one path
 * of the machine, so each has a mount namespace of its own, held by a process that outlives dockerd
 * as a machine does:
 *
 *   host's network namespace: agent --serves--> <folder>/plugins/starling.sock
 *        |                                           | the same folder
 *        +-- view (mount namespace): dockerd reads /run/docker/plugins
 *                                    containerd, shims, containers below it
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { watch, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isUsersLab } from "../lab/enter.ts";
import type { Host } from "../lab/host.ts";
import { attempt, type Process, type Result, type RunOptions, run } from "../lab/process.ts";
import { within } from "../lab/within.ts";
import { obstacleTo } from "../vagrant/obstacle.ts";
import { killAll, processesIn, removeCgroup } from "./cgroup.ts";
import { busyboxArchive, image } from "./image.ts";

export type EngineOptions = {
  /** Containers run on while dockerd is away. */
  readonly liveRestore?: boolean;
  /** Further flags of dockerd. */
  readonly flags?: readonly string[];
};

const startMs = 60_000;
const stopMs = 30_000;
const commandMs = 60_000;

/** Why no engine can be started here; undefined where one can. */
export function engineObstacle(): string | undefined {
  if (isUsersLab()) return "only root can start an engine";
  return obstacleTo("dockerd", "docker", "busybox");
}

/** A dockerd with its containers: started, stopped, killed, started again on the same data. */
export class Engine implements AsyncDisposable {
  readonly host: Host;
  /** What `docker -H` and the agent are told. */
  readonly socket: string;
  /** Where a plugin of this engine listens: what dockerd sees as /run/docker/plugins. */
  readonly plugins: string;
  /** What dockerd printed since it was first started. */
  readonly log: string;
  readonly #folder: string;
  readonly #cgroup: string;
  #options: EngineOptions;
  #view: Process | undefined;
  #daemon: Process | undefined;

  private constructor(host: Host, options: EngineOptions) {
    this.host = host;
    this.#folder = join(host.folder, "docker");
    this.socket = join(this.#folder, "docker.sock");
    this.plugins = join(this.#folder, "run", "plugins");
    this.log = join(this.#folder, "dockerd.log");
    // A lab has process numbers of its own, control groups are the machine's.
    this.#cgroup = `starling-${process.env["STARLING_LAB_PID"]}-${host.name}`;
    this.#options = options;
  }

  /** An engine that answers and has the image. */
  static async open(host: Host, options: EngineOptions = {}): Promise<Engine> {
    const engine = new Engine(host, options);
    await using undo = new AsyncDisposableStack();
    undo.use(engine);
    mkdirSync(engine.plugins, { recursive: true });
    await engine.#openView();
    await engine.start();
    await engine.docker("import", await busyboxArchive(), image);
    undo.move();
    return engine;
  }

  get pid(): number {
    return this.#daemon?.pid ?? -1;
  }

  get isRunning(): boolean {
    return this.#daemon?.isRunning === true;
  }

  /** The words that put a command where dockerd is: its network, and the mounts it sees. */
  get enter(): readonly string[] {
    return [...this.host.enter, "nsenter", `--mount=/proc/${this.#view?.pid}/ns/mnt`];
  }

  /** Where dockerd keeps network namespaces of its own, for who has gone in by `enter`. */
  get namespaces(): string {
    return join(this.#folder, "exec", "netns");
  }

  /** Runs a docker command against this engine and returns what it printed. */
  async docker(...args: string[]): Promise<string> {
    return (await run(this.command(args), this.#run())).trim();
  }

  /** The same, whatever its exit code. */
  async tryDocker(...args: string[]): Promise<Result> {
    return attempt(this.command(args), this.#run());
  }

  /** The words of a docker command, for who runs it another way. */
  command(args: readonly string[]): readonly string[] {
    return [cli(), "-H", `unix://${this.socket}`, ...args];
  }

  /** A docker command that keeps running, as `docker events`. */
  spawn(...args: string[]): Process {
    return this.host.spawn(this.command(args), this.#run().env);
  }

  /** Runs `docker compose` in a folder, as Debian has it. */
  async compose(folder: string, ...args: string[]): Promise<string> {
    const env = { ...this.#run().env, DOCKER_HOST: `unix://${this.socket}` };
    return run(["docker-compose", "--project-directory", folder, ...args], {
      env,
      withinMs: commandMs,
    });
  }

  /** Starts a container that sleeps for ever and ends at once when told to; returns its id. */
  async sleeper(...args: string[]): Promise<string> {
    return this.docker("run", "-d", "--stop-signal", "KILL", ...args, image, "sleep", "2000000000");
  }

  /** Runs a command in a container. */
  async exec(container: string, ...argv: string[]): Promise<string> {
    return this.docker("exec", container, ...argv);
  }

  async inspect<T>(kind: "container" | "network", name: string): Promise<T> {
    const [first] = JSON.parse(await this.docker(kind, "inspect", name)) as T[];
    if (first === undefined) throw new Error(`${this.host.name}: no ${kind} ${name}`);
    return first;
  }

  /** Resolves when dockerd answers. */
  async start(options: EngineOptions = this.#options): Promise<void> {
    this.#options = options;
    const config = join(this.#folder, "daemon.json");
    await writeFile(config, JSON.stringify({ "live-restore": options.liveRestore === true }));
    rmSync(this.socket, { force: true });
    const appeared = appears(this.#folder, "docker.sock");
    // In files, since containerd and the shims would hold a pipe open beyond dockerd's end.
    const quiet = ["sh", "-c", `exec "$@" </dev/null >>${this.log} 2>&1`, "dockerd"];
    const daemon = this.host.spawn([...this.enter, ...quiet, ...this.#argv(config)]);
    this.#daemon = daemon;
    const ended = daemon.exited.then(() => {
      throw new Error(`dockerd ended:\n${this.logTail()}`);
    });
    ended.catch(() => undefined);
    try {
      await within(startMs, `${this.host.name}: dockerd's socket`, Promise.race([appeared, ended]));
      await within(startMs, `${this.host.name}: docker version`, this.docker("version"));
    } catch (error) {
      throw new Error(`${this.host.name}: dockerd does not start:\n${this.logTail()}`, {
        cause: error,
      });
    }
  }

  /** As `systemctl stop docker`: without live-restore the containers stop, with it they run on. */
  async stop(): Promise<void> {
    const daemon = this.#daemon;
    if (daemon?.isRunning !== true) return;
    daemon.kill("SIGTERM");
    await within(stopMs, `${this.host.name}: dockerd's end`, daemon.exited);
  }

  /** SIGKILL to dockerd alone: containerd, shims and containers have no say and run on. */
  async kill(): Promise<void> {
    await this.#daemon?.stop("SIGKILL");
  }

  async restart(options: EngineOptions = this.#options): Promise<void> {
    await this.stop();
    await this.start(options);
  }

  /**
   * What a power cut does to everything of Docker's on this host: processes, mounts and control
   * groups are gone, the disk is as it was. `start()` then finds a machine that has just booted.
   */
  async crash(): Promise<void> {
    // Who is killed may just have started another, which the list did not have.
    for (let all = this.#processes(); all.length > 0; all = this.#processes()) await killAll(all);
    await removeCgroup(this.#cgroup);
    await this.#view?.[Symbol.asyncDispose]();
    this.#view = undefined;
    rmSync(join(this.#folder, "exec"), { recursive: true, force: true });
    rmSync(join(this.#folder, "run"), { recursive: true, force: true });
    mkdirSync(this.plugins, { recursive: true });
  }

  /** After `crash()`: the machine is there again, and Docker's service with it. */
  async boot(options: EngineOptions = this.#options): Promise<void> {
    await this.#openView();
    await this.start(options);
  }

  logTail(count = 15): string {
    if (!existsSync(this.log)) return "";
    return readFileSync(this.log, "utf8").trim().split("\n").slice(-count).join("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.crash();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #openView(): Promise<void> {
    const shown = join(this.#folder, "run");
    // Copies of the other hosts' namespaces would keep those alive here after they are gone.
    const script = [
      "umount --recursive --lazy /run/netns 2>/dev/null || true",
      `mkdir -p /run/docker && mount --bind ${shown} /run/docker`,
      "echo ready && exec sleep infinity",
    ].join(" && ");
    const view = this.host.spawn(["unshare", "--mount", "sh", "-c", script]);
    this.#view = view;
    await view.out.until(/^ready$/, { withinMs: 10_000 });
  }

  #argv(config: string): readonly string[] {
    const folder = this.#folder;
    return [
      ...["dockerd", "-H", `unix://${this.socket}`, "--config-file", config],
      ...["--data-root", join(folder, "data"), "--exec-root", join(folder, "exec")],
      ...["-p", join(folder, "dockerd.pid"), "--cgroup-parent", `/${this.#cgroup}`],
      // Where systemd runs the machine, it is not what runs this host.
      ...["--exec-opt", "native.cgroupdriver=cgroupfs"],
      ...(this.#options.flags ?? []),
    ];
  }

  /** Everything below dockerd, also where dockerd itself is gone. */
  #processes(): readonly number[] {
    const view = this.#view?.pid;
    const inView = view === undefined ? [] : sharingMounts(view).filter((pid) => pid !== view);
    return [...inView, ...processesIn(this.#cgroup)];
  }

  #run(): RunOptions {
    return { withinMs: commandMs, env: { DOCKER_CONFIG: join(this.#folder, "cli") } };
  }
}

/** Debian's own, whose version is the engine's, where the machine has another one before it. */
function cli(): string {
  return existsSync("/usr/bin/docker") ? "/usr/bin/docker" : "docker";
}

function sharingMounts(pid: number): readonly number[] {
  const of = (one: number): string | undefined => {
    try {
      return readlinkSync(`/proc/${one}/ns/mnt`);
    } catch {
      return undefined;
    }
  };
  const wanted = of(pid);
  if (wanted === undefined) return [];
  const all = readdirSync("/proc").map(Number).filter(Number.isInteger);
  return all.filter((one) => of(one) === wanted);
}

/** Resolves when a file of this name is in the folder. */
async function appears(folder: string, name: string): Promise<void> {
  const events = watch(folder, { signal: AbortSignal.timeout(startMs) });
  if (existsSync(join(folder, name))) return;
  for await (const { filename } of events) {
    if (filename === name && existsSync(join(folder, name))) return;
  }
}
