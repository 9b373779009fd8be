/**
 * Reads one command line and runs it. Only what the line asks for is loaded: the other commands are
 * there by name, for help and for "did you mean".
 */
import { Command, CommanderError } from "commander";
import { describeError, MeshError } from "../base/errors.ts";
import { version } from "../base/version.ts";
import { printError, printJson, quietOnBrokenPipe } from "./terminal.ts";

/** Exit codes: what was asked for failed, or was not understood. */
const failed = 1;
const misused = 2;

type Entry = {
  readonly name: string;
  readonly summary: string;
  readonly load: () => Promise<(command: Command) => void>;
};

const entries: readonly Entry[] = [
  {
    name: "agent",
    summary: "run the agent of this host, in the foreground",
    load: async () => (await import("./agent.ts")).defineAgent,
  },
  {
    name: "status",
    summary: "show what the agent says about itself",
    load: async () => (await import("./status.ts")).defineStatus,
  },
  {
    name: "members",
    summary: "list the hosts of the cluster, as seen from here",
    load: async () => (await import("./members.ts")).defineMembers,
  },
  {
    name: "token",
    summary: "print the command that lets another host join; make, list, close tokens (root only)",
    load: async () => (await import("./token.ts")).defineToken,
  },
  {
    name: "admin",
    summary: "add, remove and list hosts that may let others in",
    load: async () => (await import("./admin.ts")).defineAdmin,
  },
  {
    name: "revoke",
    summary: "ban a host's key everywhere and for ever",
    load: async () => (await import("./revoke.ts")).defineRevoke,
  },
  {
    name: "leave",
    summary: "take this host out of the cluster",
    load: async () => (await import("./leave.ts")).defineLeave,
  },
  {
    name: "forget",
    summary: "take out a host that is gone for good",
    load: async () => (await import("./forget.ts")).defineForget,
  },
  {
    name: "ipam",
    summary: "show who has which addresses",
    load: async () => (await import("./ipam.ts")).defineIpam,
  },
  {
    name: "network",
    summary: "create, list, inspect and remove networks",
    load: async () => (await import("./network.ts")).defineNetwork,
  },
  {
    name: "endpoint",
    summary: "add, list, inspect and remove endpoints",
    load: async () => (await import("./endpoint.ts")).defineEndpoint,
  },
  {
    name: "run",
    summary: "run a command in a namespace of its own, on a network",
    load: async () => (await import("./run.ts")).defineRun,
  },
  {
    name: "attach",
    summary: "join a running container to a network",
    load: async () => (await import("./attach.ts")).defineAttach,
  },
  {
    name: "detach",
    summary: "take a container out of a network again",
    load: async () => (await import("./attach.ts")).defineDetach,
  },
  {
    name: "watch",
    summary: "print every change as it comes",
    load: async () => (await import("./watch.ts")).defineWatch,
  },
  {
    name: "version",
    summary: "print the version of this command, and of the agent",
    load: async () => (await import("./version.ts")).defineVersion,
  },
];

/** Runs one command line and returns its exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  quietOnBrokenPipe();
  const words = withoutGreed(argv[0] === "help" ? [...argv.slice(1), "--help"] : argv);
  try {
    const program = await makeProgram(commandIn(words));
    await program.parseAsync(words, { from: "user" });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : misused;
    report(error, asksForJson(words));
    return failed;
  }
}

async function makeProgram(asked: string | undefined): Promise<Command> {
  const program = new Command("starling")
    .description("Containers on different machines on one wire, without a controller.")
    .option("--socket <path>", "the agent's socket (STARLING_SOCKET)")
    .version(version, "-V, --version", "print the version of this command")
    .helpCommand("help [command]", "show how a command is used")
    .enablePositionalOptions()
    .configureOutput({ outputError: (text, write) => write(`starling: ${oneLine(text)}\n`) })
    .exitOverride();
  for (const { name, summary, load } of entries) {
    const command = program.command(name).summary(summary).description(summary);
    if (name === asked) (await load())(command);
  }
  return program;
}

/**
 * `--wait` takes a time only behind an equals sign: in `rm --wait web` the network is not one. What
 * follows `--` is not for us.
 */
function withoutGreed(words: readonly string[]): string[] {
  const end = words.indexOf("--");
  return words.map((word, at) =>
    word === "--wait" && (end < 0 || at < end) ? "--wait=10s" : word,
  );
}

/** The first word that is no option of the program itself. */
function commandIn(words: readonly string[]): string | undefined {
  return words.find((word, at) => !word.startsWith("-") && words[at - 1] !== "--socket");
}

/** Whether a program reads what we print: what follows `--` is not for us. */
function asksForJson(words: readonly string[]): boolean {
  const end = words.indexOf("--");
  return words.slice(0, end < 0 ? words.length : end).includes("--json");
}

/** Commander puts its guess on a line of its own. */
function oneLine(text: string): string {
  return text
    .replace(/^error: /, "")
    .trim()
    .replace(/\n\((?:Did (you mean .*))\)$/, "; did $1")
    .replaceAll("\n", " ");
}

function report(error: unknown, isJson: boolean): void {
  const code = error instanceof MeshError ? error.code : "INTERNAL";
  const message = describeError(error);
  if (isJson) printJson({ error: { code, message } });
  printError(message);
}
