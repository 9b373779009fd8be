/**
 * What a container runtime asks of a CNI plugin: environment and standard input, read once.
 * https://www.cni.dev/docs/spec/ (1.1.0), sections 1 to 3; where the specification leaves a check
 * open we do what the Go library's skeleton does, since runtimes are tested against that.
 */
import * as v from "valibot";
import { type Cidr, type Ip, type Mac, parseCidr, parseIp, parseMac } from "../base/address.ts";
import { type Label, labelOf } from "../base/id.ts";

/** Versions of the protocol that we speak, the oldest first. */
export const cniVersions = ["0.3.1", "0.4.0", "1.0.0", "1.1.0"] as const;
/** One of them. */
export type CniVersion = (typeof cniVersions)[number];

/** Codes of the specification, section 5; 8 and 999 are of the Go library; from 100 on, our own. */
export const cniCodes = {
  incompatibleVersion: 1,
  unsupportedField: 2,
  badEnvironment: 4,
  ioFailure: 5,
  undecodable: 6,
  badConfig: 7,
  badNamespace: 8,
  tryLater: 11,
  unavailable: 50,
  refused: 100,
  notAsAdded: 101,
  internal: 999,
} as const;

/** What the runtime is told instead of a result. */
export type CniFault = {
  readonly kind: "fault";
  readonly code: number;
  readonly msg: string;
  readonly details?: string;
};

/** The keys of a network configuration that concern us. */
export type CniConfig = {
  readonly version: CniVersion;
  /** The runtime's name of the network, not ours. */
  readonly name: string;
  /** Ours; the same where nobody says otherwise. */
  readonly network: string;
  /** Given: the network is made where there is none. */
  readonly subnets: readonly Cidr[];
  readonly socket: string | undefined;
  readonly dns: unknown;
  readonly prevResult: PrevResult | undefined;
};

/** One interface of one container, as the runtime names it. */
export type CniAttachment = { readonly containerId: string; readonly ifname: string };

/** What is wished for the interface. */
export type CniWish = {
  readonly name: Label | undefined;
  readonly aliases: readonly Label[];
  readonly addresses: readonly Ip[];
  readonly mac: Mac | undefined;
};

/** A call, complete. */
export type CniCall =
  | { readonly kind: "VERSION"; readonly version: string }
  | ({ readonly kind: "ADD"; readonly config: CniConfig } & CniAttachment & {
        readonly netns: string;
        readonly wish: CniWish;
      })
  | ({ readonly kind: "CHECK"; readonly config: CniConfig } & CniAttachment & {
        readonly netns: string;
        readonly prevResult: PrevResult;
      })
  | ({ readonly kind: "DEL"; readonly config: CniConfig } & CniAttachment)
  | { readonly kind: "STATUS"; readonly config: CniConfig }
  | {
      readonly kind: "GC";
      readonly config: CniConfig;
      /** Without the key nothing is valid, as libcni means it. */
      readonly valid: readonly CniAttachment[];
    };

const texts = v.array(v.string());
const resultSchema = v.looseObject({
  interfaces: v.optional(v.nullable(v.array(v.looseObject({ name: v.string() })))),
  ips: v.optional(v.nullable(v.array(v.looseObject({ address: v.string() })))),
  routes: v.optional(v.nullable(v.array(v.looseObject({ dst: v.string() })))),
});
/** The result of the plugins before us, or of all at CHECK; whatever else is in it is kept. */
export type PrevResult = v.InferOutput<typeof resultSchema>;

const attachmentsSchema = v.nullable(
  v.array(v.object({ containerID: v.string(), ifname: v.string() })),
);
const flag = v.union([
  v.boolean(),
  v.pipe(v.string(), v.picklist(["true", "false"]), v.transform(isTrue)),
]);
const configSchema = v.looseObject({
  cniVersion: v.optional(v.string(), "0.1.0"),
  name: v.optional(v.string()),
  network: v.optional(v.pipe(v.string(), v.minLength(1))),
  subnet: v.optional(v.union([v.string(), texts])),
  socket: v.optional(v.string()),
  ipMasq: v.optional(flag),
  isDefaultGateway: v.optional(flag),
  ipam: v.optional(v.nullable(v.looseObject({ type: v.optional(v.string()) }))),
  dns: v.optional(v.looseObject({})),
  prevResult: v.optional(v.nullable(resultSchema)),
  runtimeConfig: v.optional(
    v.looseObject({
      ips: v.optional(texts),
      mac: v.optional(v.string()),
      aliases: v.optional(v.record(v.string(), texts)),
    }),
  ),
  args: v.optional(v.looseObject({ cni: v.optional(v.looseObject({ ips: v.optional(texts) })) })),
  "cni.dev/valid-attachments": v.optional(attachmentsSchema),
  "cni.dev/attachments": v.optional(attachmentsSchema),
});
type Parsed = v.InferOutput<typeof configSchema>;

