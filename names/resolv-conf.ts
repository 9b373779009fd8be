/** The resolvers that a resolv.conf names (resolv.conf(5)). */
import { type Ip, parseIp } from "../base/address.ts";

/** The system's own resolver looks at three. */
const serversAtMost = 3;
/** Longer than any that was written by hand. */
const textAtMost = 64 * 1024;

/**
 * Where other names are asked for, in order: without those that are this agent's own, which would
 * ask us again. A link-local address with a zone is left out.
 */
export function upstreamsIn(text: string, own: ReadonlySet<Ip>): readonly Ip[] {
  const lines = text.slice(0, textAtMost).split("\n");
  const servers = lines.flatMap((line) => {
    const [, address = ""] = /^nameserver[ \t]+([^ \t#;\r]+)/.exec(line) ?? [];
    return parseIp(address) ?? [];
  });
  return [...new Set(servers)].filter((ip) => !own.has(ip)).slice(0, serversAtMost);
}
