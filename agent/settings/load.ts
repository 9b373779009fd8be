/** Lays flags over `STARLING_*` variables over the file over the defaults. */
import { readFile } from "node:fs/promises";
import { isAbsolute, resolve } from "node:path";
import { MeshError } from "../../base/errors.ts";
import { type Config, configDefaults } from "../config.ts";
import { suggestion } from "../control/faults.ts";
import { type ConfigFile, type Entry, readEntries } from "./file.ts";
import { fields, keyOf, options, variableOf } from "./options.ts";

/** Everything that has a say, the strongest first. */
export type Sources = {
  /** By field of Config; undefined where a flag was not given. */
  readonly flags: { readonly [Field in keyof Config]?: unknown };
  readonly env: { readonly [name: string]: string | undefined };
  readonly file: ConfigFile | undefined;
  /** What relative paths of flags and variables start from. */
  readonly folder: string;
};

/** A value, and the words for where it came from. */
type Given = { readonly value: unknown; readonly source: string; readonly folder?: string };
type Layer = { readonly [Field in keyof Config]?: Given };

/** Reads the file that `--config` or STARLING_CONFIG names. Throws a MeshError CONFIG_INVALID. */
export async function readConfig(
  sources: Omit<Sources, "file"> & { readonly path: string | undefined },
): Promise<Config> {
  const path = sources.path ?? (sources.env["STARLING_CONFIG"] || undefined);
  if (path === undefined) return loadConfig({ ...sources, file: undefined });
  const text = await readFile(path, "utf8").catch((cause) => {
    throw new MeshError("CONFIG_INVALID", `cannot read the configuration ${path}`, { cause });
  });
  return loadConfig({ ...sources, file: { path, text } });
}

/** Throws a MeshError CONFIG_INVALID that names what was set, where, and what was expected. */
export function loadConfig({ flags, env, file, folder }: Sources): Config {
  const layers = { ...fileLayer(file), ...envLayer(env, folder), ...flagLayer(flags, folder) };
  const given = <Field extends keyof Config>(field: Field): Config[Field] =>
    readField(field, layers[field]);
  return {
    join: given("join"),
    token: given("token"),
    bind: given("bind"),
    port: given("port"),
    dataDir: pathOf(given("dataDir"), layers.dataDir),
    socket: pathOf(given("socket"), layers.socket),
    dockerPlugin: pathOrWord(given("dockerPlugin"), layers.dockerPlugin),
    dockerSocket: pathOf(given("dockerSocket"), layers.dockerSocket),
    vxlanPort: given("vxlanPort"),
    name: given("name"),
    isolated: given("isolated"),
    dns: given("dns"),
    dnsTtl: given("dnsTtl"),
    dnsUpstreams: given("dnsUpstreams"),
    purgeOnExit: given("purgeOnExit"),
  };
}

function readField<Field extends keyof Config>(
  field: Field,
  given: Given | undefined,
): Config[Field] {
  if (given === undefined) return configDefaults[field];
  const read = options[field].read(given.value);
  if ("value" in read) return read.value;
  throw new MeshError("CONFIG_INVALID", `${given.source}: ${read.fault}`);
}

function pathOf(path: string, given: Given | undefined): string {
  if (given === undefined || isAbsolute(path)) return path;
  if (given.folder !== undefined) return resolve(given.folder, path);
  // Whoever starts the agent, and from where, is none of the file's business.
  const message = `${given.source}: expected an absolute path, not ${JSON.stringify(path)}`;
  throw new MeshError("CONFIG_INVALID", message);
}

function pathOrWord(path: string, given: Given | undefined): string {
  return path === "auto" || path === "off" ? path : pathOf(path, given);
}

function fileLayer(file: ConfigFile | undefined): Layer {
  if (file === undefined) return {};
  return Object.fromEntries(readEntries(file).map((entry) => given(file.path, entry)));
}

function given(path: string, { key, value, line }: Entry): [keyof Config, Given] {
  const where = `${path} line ${line}`;
  const field = fields.find((each) => keyOf(each) === key);
  if (field !== undefined) return [field, { value, source: `${where}: ${key}` }];
  const hint = suggestion(key, fields.map(keyOf));
  throw new MeshError("CONFIG_INVALID", `${where}: unknown key ${JSON.stringify(key)}${hint}`);
}

/** A variable that is empty is not set: that is how one is taken back in a unit file. */
function envLayer(env: Sources["env"], folder: string): Layer {
  return Object.fromEntries(
    fields
      .map((field) => ({ field, source: variableOf(field) }))
      .filter(({ source }) => (env[source] ?? "") !== "")
      .map(({ field, source }) => [field, { value: env[source], source, folder }]),
  );
}

function flagLayer(flags: Sources["flags"], folder: string): Layer {
  return Object.fromEntries(
    fields
      .filter((field) => flags[field] !== undefined)
      .map((field) => [field, { value: flags[field], source: `--${keyOf(field)}`, folder }]),
  );
}