/** What each command needs in its environment, and the first version that has it. */
const commands = {
  ADD: { needs: ["CONTAINERID", "NETNS", "IFNAME", "PATH"], since: "0.3.1" },
  DEL: { needs: ["CONTAINERID", "IFNAME", "PATH"], since: "0.3.1" },
  CHECK: { needs: ["CONTAINERID", "NETNS", "IFNAME", "PATH"], since: "0.4.0" },
  STATUS: { needs: ["PATH"], since: "1.1.0" },
  GC: { needs: ["PATH"], since: "1.1.0" },
} as const;

/** The call, or what is wrong with it. `env` has every variable with its prefix `CNI_`. */
export function readCall(
  env: { readonly [name: string]: string | undefined },
  input: string,
): CniCall | CniFault {
  const command = env["CNI_COMMAND"] ?? "";
  const plain = decoded(input);
  if (command === "VERSION") return readVersion(plain);
  if (!isCommand(command)) {
    const what = command === "" ? "CNI_COMMAND is missing" : `unknown CNI_COMMAND: ${command}`;
    return fault("badEnvironment", what);
  }
  const { needs, since } = commands[command];
  const missing = needs.filter((name) => (env[`CNI_${name}`] ?? "") === "");
  if (missing.length > 0) {
    const names = missing.map((name) => `CNI_${name}`).join(", ");
    return fault("badEnvironment", `required environment variables are missing: ${names}`);
  }
  if (plain === undefined) return fault("undecodable", "the configuration is not JSON");
  const parsed = v.safeParse(configSchema, plain);
  if (!parsed.success) return badField(parsed.issues);
  const config = readConfig(parsed.output);
  if ("kind" in config) return config;
  if (cniVersions.indexOf(since) > cniVersions.indexOf(config.version)) {
    const message = `version ${config.version} does not know ${command}, which came with ${since}`;
    return fault("incompatibleVersion", message);
  }
  return readCommand(command, config, parsed.output, env);
}

