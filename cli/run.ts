/**
 * `starling run`: a command in a network namespace of its own, on a network.
 *
 *   make the namespace -> add the endpoint -> run the command -> remove the endpoint -> remove the namespace
 *
 * With -d the same is done by a copy of this command that has left our session; we wait until its
 * endpoint is there.
 */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { closeSync, openSync, writeSync } from "node:fs";
import { constants } from "node:os";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import type { Command } from "commander";
import type { ControlClient } from "../agent/control/client.ts";
import { describeError, MeshError } from "../base/errors.ts";
import { netnsPath } from "./endpoint.ts";
import { clientOf, collect } from "./options.ts";
import { printError, printLine } from "./output.ts";

type Options = {
  readonly network: string;
  readonly name?: string;
  readonly ip?: readonly string[];
  readonly detach?: boolean;
  readonly log?: string;
};

const run = promisify(execFile);
/**
 * Set for the copy that supervises a detached command: it says its endpoint's id on this
 * descriptor.
 */
const reportVariable = "STARLING_RUN_REPORT";
const reportDescriptor = 3;

export function defineRun(command: Command): void {
  command
    .description("run a command on a network: starling run --network web --name db -- postgres")
    .requiredOption("--network <network>", "the network, by name or id")
    .option("--name <name>", "what the endpoint is called")
    .option("--ip <address>", "this address instead of any; once for each family", collect)
    .option("-d, --detach", "print the endpoint's id and leave the command running")
    .option("--log <file>", "with --detach: where the command's output goes (nowhere)")
    .argument("<command...>")
    .passThroughOptions()
    .action(async (words: readonly string[], options: Options) => {
      process.exitCode =
        options.detach === true
          ? await detach(options)
          : await supervise(words, options, clientOf(command));
    });
}

async function supervise(
  words: readonly string[],
  options: Options,
  client: ControlClient,
): Promise<number> {
  const namespace = `sl-${randomBytes(6).toString("hex")}`;
  await inNamespace(() => run("ip", ["netns", "add", namespace]));
  let endpoint: string | undefined;
  try {
    const added = await client.addEndpoint(
      {
        network: options.network,
        netns: netnsPath(namespace),
        addresses: [...(options.ip ?? [])],
        ...(options.name !== undefined && { name: options.name }),
      },
      { waitMs: undefined },
    );
    endpoint = added.endpoint.id;
    report(endpoint);
    return await untilEnd(words, namespace);
  } finally {
    await cleanUp(client, endpoint, namespace);
  }
}

/**
 * Runs the command with our terminal, hands our signals on, and resolves with what the shell would
 * show.
 */
function untilEnd(words: readonly string[], namespace: string): Promise<number> {
  const child = spawn("nsenter", [`--net=${netnsPath(namespace)}`, "--", ...words], {
    stdio: ["inherit", "inherit", "inherit"],
  });
  const signals = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const;
  const forward = (signal: NodeJS.Signals) => {
    // A terminal has sent its interrupt to the command as well.
    if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
  };
  for (const signal of signals) process.on(signal, forward);
  return new Promise((resolve, reject) => {
    child.once("error", (cause) => {
      reject(
        new MeshError("DATAPLANE_UNSUPPORTED", "cannot run nsenter: install util-linux", { cause }),
      );
    });
    child.once("close", (code, signal) => {
      for (const name of signals) process.off(name, forward);
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal]));
    });
  });
}

/** Both, whatever becomes of the first: an agent that is away must not keep the namespace. */
async function cleanUp(
  client: ControlClient,
  endpoint: string | undefined,
  namespace: string,
): Promise<void> {
  try {
    if (endpoint !== undefined) await client.removeEndpoint(endpoint, { waitMs: undefined });
  } catch (error) {
    const later = "the agent withdraws it when it finds the namespace gone";
    printError(`endpoint ${endpoint} could not be removed (${describeError(error)}); ${later}`);
  }
  await inNamespace(() => run("ip", ["netns", "del", namespace]));
}

/**
 * Starts a copy of ourselves that supervises, and waits until it says that the endpoint is there.
 */
async function detach({ log }: Options): Promise<number> {
  const output = openSync(log ?? "/dev/null", "a");
  const argv = process.argv.slice(1).filter((word, at, all) => !isDetachFlag(word, at, all));
  const child = spawn(process.execPath, [...process.execArgv, ...argv], {
    detached: true,
    stdio: ["ignore", output, output, "pipe"],
    env: { ...process.env, [reportVariable]: String(reportDescriptor) },
  });
  const id = await firstLine(child);
  child.unref();
  if (id === undefined) {
    const where = log === undefined ? "run it without --detach to see why" : `${log} says why`;
    printError(`the command could not be started; ${where}`);
    return 1;
  }
  printLine(id);
  return 0;
}

/** `-d` is ours only before the command's own words. */
function isDetachFlag(word: string, at: number, all: readonly string[]): boolean {
  const end = all.indexOf("--");
  return (word === "-d" || word === "--detach") && (end < 0 || at < end);
}

async function firstLine(child: ChildProcess): Promise<string | undefined> {
  const pipe = child.stdio[reportDescriptor];
  if (pipe === null || pipe === undefined || !("read" in pipe)) return undefined;
  for await (const line of createInterface({ input: pipe })) return line;
  return undefined;
}

function report(endpoint: string): void {
  const descriptor = process.env[reportVariable];
  if (descriptor === undefined) return;
  delete process.env[reportVariable];
  writeSync(Number(descriptor), `${endpoint}\n`);
  closeSync(Number(descriptor));
}

async function inNamespace(what: () => Promise<unknown>): Promise<void> {
  try {
    await what();
  } catch (cause) {
    const advice = "run this as root, with iproute2 installed";
    throw new MeshError("NOT_PERMITTED", `cannot make or remove a network namespace; ${advice}`, {
      cause,
    });
  }
}
