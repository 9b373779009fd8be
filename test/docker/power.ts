import type { Host } from "../lab/host.ts";
import type { DockerHost } from "./cluster.ts";

/**
 * A host loses power: its agent, its engine and all containers are gone at once, and so is what its
 * kernel held. The disk, and the cable to the other hosts, stay.
 */
export async function cutPower({ host, engine, agent }: DockerHost): Promise<void> {
  await agent.kill();
  await engine.crash();
  await forgetKernel(host);
}

/** It has power again: the agent's service starts, then Docker's. */
export async function boot({ engine, agent }: DockerHost): Promise<void> {
  await agent.restart();
  await engine.boot();
}

/** Links, rules and tables, as a kernel that has just started has none. */
async function forgetKernel(host: Host): Promise<void> {
  await host.run(["nft", "flush", "ruleset"]);
  const kept = ["lo", host.device];
  for (;;) {
    const text = await host.run(["ip", "-o", "link", "show"]);
    const names = [...text.matchAll(/^\d+: ([^:@]+)/gm)].map(([, name = ""]) => name);
    const [next] = names.filter((name) => !kept.includes(name));
    if (next === undefined) return;
    // One at a time: the other end of a pair goes with it.
    await host.run(["ip", "link", "del", "dev", next]);
  }
}
