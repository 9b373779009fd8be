/**
 * Frames between our endpoints pass the host's packet filter where br_netfilter is on, and Docker
 * sets that filter to drop what it does not know (`iptables -P FORWARD DROP`). To accept a packet
 * in a table of our own is no help: every table may drop. So one rule of ours is in FORWARD:
 *
 *   frame --port--> [ sl-<vni> ] --br_netfilter--> FORWARD: bridged on one of ours? accept
 *                                                           else: as the host's rules say
 *
 * Packets that are routed from one network to another are not bridged, and stay with those rules.
 */
import { readFile } from "node:fs/promises";
import { describeError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { run } from "./run.ts";

const comment = "starling: frames between endpoints";
const rule = [
  ...["FORWARD", "-i", "sl-+", "-m", "physdev", "--physdev-is-bridged"],
  ...["-m", "comment", "--comment", comment, "-j", "ACCEPT"],
];
/** By tool, the switch that says whether bridged packets come past it. */
const filters = {
  iptables: "/proc/sys/net/bridge/bridge-nf-call-iptables",
  ip6tables: "/proc/sys/net/bridge/bridge-nf-call-ip6tables",
} as const;
type Tool = keyof typeof filters;
const tools = Object.keys(filters) as readonly Tool[];

/**
 * Milliseconds between looks: a look is a process, and a reload of a firewall is rare. It is less
 * so when a container starts: the engine may have started just before.
 */
const lookMs = { soon: 1_000, later: 10_000 } as const;
/** Seconds to wait for whoever changes rules at the same time. */
const lockSeconds = "2";

/** Whether the chain, as `iptables -S` prints it, lets everything through or has our rule. */
export function isOpen(chain: string): boolean {
  const lines = chain.trim().split("\n");
  const isUntouched = lines.length === 1 && lines[0] === "-P FORWARD ACCEPT";
  return isUntouched || lines.some((line) => line.includes(`"${comment}"`));
}

/** Keeps the way open. */
export class Passage {
  readonly #log: Log;
  #lookedAt = Number.NEGATIVE_INFINITY;
  readonly #complaints = new Map<Tool, string>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** Puts the rule where it is needed. Looks again only after a while; never rejects. */
  async keep(now: number, again: keyof typeof lookMs = "later"): Promise<void> {
    if (now < this.#lookedAt + lookMs[again]) return;
    this.#lookedAt = now;
    await Promise.all(tools.map((tool) => this.#open(tool)));
  }

  /** Takes the rule away. Never rejects. */
  async remove(): Promise<void> {
    for (const tool of tools) {
      const chain = await this.#chain(tool).catch(() => undefined);
      if (chain?.includes(`"${comment}"`)) {
        await run(tool, ["-w", lockSeconds, "-D", ...rule]).catch(() => undefined);
      }
    }
  }

  async #open(tool: Tool): Promise<void> {
    try {
      const chain = await this.#chain(tool);
      if (chain === undefined || isOpen(chain)) return;
      await run(tool, ["-w", lockSeconds, "-I", ...rule]);
      this.#log.info("way opened through the packet filter", { kind: tool });
    } catch (error) {
      const reason = describeError(error);
      if (this.#complaints.get(tool) === reason) return;
      this.#complaints.set(tool, reason);
      this.#log.warn("cannot open a way through the packet filter", { kind: tool, reason });
    }
  }

  /** Undefined: bridged packets do not come past it. */
  async #chain(tool: Tool): Promise<string | undefined> {
    const isPassed = await readFile(filters[tool], "utf8").catch(() => "0");
    return isPassed.trim() === "1" ? run(tool, ["-w", lockSeconds, "-S", "FORWARD"]) : undefined;
  }
}
