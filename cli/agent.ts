/** `starling agent`: the daemon, in the foreground. */
import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import { loadConfig } from "../agent/settings/load.ts";
import { MeshError } from "../base/errors.ts";
import { collect } from "./options.ts";

export function defineAgent(command: Command): void {
  command
    .description("run the agent of this host: starling agent --join 10.0.0.1 --token slt1...")
    .option("--join <address>", "a seed: host, host:port or multiaddr; may be repeated", collect)
    .option("--token <token>", "the join token; only until this host is a member")
    .option("--bind <interface>", "interface or address that tunnels are built on")
    .option("--port <port>", "TCP port of agents (7790)")
    .option("--data-dir <folder>", "where state is kept (/var/lib/starling)")
    .option("--vxlan-port <port>", "UDP port of VXLAN, the same on all hosts (4789)")
    .option("--name <name>", "what this host is called (its host name)")
    .option("--config <file>", "YAML or JSON with the same keys; flags and STARLING_* win")
    .option("--purge-on-exit", "remove all our interfaces on exit: for labs")
    .action((options: { readonly [name: string]: unknown }) => run(command, options));
}

async function run(command: Command, options: { readonly [name: string]: unknown }): Promise<void> {
  const path = options["config"] ?? process.env["STARLING_CONFIG"];
  const flags = Object.fromEntries(
    Object.entries(options)
      .filter(([name]) => name !== "config" && name !== "socket")
      .map(([name, value]) => [kebab(name), value]),
  );
  const isGiven =
    command.getOptionValueSource("socket") === "cli" || process.argv.includes("--socket");
  const socket = isGiven ? { socket: options["socket"] } : {};
  const config = loadConfig({
    flags: { ...flags, ...socket },
    env: process.env,
    file: typeof path === "string" ? { path, text: await readConfig(path) } : undefined,
  });
  // The composition root loads libp2p and LevelDB: only who runs an agent pays for them.
  const { runAgent } = await import("../agent/main.ts");
  await runAgent(config, untilSignal());
  // Whatever a library still holds must not keep a stopped agent alive.
  setImmediate(() => process.exit(0)).unref();
}

/** Aborts on the first SIGTERM or SIGINT; the second ends the process at once. */
function untilSignal(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => {
      if (controller.signal.aborted) process.exit(1);
      controller.abort();
    });
  }
  return controller.signal;
}

async function readConfig(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw new MeshError("CONFIG_INVALID", `cannot read ${path}`, { cause });
  }
}

function kebab(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
