/** `starling agent`: the daemon, in the foreground. */
import type { Command } from "commander";
import type { Config } from "../agent/config.ts";
import { readConfig } from "../agent/settings/load.ts";
import { fields, keyOf, options } from "../agent/settings/options.ts";
import { collect } from "./options.ts";

type Flags = { readonly [Field in keyof Config]?: unknown } & { readonly config?: string };

/** Adds what the command takes and does. */
export function defineAgent(command: Command): void {
  command.description(
    "Runs the agent of this host in the foreground. Without --join it founds a cluster, or goes on " +
      "in the one on disk. Each flag is also a key of the file (data-dir) and a variable " +
      "(STARLING_DATA_DIR); flags win over variables, and these over the file.",
  );
  for (const field of fields) {
    const { argument, isRepeatable, help } = options[field];
    const flag = argument === undefined ? keyOf(field) : `${keyOf(field)} <${argument}>`;
    if (isRepeatable) command.option(`--${flag}`, help, collect);
    else command.option(`--${flag}`, help);
  }
  command
    .option("--config <file>", "a file of these settings, YAML or JSON")
    .addHelpText("after", "\nExample:\n  starling agent --join 10.0.0.1 --token slt1...")
    .action(() => run(command));
}

async function run(command: Command): Promise<void> {
  // Every user of the host can read a command line, and a token may stand in ours.
  process.title = "starling agent";
  const { config: path, ...flags } = command.optsWithGlobals<Flags>();
  const config = await readConfig({ flags, env: process.env, path, folder: process.cwd() });
  const signal = untilTold();
  // The composition root brings libp2p and LevelDB: only who runs an agent pays for them.
  const { runAgent } = await import("../agent/main.ts");
  await runAgent(config, signal);
  // Whatever a library still holds must not keep a stopped agent alive.
  setImmediate(() => process.exit());
}

/** Aborts on the first SIGTERM or SIGINT; the second ends the process at once. */
function untilTold(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => {
      if (controller.signal.aborted) process.exit(1);
      controller.abort();
    });
  }
  return controller.signal;
}
