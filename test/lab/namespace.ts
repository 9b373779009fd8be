import { run } from "./process.ts";

export function namespacePath(name: string): string {
  return `/run/netns/${name}`;
}

/**
 * The words that put a command into a named network namespace: nothing but the network changes
 * around it.
 */
export function enterNamespace(name: string): readonly string[] {
  return ["nsenter", `--net=${namespacePath(name)}`];
}

/** A network namespace whose loopback is up. */
export async function addNamespace(name: string): Promise<void> {
  await run(["ip", "netns", "add", name]);
  await run([...enterNamespace(name), "ip", "link", "set", "dev", "lo", "up"]);
}

export async function removeNamespace(name: string): Promise<void> {
  await run(["ip", "netns", "del", name]);
}
