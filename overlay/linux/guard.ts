/**
 * The firewall of our devices: two nftables tables of our name that are replaced whole.
 *
 *   inet     frames for our VNIs only from known VTEPs; no endpoint configures this host
 *   bridge   no endpoint configures another
 *
 * For one router advertisement, with CAP_NET_RAW, gives host and neighbours a default route through
 * a container. A VNI is three bytes behind the UDP header (RFC 7348 section 5): older nft has no
 * word for it. A rule is known again by its comment.
 */
import { type Ip, parseIp, parseVni, type Vni } from "../../base/address.ts";
import { describeError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import type { ActualGuard, Guard } from "../dataplane.ts";
import type { Printed, Readings } from "./reader.ts";
import { run } from "./run.ts";

const table = "starling";
const families = ["inet", "bridge"] as const;
const vni = "@th,96,24";

type Rule = { readonly chain: string; readonly match: string; readonly comment: string };

/** The comment says all that a rule depends on, so that another comment is another rule. */
function rulesOf({ vxlanPort }: Pick<Guard, "vxlanPort">): readonly Rule[] {
  const frame = `udp dport ${vxlanPort} ${vni} @vnis`;
  const advert = "icmpv6 type { nd-router-advert, nd-redirect }";
  return [
    {
      chain: "input",
      match: `${frame} ip saddr . ${vni} != @senders4`,
      comment: `starling: unknown IPv4 sender on port ${vxlanPort}`,
    },
    {
      chain: "input",
      match: `${frame} ip6 saddr . ${vni} != @senders6`,
      comment: `starling: unknown IPv6 sender on port ${vxlanPort}`,
    },
    {
      chain: "input",
      match: `iifname "sl-*" ${advert}`,
      comment: "starling: an endpoint is no router",
    },
    {
      chain: "forward",
      match: `iifname "slp*" ${advert}`,
      comment: "starling: an endpoint is no router for others",
    },
  ];
}

/** One transaction that leaves these rules and nothing else in our tables; none: no tables. */
export function guardScript(guard: Guard | undefined): string {
  const clear = families.map(
    (family) => `table ${family} ${table}\ndelete table ${family} ${table}`,
  );
  if (guard === undefined) return `${clear.join("\n")}\n`;
  const pairs = [...guard.senders].flatMap(([of, ips]) => [...ips].map((ip) => ({ ip, of })));
  const listed = (isIpv6: boolean) =>
    pairs.filter(({ ip }) => ip.includes(":") === isIpv6).map(({ ip, of }) => `${ip} . ${of}`);
  return `${clear.join("\n")}
table inet ${table} {
  set vnis { typeof ${vni}; ${elements([...guard.senders.keys()].map(String))} }
  set senders4 { typeof ip saddr . ${vni}; ${elements(listed(false))} }
  set senders6 { typeof ip6 saddr . ${vni}; ${elements(listed(true))} }
  chain input {
    type filter hook input priority -10; policy accept;
${lines(guard, "input")}
  }
}
table bridge ${table} {
  chain forward {
    type filter hook forward priority 0; policy accept;
${lines(guard, "forward")}
  }
}
`;
}

function elements(items: readonly string[]): string {
  return items.length === 0 ? "" : `elements = { ${items.join(", ")} };`;
}

function lines(guard: Guard, chain: string): string {
  const rules = rulesOf(guard).filter((rule) => rule.chain === chain);
  return rules.map(({ match, comment }) => `    ${match} drop comment "${comment}"`).join("\n");
}

/** What nft shows of a table: only what we look at. */
type Shown = {
  readonly chain?: { readonly name: string; readonly hook?: string; readonly policy?: string };
  readonly rule?: { readonly chain: string; readonly comment?: string };
  readonly set?: { readonly name: string; readonly elem?: readonly unknown[] };
};

/** Looks after which refused try another is made: at one every few seconds, about a minute. */
const looksUntilRetry = 20;

/** Keeps the guard. One for each dataplane: it remembers that its rules were not taken. */
export class Guardian {
  readonly #log: Log;
  #refusal: { readonly reason: string; looks: number } | undefined;
  #complaint: string | undefined;

  constructor(log: Log) {
    this.#log = log;
  }

  /** What the kernel has of it, out of what nft printed of our two tables. */
  read({ inet, bridge }: Pick<Readings, "inet" | "bridge">): ActualGuard {
    const shown = [inet, bridge].map(tableIn);
    const reason = shown.find((one) => typeof one === "string" && !isAbsence(one));
    if (typeof reason === "string") return this.#unsupported(reason);
    const tables = shown.filter((one) => typeof one !== "string");
    if (tables.length > 0) {
      return { kind: "present", guard: tables.length === 2 ? guardIn(tables.flat()) : undefined };
    }
    if (this.#refusal === undefined || this.#refusal.looks === 0) return { kind: "absent" };
    this.#refusal.looks -= 1;
    return this.#unsupported(this.#refusal.reason);
  }

  /** Sets it, or removes it. What this kernel or nft cannot do is no failure: a dump says it. */
  async set(guard: Guard | undefined): Promise<void> {
    try {
      await run("nft", ["-f", "-"], guardScript(guard));
      this.#refusal = undefined;
      this.#complaint = undefined;
    } catch (error) {
      if (guard !== undefined)
        this.#refusal = { reason: describeError(error), looks: looksUntilRetry };
    }
  }

  #unsupported(reason: string): ActualGuard {
    if (this.#complaint !== reason) {
      this.#complaint = reason;
      this.#log.warn("no guard against unknown senders", { reason });
    }
    return { kind: "unsupported", reason };
  }
}

/** The table, or why there is none to see. */
function tableIn(printed: Printed): readonly Shown[] | string {
  if ("reason" in printed) return printed.reason;
  return (JSON.parse(printed.text) as { readonly nftables: readonly Shown[] }).nftables;
}

function isAbsence(reason: string): boolean {
  return reason.includes("No such file or directory");
}

/** The guard that tables of ours hold; undefined where they are not as we make them. */
function guardIn(shown: readonly Shown[]): Guard | undefined {
  const rules = shown.flatMap(({ rule }) => (rule === undefined ? [] : [rule]));
  const vxlanPort = Number(/ on port ([0-9]+)$/.exec(rules[0]?.comment ?? "")?.[1]);
  const right = rulesOf({ vxlanPort });
  const isWhole =
    rules.length === right.length &&
    rules.every(({ chain, comment }, at) => {
      return chain === right[at]?.chain && comment === right[at]?.comment;
    });
  const hooks = shown.flatMap(({ chain }) => (chain === undefined ? [] : [chain]));
  const isHooked =
    hooks.length === 2 &&
    hooks.every(({ name, hook, policy }) => name === hook && policy === "accept");
  if (!isWhole || !isHooked) return undefined;
  return { vxlanPort, senders: sendersIn(shown) };
}

function sendersIn(shown: readonly Shown[]): Map<Vni, Set<Ip>> {
  const items = (name: string) => shown.find(({ set }) => set?.name === name)?.set?.elem ?? [];
  const vnis = items("vnis").map((value) => parseVni(Number(value)));
  const senders = new Map<Vni | undefined, Set<Ip>>(vnis.map((of) => [of, new Set()]));
  for (const item of [...items("senders4"), ...items("senders6")]) {
    const [address, value] = (item as { readonly concat?: readonly unknown[] }).concat ?? [];
    const ip = parseIp(String(address));
    if (ip !== undefined) senders.get(parseVni(Number(value)))?.add(ip);
  }
  return senders as Map<Vni, Set<Ip>>;
}
