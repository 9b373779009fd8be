/**
 * What a command on a network asks for names: the network's gateways, which answer for its
 * endpoints and pass on what is not theirs. A file that only the command sees in the place of the
 * host's.
 */
import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { ControlClient } from "../agent/control/client.ts";
import type { EndpointView, NetworkView } from "../agent/view.ts";

/** Where the file of a namespace lies: it ends with the machine at the latest. */
export function resolvConfPath(namespace: string): string {
  return `/run/starling/resolv.conf.${namespace}`;
}

/** Writes it and returns its path; undefined where this host's agent answers no names. */
export async function makeResolvConf(
  client: ControlClient,
  { network }: EndpointView,
  namespace: string,
): Promise<string | undefined> {
  const { dns } = await client.status();
  if (!dns.isOn) return undefined;
  const path = resolvConfPath(namespace);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, resolvConf(await client.network(network.id)));
  return path;
}

/** Takes it away, if it is there. */
export async function removeResolvConf(namespace: string): Promise<void> {
  await rm(resolvConfPath(namespace), { force: true });
}

/** `db` and `db.web` are enough for a name of the network `web`. */
export function resolvConf({ name, gateways }: Pick<NetworkView, "name" | "gateways">): string {
  const servers = gateways.map((gateway) => `nameserver ${gateway}\n`);
  return `${servers.join("")}search ${name}.starling starling\noptions timeout:2 attempts:2\n`;
}

/**
 * The words that run a command with the file in the place of /etc/resolv.conf, in a view of the
 * files that is the command's own. Where that cannot be, it runs all the same.
 */
export function withResolvConf(path: string, words: readonly string[]): string[] {
  const complaint =
    "starling: this command asks the host's resolver, which does not know endpoints";
  const script = `mount --bind "$0" /etc/resolv.conf || echo "${complaint}" >&2; exec "$@"`;
  return ["unshare", "--mount", "--propagation", "slave", "--", "sh", "-c", script, path, ...words];
}
