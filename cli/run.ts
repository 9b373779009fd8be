/** `starling run` */
import type { Command } from "commander";
import type { WaitReport } from "../agent/view.ts";
import { describeError, MeshError } from "../base/errors.ts";
import { isDetached, startDetached, tellBeginning, whenAbandoned } from "./detach.ts";
import { collect, describe, required, socketOf, withJson, withWait } from "./options.ts";
import { type Plan, supervise } from "./supervise.ts";
import { printError, printJson, printLine } from "./terminal.ts";
import { hostNames } from "./wording.ts";

type Options = {
  readonly network?: string;
  readonly name?: string;
  readonly ip?: readonly string[];
  readonly detach?: boolean;
  readonly log?: string;
  readonly json?: boolean;
  readonly wait?: number;
};

/**
 * Where nobody says how long to wait for other hosts' kernels: a packet that comes before they know
 * the way is lost, and who asked for the address asks again after a second. They take milliseconds.
 */
const waitDefaultMs = 1_000;

/** Adds what the command takes and does. */
export function defineRun(command: Command): void {
  describe(command, {
    text:
      "Runs a command in a network namespace of its own, with an interface eth0 on a network. Both " +
      "go when the command ends, and its exit code is ours.",
    example: "starling run --network web --name db -- postgres",
  });
  command
    .argument("<command...>", "the command and its arguments")
    .option("--network <network>", "the network, by name or id")
    .option("--name <name>", "what the endpoint is called")
    .option("--ip <address>", "this address instead of any; once for each family", collect)
    .option("-d, --detach", "leave the command running, and print the endpoint's id")
    .option("--log <file>", "with --detach: where the command's output goes (nowhere)")
    .passThroughOptions();
  withJson(withWait(command)).action(async (words: readonly string[], options: Options) => {
    const plan = planOf(command, words, options);
    if (isDetached()) process.exitCode = await runDetached(plan);
    else if (options.detach === true) await detach(options);
    else if (options.log !== undefined) command.error("error: --log goes with --detach");
    else process.exitCode = await supervise(plan, (_, wait) => warnOf(wait));
  });
}

function planOf(command: Command, words: readonly string[], options: Options): Plan {
  const { name, ip: addresses = [], wait: waitMs = waitDefaultMs } = options;
  const network = required(command, "--network <network>", options.network);
  return { words, socket: socketOf(command), network, name, addresses, waitMs };
}

async function detach({ log, json }: Options): Promise<void> {
  const { endpoint, pid } = await startDetached(log);
  if (json) printJson({ endpoint, pid });
  else printLine(endpoint.id);
}

/** As the copy that `detach` has started. */
async function runDetached(plan: Plan): Promise<number> {
  let hasBegun = false;
  whenAbandoned(() => {
    if (!hasBegun) process.kill(process.pid, "SIGTERM");
  });
  const begin: typeof tellBeginning = (beginning) => {
    if (!hasBegun) tellBeginning(beginning);
    hasBegun = true;
  };
  try {
    return await supervise(plan, (endpoint, wait) => {
      warnOf(wait);
      begin({ kind: "attached", endpoint });
    });
  } catch (error) {
    const code = error instanceof MeshError ? error.code : "INTERNAL";
    begin({ kind: "refused", code, message: describeError(error) });
    return 1;
  }
}

/** The command runs all the same: it waited as long as it was told to. */
function warnOf(wait: WaitReport | undefined): void {
  if (wait === undefined || wait.missing.length === 0) return;
  printError(`after ${wait.ms} ms not yet in the kernel of ${hostNames(wait.missing)}`);
}
