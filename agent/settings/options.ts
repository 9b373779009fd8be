/**
 * What an operator can set: keys of the file, flags with two dashes before them, and variables
 * (`data-dir`, `--data-dir`, `STARLING_DATA_DIR`), with what each takes.
 */

import { type Ip, parseIp } from "../../base/address.ts";
import { parseName } from "../../base/id.ts";
import { type Config, configDefaults, limits } from "../config.ts";
import { isSeed } from "./seed.ts";

/** A value, or what is wrong with the one given. */
export type Read<Value> = { readonly value: Value } | { readonly fault: string };

/** One thing that can be set. */
export type Option<Value> = {
  /** As help shows the flag; undefined: it takes no value. */
  readonly argument: string | undefined;
  readonly isRepeatable: boolean;
  readonly help: string;
  readonly read: (value: unknown) => Read<Value>;
};

type Options = { readonly [Field in keyof Config]: Option<Config[Field]> };

const { port, dataDir, socket, dockerPlugin, dockerSocket, vxlanPort, dnsTtl } = configDefaults;

/** By field of Config. */
export const options: Options = {
  join: {
    ...option(
      "address",
      "a seed: host, host:port, [IPv6]:port or multiaddr; repeatable",
      readSeeds,
    ),
    isRepeatable: true,
  },
  token: option("token", "the join token; needed until this host is a member", readToken),
  bind: option("interface", "interface or address to build tunnels on", readBind),
  port: option("port", `TCP port of agents (${port})`, readPort),
  dataDir: option("folder", `where this host's state is kept (${dataDir})`, readPath),
  socket: option("path", `where the API is served (${socket})`, readPath),
  dockerPlugin: option("path", `Docker's plugin socket, auto or off (${dockerPlugin})`, readPath),
  dockerSocket: option("path", `where Docker's API is (${dockerSocket})`, readPath),
  vxlanPort: option("port", `UDP port of VXLAN, the same on all hosts (${vxlanPort})`, readPort),
  name: option("name", "what this host is called (its host name)", readHostName),
  isolated: option(undefined, "go on although no other host answers", readSwitch),
  dns: option("on|off", "answer names at the gateways of this host's networks (on)", readOnOff),
  dnsTtl: option("seconds", `how long an answer may be remembered (${dnsTtl})`, readTtl),
  dnsUpstreams: {
    ...option(
      "address",
      "a resolver for other names (those of /etc/resolv.conf); repeatable",
      readUpstreams,
    ),
    isRepeatable: true,
  },
  purgeOnExit: option(undefined, "remove all our interfaces on exit: for labs", readSwitch),
};

/** Every field, in the order of help. */
export const fields = Object.keys(options) as readonly (keyof Config)[];

/** `data-dir` for dataDir. */
export function keyOf(field: keyof Config): string {
  return field.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** `STARLING_DATA_DIR` for dataDir. */
export function variableOf(field: keyof Config): string {
  return `STARLING_${keyOf(field).toUpperCase().replaceAll("-", "_")}`;
}

function option<Value>(
  argument: string | undefined,
  help: string,
  read: (value: unknown) => Read<Value>,
): Option<Value> {
  return { argument, isRepeatable: false, help, read };
}

function readSeeds(value: unknown): Read<readonly string[]> {
  const list = typeof value === "string" ? value.split(/[\s,]+/).filter(Boolean) : value;
  const expected = "a host, host:port, [IPv6]:port or multiaddr";
  if (!Array.isArray(list)) return { fault: `expected ${expected}, or a list of them` };
  if (list.length === 0 && value !== list) return { fault: `expected ${expected}` };
  const wrong = list.find((seed) => typeof seed !== "string" || !isSeed(seed));
  if (wrong !== undefined) return { fault: `${JSON.stringify(wrong)} is no ${expected.slice(2)}` };
  if (list.length > limits.seeds) return { fault: `expected at most ${limits.seeds} addresses` };
  return { value: list as string[] };
}

function readToken(value: unknown): Read<string> {
  const isToken = typeof value === "string" && /^[\x21-\x7e]{1,1024}$/.test(value);
  return isToken ? { value } : { fault: "expected a token: one word that begins with slt1." };
}

function readBind(value: unknown): Read<string> {
  const isBind =
    typeof value === "string" &&
    (parseIp(value) !== undefined || /^[^\s/:\p{C}]{1,15}$/u.test(value));
  return isBind ? { value } : wrong(value, "an interface or an address of this host");
}

function readPort(value: unknown): Read<number> {
  const number = typeof value === "string" && /^[0-9]{1,5}$/.test(value) ? Number(value) : value;
  const isPort =
    typeof number === "number" && Number.isInteger(number) && number >= 1 && number <= 65_535;
  return isPort ? { value: number } : wrong(value, "a port from 1 to 65535");
}

function readPath(value: unknown): Read<string> {
  const isPath = typeof value === "string" && /^\P{C}{1,4096}$/u.test(value);
  return isPath ? { value } : wrong(value, "a path");
}

function readHostName(value: unknown): Read<string> {
  const label = typeof value === "string" ? value.toLowerCase().split(".")[0] : undefined;
  const isName = label !== undefined && parseName(label) !== undefined;
  const expected = "a name of 1 to 63 letters, digits and hyphens";
  return isName ? { value: value as string } : wrong(value, expected);
}

function readSwitch(value: unknown): Read<boolean> {
  if (typeof value === "boolean") return { value };
  if (value === "true" || value === "1") return { value: true };
  if (value === "false" || value === "0") return { value: false };
  return wrong(value, "true or false");
}

function readOnOff(value: unknown): Read<boolean> {
  if (value === "on" || value === "off") return { value: value === "on" };
  const read = readSwitch(value);
  return "value" in read ? read : wrong(value, "on or off");
}

function readTtl(value: unknown): Read<number> {
  const number = typeof value === "string" && /^[0-9]{1,3}$/.test(value) ? Number(value) : value;
  const isTtl =
    typeof number === "number" && Number.isInteger(number) && number >= 1 && number <= 60;
  return isTtl ? { value: number } : wrong(value, "seconds, from 1 to 60");
}

function readUpstreams(value: unknown): Read<readonly Ip[]> {
  const list = typeof value === "string" ? value.split(/[\s,]+/).filter(Boolean) : value;
  const expected = "addresses of resolvers, without ports";
  if (!Array.isArray(list) || (list.length === 0 && value !== list)) return wrong(value, expected);
  const read = list.map((each) => (typeof each === "string" ? parseIp(each) : undefined));
  const at = read.indexOf(undefined);
  if (at >= 0) return { fault: `${JSON.stringify(list[at])} is no address of a resolver` };
  if (list.length > limits.dnsUpstreams)
    return { fault: `expected at most ${limits.dnsUpstreams} addresses` };
  return { value: read as Ip[] };
}

function wrong(value: unknown, expected: string): { readonly fault: string } {
  if (value === null || value === "")
    return { fault: `expected ${expected}, and nothing is there` };
  const isText = typeof value === "string";
  const shown = JSON.stringify(isText ? value.slice(0, 80) : value)?.slice(0, 80);
  return { fault: `expected ${expected}, not ${shown ?? typeof value}` };
}
