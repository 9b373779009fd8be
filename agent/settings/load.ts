/**
 * What the operator wants, from flags, `STARLING_*`, a file and the defaults, in this order of
 * precedence.
 */
import * as v from "valibot";
import { parse as parseYaml } from "yaml";
import { describeError, MeshError } from "../../base/errors.ts";
import { type Config, configDefaults } from "../config.ts";
import { suggestion } from "../control/faults.ts";

/** Keys as they stand in the file and, with two dashes, on the command line. */
const text = (what: string) =>
  v.pipe(v.string(`expected ${what}`), v.minLength(1, `expected ${what}`));
const port = (what: string) =>
  v.pipe(
    v.union(
      [v.number(), v.pipe(v.string(), v.regex(/^[0-9]{1,5}$/), v.transform(Number))],
      `expected ${what}`,
    ),
    v.integer(`expected ${what}`),
    v.minValue(1, `expected ${what}`),
    v.maxValue(65_535, `expected ${what}`),
  );
const flag = v.union(
  [
    v.boolean(),
    v.pipe(
      v.picklist(["true", "false"]),
      v.transform((word) => word === "true"),
    ),
  ],
  "expected true or false",
);
const seed = v.pipe(
  v.string("expected a host, host:port or multiaddr"),
  v.check(isSeed, (issue) => `${JSON.stringify(issue.input)} is no host, host:port or multiaddr`),
);

const keys = {
  join: v.union(
    [v.array(seed), v.pipe(v.string(), v.transform(splitList), v.array(seed))],
    (issue) =>
      Array.isArray(issue.input) || typeof issue.input === "string"
        ? `${JSON.stringify(issue.input)} holds something that is no host, host:port or multiaddr`
        : "expected a list of seed addresses",
  ),
  token: text("a token"),
  bind: text("an interface or an address"),
  port: port("a TCP port, 1 to 65535"),
  "data-dir": text("a folder"),
  socket: text("a path"),
  "vxlan-port": port("a UDP port, 1 to 65535"),
  name: text("a host name"),
  "purge-on-exit": flag,
} as const;

const settingsSchema = v.strictObject({
  join: v.optional(keys.join),
  token: v.optional(keys.token),
  bind: v.optional(keys.bind),
  port: v.optional(keys.port),
  "data-dir": v.optional(keys["data-dir"]),
  socket: v.optional(keys.socket),
  "vxlan-port": v.optional(keys["vxlan-port"]),
  name: v.optional(keys.name),
  "purge-on-exit": v.optional(keys["purge-on-exit"]),
});

type Settings = v.InferOutput<typeof settingsSchema>;

/** The keys an operator can set. */
export const settingKeys: readonly string[] = Object.keys(keys);

/** Throws a MeshError CONFIG_INVALID that names the source and the key. */
export function loadConfig(sources: {
  /** Values of the flags, by key; undefined where a flag was not given. */
  readonly flags: { readonly [key: string]: unknown };
  readonly env: { readonly [name: string]: string | undefined };
  readonly file: { readonly path: string; readonly text: string } | undefined;
}): Config {
  const { flags, env, file } = sources;
  const fromFile = file === undefined ? {} : settingsOf(file.path, readFile(file));
  const fromEnv = settingsOf("the environment", envSettings(env));
  const fromFlags = settingsOf("the command line", defined(flags));
  return toConfig({ ...fromFile, ...fromEnv, ...fromFlags });
}

function toConfig(settings: Settings): Config {
  return {
    join: settings.join ?? configDefaults.join,
    token: settings.token ?? configDefaults.token,
    bind: settings.bind ?? configDefaults.bind,
    port: settings.port ?? configDefaults.port,
    dataDir: settings["data-dir"] ?? configDefaults.dataDir,
    socket: settings.socket ?? configDefaults.socket,
    vxlanPort: settings["vxlan-port"] ?? configDefaults.vxlanPort,
    name: settings.name ?? configDefaults.name,
    purgeOnExit: settings["purge-on-exit"] ?? configDefaults.purgeOnExit,
  };
}

function settingsOf(source: string, values: unknown): Settings {
  const parsed = v.safeParse(settingsSchema, values);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  const key = String(issue.path?.[0]?.key ?? "");
  if (!settingKeys.includes(key)) {
    const what =
      key === "" ? `expected keys and values` : `unknown key ${key}${suggestion(key, settingKeys)}`;
    throw new MeshError("CONFIG_INVALID", `${source}: ${what}`);
  }
  throw new MeshError("CONFIG_INVALID", `${source}: ${key}: ${issue.message}`);
}

/** YAML, and so JSON as well. An empty file sets nothing. */
function readFile({
  path,
  text: content,
}: {
  readonly path: string;
  readonly text: string;
}): unknown {
  try {
    return parseYaml(content, { maxAliasCount: 0, logLevel: "silent" }) ?? {};
  } catch (cause) {
    const reason = describeError(cause).split(/ at line|:\s*$/)[0];
    const line = /at line ([0-9]+)/.exec(describeError(cause))?.[1];
    const where = line === undefined ? "" : ` line ${line}`;
    throw new MeshError("CONFIG_INVALID", `${path}${where}: ${reason}`, { cause });
  }
}

/** `STARLING_DATA_DIR` is `data-dir`. Variables of other names are nobody's mistake. */
function envSettings(env: { readonly [name: string]: string | undefined }): object {
  return defined(
    Object.fromEntries(
      settingKeys.map((key) => [key, env[`STARLING_${key.toUpperCase().replaceAll("-", "_")}`]]),
    ),
  );
}

function defined(values: { readonly [key: string]: unknown }): object {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

function splitList(list: string): string[] {
  return list.split(/[\s,]+/).filter((item) => item !== "");
}

function isSeed(address: string): boolean {
  if (address.startsWith("/"))
    return /^\/(ip4|ip6|dns|dns4|dns6)\/[^/\s]+(\/tcp\/[0-9]{1,5})?(\/p2p\/\w+)?$/.test(address);
  if (/^\[[0-9a-fA-F:.]+\](:[0-9]{1,5})?$/.test(address)) return true;
  if (/^[0-9a-fA-F:.]+$/.test(address) && address.split(":").length > 2) return true;
  return /^[a-zA-Z0-9]([a-zA-Z0-9.-]{0,252}[a-zA-Z0-9])?(:[0-9]{1,5})?$/.test(address);
}