function readCommand(
  kind: keyof typeof commands,
  config: CniConfig,
  parsed: Parsed,
  env: { readonly [name: string]: string | undefined },
): CniCall | CniFault {
  if (kind === "STATUS") return { kind, config };
  if (kind === "GC") return { kind, config, valid: validIn(parsed) };
  const attachment = readAttachment(env);
  if ("kind" in attachment) return attachment;
  if (kind === "DEL") return { kind, config, ...attachment };
  const netns = env["CNI_NETNS"] ?? "";
  if (!/^\/[^\s"'\\]+$/.test(netns) || netns.length > 4_096)
    return fault("badEnvironment", `CNI_NETNS is no path of a namespace: ${netns}`);
  if (kind === "CHECK") {
    const { prevResult } = config;
    if (prevResult === undefined) return fault("badConfig", "CHECK needs a prevResult");
    return { kind, config, ...attachment, netns, prevResult };
  }
  const wish = readWish(parsed, config, env["CNI_ARGS"] ?? "");
  return "kind" in wish ? wish : { kind, config, ...attachment, netns, wish };
}

/** For the runtime. */
export function fault(code: keyof typeof cniCodes, msg: string, details?: string): CniFault {
  const more = details === undefined ? {} : { details };
  return { kind: "fault", code: cniCodes[code], msg, ...more };
}

function decoded(input: string): unknown {
  try {
    return JSON.parse(input);
  } catch {
    return undefined;
  }
}

function readVersion(plain: unknown): CniCall | CniFault {
  const parsed = v.safeParse(v.looseObject({ cniVersion: v.optional(v.string()) }), plain);
  if (!parsed.success) return fault("undecodable", "the input of VERSION is not JSON");
  return { kind: "VERSION", version: parsed.output.cniVersion ?? "0.1.0" };
}

function isCommand(text: string): text is keyof typeof commands {
  return Object.hasOwn(commands, text);
}

function badField(issues: readonly [v.BaseIssue<unknown>, ...v.BaseIssue<unknown>[]]): CniFault {
  const [issue] = issues;
  return fault("badConfig", `${v.getDotPath(issue) ?? "the configuration"}: ${issue.message}`);
}

function readConfig(parsed: Parsed): CniConfig | CniFault {
  const version = cniVersions.find((known) => known === parsed.cniVersion);
  if (version === undefined) {
    const message = `cniVersion ${parsed.cniVersion} is none of ${cniVersions.join(", ")}`;
    return fault("incompatibleVersion", message);
  }
  const { name = "" } = parsed;
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$/.test(name))
    return fault("badConfig", `name ${JSON.stringify(name)} is none of a network configuration`);
  const unsupported = unsupportedIn(parsed);
  if (unsupported !== undefined) return unsupported;
  const { network = name, subnet = [], socket, dns, prevResult } = parsed;
  const subnets = [subnet].flat().map((text) => parseCidr(text));
  if (subnets.length > 2 || !subnets.every((each) => each !== undefined)) {
    const message = `subnet ${JSON.stringify(subnet)}: expected 10.32.0.0/16, or one for each family`;
    return fault("badConfig", message);
  }
  return { version, name, network, subnets, socket, dns, prevResult: prevResult ?? undefined };
}

/** What users of other plugins may have in their configuration and would rely on. */
function unsupportedIn({ ipam, ipMasq, isDefaultGateway }: Parsed): CniFault | undefined {
  if (ipam?.type !== undefined)
    return fault("unsupportedField", `ipam.type=${ipam.type}: Starling gives addresses itself`);
  if (ipMasq === true)
    return fault("unsupportedField", "ipMasq=true: Starling does not translate addresses");
  if (isDefaultGateway === false) {
    const why = "a container without a default route gets one, another keeps its own";
    return fault("unsupportedField", `isDefaultGateway=false: ${why}`);
  }
  return undefined;
}

function validIn(parsed: Parsed): CniAttachment[] {
  // The second is what an early text of the specification said.
  const valid = parsed["cni.dev/valid-attachments"] ?? parsed["cni.dev/attachments"] ?? [];
  return valid.map(({ containerID, ifname }) => ({ containerId: containerID, ifname }));
}

function readAttachment(env: {
  readonly [name: string]: string | undefined;
}): CniAttachment | CniFault {
  const [containerId = "", ifname = ""] = [env["CNI_CONTAINERID"], env["CNI_IFNAME"]];
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$/.test(containerId))
    return fault("badEnvironment", `CNI_CONTAINERID is no id of a container: ${containerId}`);
  if (!/^[a-zA-Z][a-zA-Z0-9_.-]{0,14}$/.test(ifname))
    return fault("badEnvironment", `CNI_IFNAME is no name of an interface: ${ifname}`);
  return { containerId, ifname };
}

/** Arguments that Kubernetes' runtimes send without being asked. */
const knownArgs = [
  ...["IP", "MAC", "IgnoreUnknown", "K8S_POD_NAME", "K8S_POD_NAMESPACE"],
  ...["K8S_POD_INFRA_CONTAINER_ID", "K8S_POD_UID"],
];

function readWish(parsed: Parsed, { name }: CniConfig, text: string): CniWish | CniFault {
  const pairs = text.split(";").filter(Boolean);
  const broken = pairs.find((pair) => !/^[^=]+=[^=]*$/.test(pair));
  if (broken !== undefined) return fault("badEnvironment", `CNI_ARGS: ${broken} is no NAME=VALUE`);
  const args = new Map(pairs.map((pair) => pair.split("=") as [string, string]));
  const strange = [...args.keys()].filter((key) => !knownArgs.includes(key));
  const ignores = /^(1|t|true)$/i.test(args.get("IgnoreUnknown") ?? "");
  if (strange.length > 0 && !ignores)
    return fault("badEnvironment", `CNI_ARGS: unknown ${strange.join(", ")}`);
  const { runtimeConfig, args: own } = parsed;
  const wanted = runtimeConfig?.ips ?? own?.cni?.ips ?? args.get("IP")?.split(",") ?? [];
  const addresses = wanted.filter(Boolean).map((each) => parseIp(each.split("/")[0] ?? ""));
  if (addresses.length > 2 || !addresses.every((ip) => ip !== undefined))
    return fault("badConfig", `ips ${wanted.join(", ")}: expected an address of each family`);
  const asked = runtimeConfig?.mac || args.get("MAC");
  const mac = asked ? parseMac(asked) : undefined;
  if (asked && mac === undefined)
    return fault("badConfig", `mac ${asked} is no unicast Ethernet address`);
  const called = runtimeConfig?.aliases?.[name] ?? [];
  return {
    ...{ addresses, mac, name: labelOf(args.get("K8S_POD_NAME") ?? "") },
    aliases: [...new Set(called.flatMap((alias) => labelOf(alias) ?? []))].slice(0, 16),
  };
}

function isTrue(word: "true" | "false"): boolean {
  return word === "true";
}
