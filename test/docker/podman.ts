/**
 * Podman on one host of the lab, with storage, networks and control groups of its own. Without a
 * daemon: each command is one.
 */
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isUsersLab } from "../lab/enter.ts";
import type { Host } from "../lab/host.ts";
import { attempt, type Result, run } from "../lab/process.ts";
import { obstacleTo } from "../vagrant/obstacle.ts";
import { removeCgroup } from "./cgroup.ts";
import { busyboxArchive, image } from "./image.ts";

const commandMs = 60_000;
const plugin = new URL("../../bin/starling-cni", import.meta.url).pathname;

/** Why Podman cannot be used here; undefined where it can. */
export function podmanObstacle(): string | undefined {
  if (isUsersLab()) return "only root can run these containers";
  return obstacleTo("podman", "busybox");
}

export class Podman implements AsyncDisposable {
  readonly host: Host;
  readonly #folder: string;
  readonly #cgroup: string;

  private constructor(host: Host) {
    this.host = host;
    this.#folder = join(host.folder, "podman");
    this.#cgroup = `starling-podman-${process.env["STARLING_LAB_PID"]}-${host.name}`;
  }

  /** With the image, and these networks' configurations by file name. */
  static async open(host: Host, networks: { readonly [file: string]: object }): Promise<Podman> {
    const podman = new Podman(host);
    await using undo = new AsyncDisposableStack();
    undo.use(podman);
    podman.#configure(networks);
    await podman.run("import", await busyboxArchive(), image);
    undo.move();
    return podman;
  }

  /** With which any `podman` command is one of this host's. */
  get env(): NodeJS.ProcessEnv {
    return {
      CONTAINERS_CONF: join(this.#folder, "containers.conf"),
      CONTAINERS_STORAGE_CONF: join(this.#folder, "storage.conf"),
    };
  }

  async run(...args: string[]): Promise<string> {
    return (await run(this.#command(args), this.#options())).trim();
  }

  /** The same, whatever its exit code. */
  async tryRun(...args: string[]): Promise<Result> {
    return attempt(this.#command(args), this.#options());
  }

  /** A container that sleeps for ever. */
  async sleeper(...args: string[]): Promise<string> {
    const cgroup = ["--cgroup-parent", `/${this.#cgroup}`];
    const name = ["--pull=never", ...args, image, "sleep", "2000000000"];
    return this.run("run", "-d", "--stop-signal", "KILL", ...cgroup, ...name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.tryRun("rm", "-f", "-t", "0", "--all");
    await removeCgroup(this.#cgroup);
    await attempt(["umount", "--recursive", "--lazy", this.#folder]);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #configure(networks: { readonly [file: string]: object }): void {
    const [plugins, configs] = [join(this.#folder, "plugins"), join(this.#folder, "networks")];
    for (const folder of [plugins, configs]) mkdirSync(folder, { recursive: true });
    symlinkSync(plugin, join(plugins, "starling-cni"));
    for (const [file, config] of Object.entries(networks))
      writeFileSync(join(configs, file), JSON.stringify(config));
    const lines = [
      "[network]",
      'network_backend = "cni"',
      `cni_plugin_dirs = ["${plugins}", "/usr/lib/cni"]`,
      `network_config_dir = "${configs}"`,
      "[engine]",
      ...['cgroup_manager = "cgroupfs"', 'events_logger = "none"'],
      `tmp_dir = "${join(this.#folder, "tmp")}"`,
    ];
    writeFileSync(join(this.#folder, "containers.conf"), `${lines.join("\n")}\n`);
    const storage = [
      ...["[storage]", 'driver = "vfs"', `graphroot = "${join(this.#folder, "root")}"`],
      `runroot = "${join(this.#folder, "run")}"`,
    ];
    writeFileSync(join(this.#folder, "storage.conf"), `${storage.join("\n")}\n`);
  }

  #command(args: readonly string[]): readonly string[] {
    return [...this.host.enter, "podman", ...args];
  }

  #options() {
    return { env: this.env, withinMs: commandMs };
  }
}
