/** Whether this agent serves a Docker, and where. */
import { access, readlink } from "node:fs/promises";
import type { Config } from "../config.ts";

/** Docker's own folder for the sockets of plugins. */
const usualPlace = "/run/docker/plugins/starling.sock";
const installed = ["/usr/bin/dockerd", "/usr/sbin/dockerd", "/usr/local/bin/dockerd"];

/** The path of the plugin's socket; undefined: none is served. */
export async function dockerPlace({
  dockerPlugin,
  dockerSocket,
}: Pick<Config, "dockerPlugin" | "dockerSocket">): Promise<string | undefined> {
  if (dockerPlugin === "off") return undefined;
  if (dockerPlugin !== "auto") return dockerPlugin;
  // Docker moves interfaces out of its own network namespace, so it and we must share one; and an
  // agent in a namespace of a lab has no business with the machine's Docker.
  const namespaces = ["/proc/self/ns/net", "/proc/1/ns/net"];
  const [own, machine] = await Promise.all(
    namespaces.map((path) => readlink(path).catch(() => undefined)),
  );
  if (own === undefined || own !== machine) return undefined;
  const found = await Promise.all([dockerSocket, ...installed].map(isThere));
  return found.includes(true) ? usualPlace : undefined;
}

async function isThere(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
