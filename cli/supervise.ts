/**
 * A command in a network namespace of its own, from beginning to end:
 *
 *   make the namespace -> add the endpoint -> run the command -> remove the endpoint -> remove the namespace
 *
 * Whatever happens on the way, what was made is removed: where we are killed, the namespace ends
 * with the last process in it, and the agent withdraws the endpoint.
 */
import { spawn } from "node:child_process";
import { ControlClient } from "../agent/control/client.ts";
import type { EndpointView, WaitReport } from "../agent/view.ts";
import { describeError, MeshError } from "../base/errors.ts";
import { namespacePath } from "./endpoint.ts";
import { makeNamespace, removeAtDeath, removeNamespace } from "./namespace.ts";
import { makeResolvConf, removeResolvConf, withResolvConf } from "./resolv-conf.ts";
import { exitCodeOf, HeldSignals } from "./signals.ts";
import { printError } from "./terminal.ts";

/** What to run, and how its namespace joins which network. */
export type Plan = {
  readonly words: readonly string[];
  readonly socket: string;
  readonly network: string;
  readonly name: string | undefined;
  readonly addresses: readonly string[];
  readonly waitMs: number | undefined;
};

/** Told when the endpoint is there and the command is about to run. */
export type Attached = (endpoint: EndpointView, wait: WaitReport | undefined) => void;

/** An agent that hangs must not keep the namespace for longer. */
const removalMs = 5_000;

/**
 * Returns the command's exit code, 128+n where a signal ended it. Throws a MeshError where it never
 * ran.
 */
export async function supervise(plan: Plan, attached: Attached): Promise<number> {
  using signals = new HeldSignals();
  signals.passTo((signal) => printError(`${signal}: ends as soon as the agent has answered`));
  const namespace = await makeNamespace();
  using _ = removeAtDeath(namespace);
  let endpoint: string | undefined;
  try {
    const added = await addEndpoint(plan, namespace);
    endpoint = added.endpoint.id;
    if (signals.ended !== undefined) return exitCodeOf(signals.ended);
    attached(added.endpoint, added.wait);
    return await runInside(namespace, await wordsFor(plan, added.endpoint, namespace), signals);
  } finally {
    if (endpoint !== undefined) await removeEndpoint(plan.socket, endpoint);
    await removeResolvConf(namespace);
    await removeNamespace(namespace).catch((error) => printError(describeError(error)));
  }
}

function addEndpoint(plan: Plan, namespace: string) {
  const { socket, network, name, addresses, waitMs } = plan;
  const netns = namespacePath(namespace);
  const body = { network, netns, addresses: [...addresses], ...(name !== undefined && { name }) };
  return new ControlClient(socket).addEndpoint(body, { waitMs });
}

/** The command asks its network for names. */
async function wordsFor(
  { words, socket }: Plan,
  endpoint: EndpointView,
  namespace: string,
): Promise<readonly string[]> {
  const file = await makeResolvConf(new ControlClient(socket), endpoint, namespace);
  return file === undefined ? words : withResolvConf(file, words);
}

/** The command has our terminal, and gets the signals that are sent to us. */
function runInside(
  namespace: string,
  words: readonly string[],
  signals: HeldSignals,
): Promise<number> {
  const child = spawn("nsenter", [`--net=${namespacePath(namespace)}`, "--", ...words], {
    stdio: "inherit",
  });
  signals.passTo((signal) => child.kill(signal));
  return new Promise((resolve, reject) => {
    child.once("error", (cause) => {
      reject(new MeshError("DATAPLANE_UNSUPPORTED", "install util-linux, for nsenter", { cause }));
    });
    child.once("exit", (code, signal) =>
      resolve(signal === null ? (code ?? 0) : exitCodeOf(signal)),
    );
  });
}

async function removeEndpoint(socket: string, endpoint: string): Promise<void> {
  try {
    const client = new ControlClient(socket, { answerMs: removalMs });
    await client.removeEndpoint(endpoint, { waitMs: undefined });
  } catch (error) {
    // Somebody has removed it by hand: that is what we wanted.
    if (error instanceof MeshError && error.code === "UNKNOWN_ENDPOINT") return;
    const what = `endpoint ${endpoint} is still in the map (${describeError(error)})`;
    printError(`${what}; the agent withdraws it when it is back`);
  }
}
