/**
 * The `starling` command. Each group of subcommands is loaded when it is asked for, so that help is
 * there at once.
 */
import { enableCompileCache } from "node:module";
import { Command, CommanderError } from "commander";
import { configDefaults } from "../agent/config.ts";
import { describeError, MeshError } from "../base/errors.ts";
import { printError } from "./output.ts";

enableCompileCache();

const usage = 2;

/** Runs one command line and returns its exit code: 0 done, 1 failed, 2 not understood. */
export async function main(argv: readonly string[]): Promise<number> {
  const program = makeProgram();
  try {
    await program.parseAsync(argv, { from: "user" });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : usage;
    printError(error instanceof MeshError ? describeShort(error) : describeError(error));
    return 1;
  }
}

function makeProgram(): Command {
  const program = new Command("starling")
    .description("Containers on different machines on one wire, without a controller")
    .option(
      "--socket <path>",
      "the agent's socket",
      process.env["STARLING_SOCKET"] ?? configDefaults.socket,
    )
    .showSuggestionAfterError(true)
    .enablePositionalOptions()
    .configureOutput({
      outputError: (text, write) => write(text.replace(/^error: /, "starling: ")),
    })
    .exitOverride();
  addAgent(program);
  addGroup(program, "status", "what the agent says about itself");
  addGroup(program, "members", "the hosts of the cluster, as seen from here");
  addGroup(program, "token", "the command that lets another host join (root only)");
  addGroup(program, "watch", "every change, as it comes");
  addGroup(program, "network", "create, list, inspect and remove networks");
  addGroup(program, "endpoint", "add, list, inspect and remove endpoints of this host");
  addGroup(program, "run", "run a command in a namespace of its own on a network");
  program.command("version").description("the version of this command").action(showVersion);
  return program;
}

type Loaded = { readonly define: (command: Command) => void };

const loaders: { readonly [name: string]: () => Promise<Loaded> } = {
  status: async () => ({ define: (await import("./show.ts")).defineStatus }),
  members: async () => ({ define: (await import("./show.ts")).defineMembers }),
  token: async () => ({ define: (await import("./show.ts")).defineToken }),
  watch: async () => ({ define: (await import("./show.ts")).defineWatch }),
  network: async () => ({ define: (await import("./network.ts")).defineNetwork }),
  endpoint: async () => ({ define: (await import("./endpoint.ts")).defineEndpoint }),
  run: async () => ({ define: (await import("./run.ts")).defineRun }),
  agent: async () => ({ define: (await import("./agent.ts")).defineAgent }),
};

/** A stand-in that passes all its arguments to the real command, once that is loaded. */
function addGroup(program: Command, name: string, description: string): Command {
  return program
    .command(name)
    .description(description)
    .helpOption(false)
    .allowUnknownOption()
    .passThroughOptions()
    .argument("[words...]")
    .action(async (words: readonly string[]) => {
      const { define } = (await loaders[name]?.()) ?? { define: () => undefined };
      const real = program
        .createCommand(`starling ${name}`)
        .copyInheritedSettings(program)
        .description(description);
      real.option(
        "--socket <path>",
        "the agent's socket",
        program.opts<{ socket: string }>().socket,
      );
      define(real);
      await real.parseAsync(words, { from: "user" });
    });
}

function addAgent(program: Command): void {
  addGroup(program, "agent", "run the agent of this host, in the foreground");
}

function showVersion(): void {
  process.stdout.write("starling 0.1.0\n");
}

function describeShort(error: MeshError): string {
  const [first = "", ...causes] = describeError(error).split(": ");
  return causes.length > 6 ? [first, ...causes.slice(0, 6)].join(": ") : describeError(error);
}

if (import.meta.main) process.exitCode = await main(process.argv.slice(2));
