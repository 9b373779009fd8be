/** What may stand behind `--join`: the same texts that the transport can dial (a test compares). */
import { parseIp } from "../../base/address.ts";
import { parseHostId } from "../../base/id.ts";

/** Whether the text is a host, host:port, [IPv6]:port or multiaddr. */
export function isSeed(text: string): boolean {
  if (text.length > 512) return false;
  if (text.startsWith("/")) return isMultiaddr(text);
  const bracketed = /^\[([^\]]*)\](?::(.+))?$/.exec(text);
  if (bracketed !== null) return parseIp(bracketed[1] ?? "") !== undefined && isPort(bracketed[2]);
  if (parseIp(text) !== undefined) return true;
  const named = /^([^:]*)(?::(.+))?$/.exec(text);
  return named !== null && isHost(named[1] ?? "") && isPort(named[2]);
}

/** `/ip4/10.0.0.1/tcp/7790`, with or without `/p2p/<host id>` behind it. */
function isMultiaddr(text: string): boolean {
  const parsed = /^\/(ip4|ip6|dns|dns4|dns6)\/([^/]+)\/tcp\/([^/]+)(?:\/p2p\/([^/]+))?$/.exec(text);
  if (parsed === null) return false;
  const [, protocol = "", name = "", port = "", host] = parsed;
  if (!isPort(port) || (host !== undefined && parseHostId(host) === undefined)) return false;
  if (!protocol.startsWith("ip")) return isHost(name);
  return parseIp(name)?.includes(":") === (protocol === "ip6");
}

function isPort(text: string | undefined): boolean {
  if (text === undefined) return true;
  return /^[0-9]{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65_535;
}

/** An address or a name. What looks like a number but is no address was mistyped. */
function isHost(text: string): boolean {
  if (parseIp(text) !== undefined) return true;
  const isName = /^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*\.?$/i;
  return text.length <= 253 && isName.test(text) && !/(^|\.)[0-9]+\.?$/.test(text);
}
